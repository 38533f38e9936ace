"""`make mutants`: break the kernels in one place at a time; the tests of their room must notice.

Each mutant is tried in a copy of the project, so the tree stays as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import click
from mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]
_COPIED = ("sloengine", "tests", "slo-definitions", "pyproject.toml")
_TIMEOUT_S = 600
"""A mutant that never ends is noticed, too; pytest's own limit is for each test."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    noticed: str
    """By which test, and what it said; empty where every test passed."""
    spent_s: float


class Workshop:
    """A copy of the project in which one mutant after another is tried."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(source, folder / name)

    def try_out(self, mutant: Mutant) -> Verdict:
        """Run the tests of the mutant's room against it."""
        file = self._folder / mutant.file
        text, stat = file.read_text(encoding="utf-8"), file.stat()
        begun = time.monotonic()
        try:
            file.write_text(mutant.applied(text), encoding="utf-8")
            noticed = self._noticed(mutant.tests)
        finally:
            file.write_text(text, encoding="utf-8")
            # Machine code that was made of the file before counts as its own by this time.
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return Verdict(mutant, noticed, time.monotonic() - begun)

    def _noticed(self, tests: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-m", "not slow", tests]
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._folder),
            "NUMBA_CACHE_DIR": str(self._folder / "code"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",  # room for what the test said
        }
        try:
            done = subprocess.run(
                [*command, "-p", "no:cacheprovider"],
                cwd=self._folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"no end within {_TIMEOUT_S} s"
        if done.returncode == 0:
            return ""
        failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if failed:
            return failed[0].split(" ", 1)[1]
        if done.returncode < 0:
            return f"the process died of signal {-done.returncode}"
        raise RuntimeError(f"{' '.join(command)} found nothing to run:\n{done.stdout}{done.stderr}")


@click.command()
@click.argument("words", nargs=-1)
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="At the same time.")
def main(words: Sequence[str], jobs: int) -> None:
    """Try every mutant, or those of which the name has one of WORDS in it.

    Ends with 1 where one was not noticed.
    """
    chosen = [one for one in MUTANTS if not words or any(word in one.name for word in words)]
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        for number, verdict in enumerate(_verdicts(chosen, Path(scratch), jobs), 1):
            if not verdict.noticed:
                survivors.append(verdict.mutant)
            click.echo(
                f"{number:3}/{len(chosen)} {'noticed' if verdict.noticed else 'SURVIVED':8} "
                f"{verdict.spent_s:4.0f} s  {verdict.mutant.name}"
                + (f"  [{verdict.noticed}]" if verdict.noticed else "")
            )
    click.echo(f"{len(chosen) - len(survivors)} of {len(chosen)} mutants were noticed")
    if survivors or not chosen:
        sys.exit(1)


def _verdicts(chosen: Sequence[Mutant], scratch: Path, jobs: int) -> Iterator[Verdict]:
    free: SimpleQueue[Workshop] = SimpleQueue()
    for number in range(jobs):
        free.put(Workshop(scratch / str(number)))

    def verdict(mutant: Mutant) -> Verdict:
        workshop = free.get()
        try:
            return workshop.try_out(mutant)
        finally:
            free.put(workshop)

    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(verdict, chosen)


if __name__ == "__main__":
    main()
