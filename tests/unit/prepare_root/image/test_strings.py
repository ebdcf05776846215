"""The plain string functions, in a static program of their own beside the simplest ones."""

import subprocess
from pathlib import Path

import pytest

from prepare_root.image import binary

# Every function on short texts of two letters and the ends between them: all cases there are.
PROGRAM = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define CHECK(is) do { if (!(is)) { printf("%s: '%s' '%s' %zu\n", #is, a, b, n); wrong = 1; } \
    } while (0)

static int sign(int number) { return (number > 0) - (number < 0); }

static int order(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
        if (a[i] == 0) return 0;
    }
    return 0;
}

static size_t first(const char *a, int c)
{
    size_t i = 0;

    while (a[i] && a[i] != (char)c) i++;
    return i;
}

static int check(const char *a, const char *b, size_t n)
{
    int wrong = 0;
    size_t la = first(a, 0), lb = first(b, 0), at = la + 1, i;
    char to[16], wanted[16];
    wchar_t wa[16], wb[16], wto[16];

    for (i = 0; i <= la; i++) wa[i] = (unsigned char)a[i];
    for (i = 0; i <= lb; i++) wb[i] = (unsigned char)b[i];
    CHECK(sign(strcmp(a, b)) == order(a, b, 16));
    CHECK(sign(strncmp(a, b, n)) == order(a, b, n));
    memset(to, 'x', 16);
    CHECK(strcpy(to, a) == to && memcmp(to, a, la + 1) == 0 && to[la + 1] == 'x');
    memset(to, 'x', 16);
    CHECK(stpcpy(to, a) == to + la && memcmp(to, a, la + 1) == 0 && to[la + 1] == 'x');
    memset(to, 'x', 16), memset(wanted, 'x', 16);
    for (i = 0; i < n; i++) wanted[i] = i < la ? a[i] : 0;
    CHECK(strncpy(to, a, n) == to && memcmp(to, wanted, 16) == 0);
    for (const char *c = "a\xff";; c++) {
        int one = (unsigned char)*c;

        CHECK(strchrnul(a, one) == a + first(a, one));
        CHECK(strchr(a, one) == (a[first(a, one)] == (char)one ? a + first(a, one) : NULL));
        for (at = la + 1; at > 0 && a[at - 1] != (char)one; at--) ;
        CHECK(strrchr(a, one) == (at ? a + at - 1 : NULL));
        CHECK(memrchr(a, one, la + 1) == (at ? a + at - 1 : NULL));
        CHECK(memrchr(a, one, 0) == NULL);
        CHECK(wcsrchr(wa, one) == (at ? wa + at - 1 : NULL));
        at = first(a, one);
        CHECK(wcschr(wa, one) == (at < la || one == 0 ? wa + at : NULL));
        CHECK(wmemchr(wa, one, la) == (at < la ? wa + at : NULL));
        if (one == 0) break;
    }
    CHECK(rawmemchr(a, 0) == a + la);
    CHECK(strnlen(a, n) == (la < n ? la : n));
    for (at = 0; at <= la && order(a + at, b, lb); at++) ;
    CHECK(strstr(a, b) == (at <= la ? a + at : NULL));
    CHECK(sign(wcscmp(wa, wb)) == order(a, b, 16));
    CHECK(sign(wcsncmp(wa, wb, n)) == order(a, b, n));
    CHECK(wcscpy(wto, wa) == wto && wmemcmp(wto, wa, la + 1) == 0);
    CHECK(wcslen(wa) == la);
    CHECK(wcsnlen(wa, n) == (la < n ? la : n));
    CHECK(la != lb || sign(wmemcmp(wa, wb, la)) == order(a, b, la));
    wmemset(wto, 7, n);
    for (i = 0; i < n; i++) CHECK(wto[i] == 7);
    return wrong;
}

static void text(unsigned number, char *to)
{
    size_t length = number % 5;

    for (number /= 5; length > 0; length--, number /= 2) *to++ = number % 2 ? 'a' : '\xff';
    *to = 0;
}

int main(void)
{
    char a[8], b[8];
    int wrong = 0;

    for (unsigned i = 0; i < 80; i++)
        for (unsigned j = 0; j < 80; j++)
            for (size_t n = 0; n < 6; n++)
                text(i, a), text(j, b), wrong |= check(a, b, n);
    return wrong;
}
"""


def program(directory: Path, spoil: tuple[str, str] | None = None) -> Path:
    source = (binary.SOURCES / "leftout_strings.c").read_text()
    if spoil:
        assert spoil[0] in source
        source = source.replace(*spoil)
    (directory / "strings.c").write_text(source)
    # The tests' own calls must not be replaced by what the compiler knows about them.
    (directory / "main.c").write_text(PROGRAM)
    out = directory / "program"
    for name, flags in (("strings", binary.CFLAGS), ("main", ("-w", "-fno-builtin"))):
        words = ["gcc", *flags, *binary.SECTIONS, "-c", f"{name}.c", "-o", f"{name}.o"]
        subprocess.run(words, cwd=directory, check=True, capture_output=True)
    words = ["gcc", "-static", "-no-pie", "-Wl,--gc-sections", "-o", out, "main.o", "strings.o"]
    subprocess.run(words, cwd=directory, check=True, capture_output=True)
    return out


def test_all_short_texts(tmp_path: Path) -> None:
    done = subprocess.run([program(tmp_path)], capture_output=True, encoding="latin-1", check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "while (*left != '\\0' && *left == *right)",
            "while (*left == *right && *left > 0)",
            "strcmp",
        ),
        ("return end == NULL ? size :", "return end == NULL ? size + 1 :", "strnlen"),
    ],
)
def test_a_mistake_is_seen(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    done = subprocess.run(
        [program(tmp_path, (right, wrong))], capture_output=True, encoding="latin-1", check=False
    )
    assert said in done.stdout
    assert done.returncode == 1
