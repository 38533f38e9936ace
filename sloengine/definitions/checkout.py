"""Which commit a folder of definitions stands at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_PATIENCE_S = 5


def commit_of(path: Path) -> str | None:
    """Return the short commit of the checkout that holds `path`, with `+dirty` where files there
    differ from it; `None` where there is no checkout, no commit, or no git.
    """
    folder = path if path.is_dir() else path.parent
    commit = _git(folder, "rev-parse", "--short", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--", "." if path.is_dir() else path.name)
    return commit if changes == "" else f"{commit}+dirty"


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git says; `None` where it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
