"""The keys of `[bootchain]`; what libostree's own group says is left alone."""

import pytest

from bootentries.errors import BootentriesError
from bootentries.esp.config import EspConfig, parse_esp_config, read_esp_config
from prepare_root.formats import FormatError


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("", EspConfig()),
        ("[sysroot]\nbootloader=grub2\n", EspConfig()),
        ("[bootchain]\nbootloader=sdboot\n", EspConfig(True)),
        ("[bootchain]\nbootloader=none\nesp=/efi\n", EspConfig(False, ("/efi",))),
        ("[bootchain]\nesp= /efi ; PARTUUID=a;;\n", EspConfig(False, ("/efi", "PARTUUID=a"))),
    ],
)
def test_values(text, config):
    assert parse_esp_config(text.encode()) == config


def test_a_loader_that_nobody_knows():
    with pytest.raises(FormatError) as caught:
        parse_esp_config(b"[bootchain]\nbootloader=grub2\n")
    assert str(caught.value) == "[bootchain] bootloader: 'grub2' is not one of sdboot, none"


def test_the_file_is_named(fake, root):
    assert read_esp_config(root.fd) == EspConfig()
    fake.config("[bootchain]\nbootloader=x\n")
    with pytest.raises(BootentriesError, match="read repository: ostree/repo/config: "):
        read_esp_config(root.fd)
