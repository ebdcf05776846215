"""The host side: everything between an OSTree deployment and the bootloader."""

__version__ = "0.1.0"
