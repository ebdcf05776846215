"""The part about verbs has all results, in tables that Markdown takes."""

from bench import page, verbs_page
from bench.verbs import Taken, VerbRow, Verbs

FOUND = Verbs(
    "Debian sid: ostree 2026.4-1",
    (VerbRow("`bootentries --version`", Taken(0.04, 0.03), Taken(0.02, 0.02)),),
    (VerbRow("`status` of 500 deployments", Taken(0.06, 0.05), Taken(0.05, 0.04)),),
)


def test_everything_is_there() -> None:
    lines = verbs_page.text(FOUND, "make bench BENCH='--quick'").splitlines()
    for line in (
        "Made by `make bench BENCH='--quick'`, in one run. Times vary with the machine; read the"
        " ratios.",
        "Debian sid: ostree 2026.4-1.",
        "| `status` of 500 deployments | 60.00 ms | 50.00 ms | 1.20 | 50.00 ms | 40.00 ms | 1.25 |",
        "| `bootentries --version` | 40.00 ms | 20.00 ms | 2.00 | 30.00 ms | 20.00 ms | 1.50 |",
    ):
        assert line in lines


def test_it_is_one_part() -> None:
    part = verbs_page.text(FOUND, "x")
    assert page.with_part("# Other\n\ntext\n", part) == f"# Other\n\ntext\n\n{part}"
    assert page.with_part(part, part) == part
