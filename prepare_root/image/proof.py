"""What must hold of a static executable, read from the linked file itself.

Runs on the file before it is stripped, since two of the checks read the symbol table.
Each check takes the opened file and returns what is wrong with it, or None.
"""

import re
from collections.abc import Callable
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from prepare_root.image.errors import ImageError

# Bytes of the stripped executable, by the CPython that is linked.
BUDGETS = {(3, 11): 4 << 20, (3, 13): 5 << 20}

PF_X, PF_W = 1, 2

# What loads code, asks the system's configuration behind a program's back, or waits for
# random numbers.  A static
# glibc reaches all of it through these names; one that is not linked cannot be called.
FORBIDDEN = re.compile(
    r"""
      _*dlm?open(_mode)? | _*dlv?sym | __libc_dl(open|sym)\w* | _dl_open(_worker)?
    | _*iconv(_open|_close)? | __gconv_(open|find_shlib|load_conf|load_cache|lookup_cache)
    | __nss_\w+ | _nss_\w+ | getaddrinfo | getnameinfo
    | get(pw|gr|sp)(nam|gid|uid|ent)(_r)? | get(host|net|serv|proto)by\w+
    | sodium_init | randombytes\w*
    """,
    re.VERBOSE,
)


def interpreter(elf: ELFFile) -> str | None:
    """A program interpreter would have to be in the initramfs too."""
    if any(segment["p_type"] == "PT_INTERP" for segment in elf.iter_segments()):
        return "has a program interpreter (PT_INTERP)"
    return None


def libraries(elf: ELFFile) -> str | None:
    """So would shared libraries."""
    for segment in elf.iter_segments("PT_DYNAMIC"):
        assert isinstance(segment, DynamicSegment)
        for tag in segment.iter_tags("DT_NEEDED"):
            return f"needs the shared library {tag.needed}"  # type: ignore[attr-defined]
    return None


def writable_code(elf: ELFFile) -> str | None:
    """No memory is both writable and executable."""
    for segment in elf.iter_segments("PT_LOAD"):
        if segment["p_flags"] & PF_W and segment["p_flags"] & PF_X:
            return f"has a writable and executable segment at {segment['p_vaddr']:#x}"
    return None


def executable_stack(elf: ELFFile) -> str | None:
    """A missing PT_GNU_STACK means an executable stack as well."""
    stacks = list(elf.iter_segments("PT_GNU_STACK"))
    if not stacks or stacks[0]["p_flags"] & PF_X:
        return "has an executable stack"
    return None


def reachable(elf: ELFFile) -> str | None:
    """No NSS, iconv or dlopen; a stripped file proves nothing."""
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return "has no symbol table to look at"
    found = sorted(
        {
            symbol.name
            for symbol in table.iter_symbols()
            if symbol["st_shndx"] != "SHN_UNDEF"
            and symbol["st_info"]["type"] in ("STT_FUNC", "STT_GNU_IFUNC")
            and FORBIDDEN.fullmatch(symbol.name)
        }
    )
    return f"links {', '.join(found)}" if found else None


def written_snapshot(elf: ELFFile) -> str | None:
    """glibc fills in addresses that depend on the processor when a program starts; one in
    the snapshot would be that of the machine that built it."""
    snapshot = elf.get_section_by_name(".snapshot")
    if snapshot is None:
        return None
    for section in elf.iter_sections("SHT_RELA"):
        assert isinstance(section, RelocationSection)
        for relocation in section.iter_relocations():
            place = relocation["r_offset"] - snapshot["sh_addr"]
            if 0 <= place < snapshot["sh_size"]:
                return f"relocates {relocation['r_offset']:#x} in the snapshot at start"
    return None


def program(elf: ELFFile) -> str | None:
    """An object file would pass the other checks."""
    if elf["e_type"] not in ("ET_EXEC", "ET_DYN"):
        return f"is no executable ({elf['e_type']})"
    return None


CHECKS: tuple[Callable[[ELFFile], str | None], ...] = (
    program,
    interpreter,
    libraries,
    writable_code,
    executable_stack,
    reachable,
    written_snapshot,
)


def check(path: Path) -> tuple[str, ...]:
    """Raise ImageError for the first thing that is wrong with the unstripped `path`.

    Returns notes on what is accepted.
    """
    with path.open("rb") as stream:
        try:
            elf = ELFFile(stream)
            for one in CHECKS:
                wrong = one(elf)
                if wrong is not None:
                    raise ImageError("prove executable", path.name, wrong)
            fixed = elf["e_type"] == "ET_EXEC"
        except ELFError as error:
            raise ImageError("prove executable", path.name, f"not an ELF file: {error}") from error
    return ("fixed load address (ET_EXEC)",) if fixed else ()


def budget(version: tuple[int, int]) -> int:
    """The most bytes that an executable with CPython `version` may have."""
    return BUDGETS[version]


def check_size(path: Path, budget: int) -> int:
    """The size of the stripped `path`; raises ImageError when it is over `budget` bytes."""
    size = path.stat().st_size
    if size > budget:
        raise ImageError(
            "prove executable", path.name, f"{size} bytes, over the budget of {budget}"
        )
    return size
