"""How kernels are compiled: without the GIL, kept where a folder can be written.

Only packages of kernels import this module: it needs numba.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.types import unliteral

_log = logging.getLogger(__name__)

_njit: Any = numba.njit
_config: Any = numba.config

_entries: list[Any] = []
_Function = TypeVar("_Function", bound=Callable[..., Any])
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": False,
    "no_cfunc_wrapper": True,
}


def part(function: _Function) -> _Function:
    """Compile a piece of a kernel, called from other pieces only."""
    compiled: _Function = _once(_njit(function, no_cpython_wrapper=True, **_OPTIONS))
    return compiled


def inlined(function: _Function) -> _Function:
    """Compile a small piece into each of its callers."""
    compiled: _Function = _once(
        _njit(function, no_cpython_wrapper=True, forceinline=True, **_OPTIONS)
    )
    return compiled


def spliced(function: _Function) -> _Function:
    """Write a large piece into its one caller before anything is compiled: every library that
    numba makes holds, and optimises again, all that it calls.
    """
    compiled: _Function = _njit(function, inline="always", **_OPTIONS)
    return compiled


def _once(dispatcher: Any) -> Any:
    """Compile for the types of arguments only, not anew for each constant that is passed."""
    compile_for = dispatcher.compile
    dispatcher.compile = lambda signature: compile_for(tuple(map(unliteral, signature)))
    return dispatcher


def entry(function: _Function) -> _Function:
    """Compile a kernel that Python calls, keeping the machine code for the next start.

    The code stands in a folder named after the content of the kernel's package: numba itself looks
    only at the file of the entry, and would go on with old code of the pieces.
    """
    kernel: Any = _once(_njit(function, **_OPTIONS))
    folder = code_folder(Path(inspect.getfile(function)).parent)
    if folder is not None:
        before = _config.CACHE_DIR
        _config.CACHE_DIR = str(folder)
        try:
            kernel.enable_caching()
        except (RuntimeError, OSError) as error:
            _log.info("machine code of the kernels is not kept: %s", error)
        finally:
            _config.CACHE_DIR = before
    _entries.append(kernel)
    compiled: _Function = kernel
    return compiled


def uncompiled() -> list[str]:
    """Name the kernels that have no machine code in this process yet: the first call makes it,
    which takes seconds.
    """
    return [kernel.py_func.__qualname__ for kernel in _entries if not kernel.signatures]


def has_code(package: Path) -> bool:
    """Whether an earlier process kept machine code for the kernels of a package."""
    folder = code_folder(package)
    return folder is not None and any(folder.rglob("*.nbi"))


@cache
def code_folder(package: Path) -> Path | None:
    """Return the folder for machine code of a package's kernels: `NUMBA_CACHE_DIR`, else beside
    the code, else the user's cache folder; `None` where none of them can be written.

    The answer is the same for the life of the process: kernels ask when they are defined.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    candidates = [Path(given)] if given else [package / "__pycache__", Path(home) / "sloengine"]
    for candidate in candidates:
        folder = candidate.expanduser() / f"{package.parent.name}-{_content(package)}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def _content(package: Path) -> str:
    digest = hashlib.sha256()
    for file in (Path(__file__), *sorted(package.glob("*.py"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
