"""Two sets of definitions: revisions of a git checkout, or one and the folder as it is now."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sloengine.definitions import Plan, load_definitions, load_text
from sloengine.errors import DefinitionsError, OperatorError, Problem

WORKING = "working folder"
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two sets."""

    title: str
    """Such as `main (9f3c2ab)`, or `working folder`."""
    plan: Plan
    """Without any definition where the revision does not have the folder."""


def sides_of(revision: str, path: Path) -> tuple[Side, Side]:
    """Load the set before and the set after.

    `revision` is one revision, to be compared with the folder as it is now, or two: `A..B`, or
    `A...B` for what B changed since it left A. `path` is a folder or file of definitions in a git
    checkout.

    Raises:
        OperatorError: there is no git checkout, no such revision, or no definition on either side.
        DefinitionsError: one of the sets has errors; a place in a revision begins with its name.
    """
    git = _Git(path)
    before, dots, after = revision.partition("..")
    if dots and after.startswith("."):
        after = after[1:] or "HEAD"
        shared = git.text("merge-base", git.commit(before or "HEAD"), git.commit(after))
        sides = _at(git, shared.strip(), title=before or "HEAD"), _at(git, after)
    elif dots:
        sides = _at(git, before or "HEAD"), _at(git, after or "HEAD")
    else:
        sides = _at(git, revision), _now(path)
    if not any(side.plan.documents for side in sides):
        raise OperatorError(f"{path}: no definitions in {sides[0].title} nor in {sides[1].title}")
    return sides


def _now(path: Path) -> Side:
    if not path.exists():
        return Side(WORKING, load_text(""))
    plan = load_definitions(path).plan
    return Side(f"{WORKING} ({plan.commit})" if plan.commit else WORKING, plan)


def _at(git: _Git, revision: str, *, title: str = "") -> Side:
    commit = git.commit(revision)
    short = git.text("rev-parse", "--short", commit).strip()
    named = title or revision
    shown = named if named == short else f"{named} ({short})"
    with tempfile.TemporaryDirectory(prefix="sloengine-diff-") as scratch:
        copy = git.copy(commit, Path(scratch))
        if copy is None:
            return Side(shown, load_text(""))
        try:
            plan = load_definitions(copy).plan
        except DefinitionsError as error:
            raise DefinitionsError(
                [_placed(problem, copy, f"{named}:{git.path}") for problem in error.problems]
            ) from None
        except OperatorError:
            # The folder is there and holds no definition.
            return Side(shown, load_text(""))
    return Side(shown, replace(plan, commit=short))


def _placed(problem: Problem, copy: Path, shown: str) -> Problem:
    file = problem.position.file
    if file.startswith(str(copy)):
        position = replace(problem.position, file=shown + file[len(str(copy)) :])
        return replace(problem, position=position)
    return problem


class _Git:
    """A checkout, only read: the copy of a revision goes through an index of its own."""

    def __init__(self, path: Path) -> None:
        folder = path.absolute()
        while not folder.is_dir():
            folder = folder.parent
        self._folder = folder
        self._complaint = ""
        top = self._run(("rev-parse", "--show-toplevel"))
        if top is None:
            raise OperatorError(
                f"{path}: not in a git checkout, so there is no revision to compare with "
                f"({self._complaint}); name a folder in one with --path"
            )
        # From the top: git would take only what lies below the folder it runs in.
        self._folder = Path(top.strip()).resolve()
        relative = os.path.relpath(path.absolute().resolve(), self._folder)
        self.path = Path(relative).as_posix()
        """Of the definitions, from the top of the checkout."""

    def commit(self, revision: str) -> str:
        """Return the full id of a revision's commit."""
        arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        found = self._run((*arguments, f"{revision}^{{commit}}"))
        if not found:
            raise OperatorError(
                f'revision "{revision}": git knows no such commit here; '
                "fetch it, or name another one"
            )
        return found.strip()

    def copy(self, commit: str, scratch: Path) -> Path | None:
        """Write a revision's definitions into `scratch`; `None` where it has none."""
        within = "" if self.path == "." else self.path
        kind = self._run(("cat-file", "-t", f"{commit}:{within}"))
        if kind is None:
            return None
        if kind.strip() == "blob":
            target = scratch / Path(within).name
            content = self._run_bytes(("cat-file", "blob", f"{commit}:{within}"))
            target.write_bytes(content or b"")
            return target
        target = scratch / "copy"
        target.mkdir()
        index = {"GIT_INDEX_FILE": str(scratch / "index")}
        self.text("read-tree", f"{commit}:{within}", **index)
        self.text("checkout-index", "--all", f"--prefix={target}/", **index)
        return target

    def text(self, *arguments: str, **environment: str) -> str:
        """Return what git says.

        Raises:
            OperatorError: it failed.
        """
        said = self._run(arguments, **environment)
        if said is None:
            raise OperatorError(
                f"git {arguments[0]} failed in {self._folder} ({self._complaint}); mend that first"
            )
        return said

    def _run(self, arguments: Sequence[str], **environment: str) -> str | None:
        said = self._run_bytes(arguments, **environment)
        return None if said is None else said.decode("utf-8", "replace")

    def _run_bytes(self, arguments: Sequence[str], **environment: str) -> bytes | None:
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self._folder,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C", **environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except OSError as error:
            self._complaint = f"git cannot be started: {error.strerror}"
            return None
        except subprocess.TimeoutExpired:
            self._complaint = "git did not answer"
            return None
        if done.returncode:
            self._complaint = (done.stderr.decode("utf-8", "replace").splitlines() or [""])[0]
            return None
        return done.stdout
