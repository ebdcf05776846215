#!/usr/bin/env python3
"""Coverage-guided fuzzing of the targets, by atheris.

Each target runs in a process of its own, since libFuzzer never gives one back.  What it has
learnt is kept in ~/.cache/bootchain/fuzz/TARGET and is where the next run begins.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
sys.path[:0] = [str(HERE)]
sys.path.append(str(CHECKOUT))  # last: the tests put another prepare_root before it

import click  # noqa: E402

TIMEOUT_S = 10
MEMORY_MB = 1024


def fuzz(name: str, flags: list[str]) -> None:
    """In the process of its own: instrument the readers and never return."""
    import atheris

    with atheris.instrument_imports(include=["prepare_root"]):
        import targets

    with tempfile.TemporaryDirectory(prefix="fuzz-", dir="/dev/shm") as directory:
        target = targets.get(name, Path(directory))
        atheris.Setup([sys.argv[0], *flags], lambda data: targets.run(target, data))
        atheris.Fuzz()


def cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "bootchain" / "fuzz"


def prepare(name: str, corpus: Path) -> list[str]:
    """Seeds into `corpus`; the flag for the dictionary, where there is one."""
    import targets

    target = targets.TARGETS.get(name)
    if target is None:
        with tempfile.TemporaryDirectory() as directory:
            target = targets.get(name, Path(directory))
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = corpus.with_name(f"{name}.words")
    quoted = ("".join(f"\\x{byte:02x}" for byte in word[:60]) for word in target.words)
    words.write_text("".join(f'"{word}"\n' for word in quoted))
    return [f"-dict={words}"] if target.words else []


def run(name: str, runs: int, seed: int, top: Path) -> str:
    """Fuzz `name`; what there is to say of it.  Raises SystemExit when something is found."""
    import targets

    corpus = top / name
    words = prepare(name, corpus)
    longest = targets.TARGETS[name].longest if name in targets.TARGETS else 512
    began = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, __file__, "--inside", name, "--"),
            *(f"-atheris_runs={runs}", f"-seed={seed}", f"-max_len={longest}"),
            *(f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}", *words),
            *(f"-artifact_prefix={top}/found-{name}-", str(corpus)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{name}: found something\n{done.stdout[-3000:]}")
    covered = re.findall(r"cov: (\d+)", done.stdout) or ["0"]
    said = re.search(r"Done (\d+) in|Done (\d+) runs", done.stdout)
    count = next(filter(None, said.groups())) if said else "?"
    return f"{name}: {count} inputs, {covered[-1]} branches, {time.monotonic() - began:.0f} s"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--runs", default=1_000_000, show_default=True, help="Inputs for each target.")
@click.option("--seed", default=1, show_default=True, help="Of the random numbers; 0: another.")
@click.option("--corpus", type=click.Path(path_type=Path), help="Where inputs are kept.")
@click.option("--inside", hidden=True)
@click.argument("names", nargs=-1)
def main(
    runs: int, seed: int, corpus: Path | None, inside: str | None, names: tuple[str, ...]
) -> None:
    """Fuzz the targets NAMES, or all of them.

    Example: python tests/fuzz/guided.py --runs 100000 gvariant commit
    """
    if inside is not None:
        fuzz(inside, list(names))
        return
    import targets

    for name in names or targets.NAMES:
        if name not in targets.NAMES:
            raise click.UsageError(f"{name}: not one of {', '.join(targets.NAMES)}")
        print(run(name, runs, seed, corpus or cache()), flush=True)


if __name__ == "__main__":
    main()
