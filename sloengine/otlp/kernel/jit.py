"""How kernels are compiled: without the GIL, cached where a folder can be written."""

from __future__ import annotations

import hashlib
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

    The cache stands in a folder named after the content of the kernels: numba itself looks only at
    the file of the entry, and would go on with old code of the pieces.
    """
    kernel: Any = _once(_njit(function, **_OPTIONS))
    folder = cache_folder()
    if folder is not None:
        before = _config.CACHE_DIR
        _config.CACHE_DIR = str(folder)
        try:
            kernel.enable_caching()
        except (RuntimeError, OSError) as error:
            _log.info("machine code of the kernels is not kept: %s", error)
        finally:
            _config.CACHE_DIR = before
    compiled: _Function = kernel
    return compiled


def tell_of_compilation() -> None:
    """Log that the kernels will be compiled, if they will, and whether the next start is spared."""
    folder = cache_folder()
    if folder is None:
        _log.warning(
            "compiling the decoder kernels takes about 15 seconds of CPU at every start: no folder "
            "to keep the machine code in can be written; set NUMBA_CACHE_DIR to one"
        )
    elif not any(folder.rglob("*.nbi")):
        _log.info(
            "compiling the decoder kernels, about 15 seconds of CPU; the next start finds them in "
            "%s",
            folder,
        )


def cache_folder() -> Path | None:
    """Return the folder for machine code: `NUMBA_CACHE_DIR`, else beside the code, else the
    user's cache folder; `None` where none of them can be written.
    """
    # One answer for the life of the process: kernels ask when they are defined.
    return _cache_folder()


@cache
def _cache_folder() -> Path | None:
    given = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    candidates = [Path(given)] if given else [_HERE / "__pycache__", Path(home) / "sloengine"]
    for candidate in candidates:
        folder = candidate.expanduser() / f"kernel-{_content()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            continue
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def _content() -> str:
    digest = hashlib.sha256()
    for file in sorted(_HERE.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


_HERE = Path(__file__).parent
