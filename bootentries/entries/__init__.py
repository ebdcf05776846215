"""Boot Loader Specification entries: their text, their names, their titles."""
