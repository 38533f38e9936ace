"""How kernels are compiled: without the GIL, cached where a folder can be written."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.types import unliteral

_log = logging.getLogger(__name__)

_njit: Any = numba.njit
_config: Any = numba.config

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "boundscheck": False,
    "no_cfunc_wrapper": True,
}
_HERE = Path(__file__).parent
_F = TypeVar("_F", bound=Callable[..., Any])


def part(function: _F) -> _F:
    """Compile a piece of a kernel, called from other pieces only."""
    compiled: _F = _once(_njit(function, no_cpython_wrapper=True, **_OPTIONS))
    return compiled


def inlined(function: _F) -> _F:
    """Compile a small piece into each of its callers."""
    compiled: _F = _once(_njit(function, no_cpython_wrapper=True, forceinline=True, **_OPTIONS))
    return compiled


def _once(dispatcher: Any) -> Any:
    """Compile for the types of arguments only, not anew for each constant that is passed."""
    compile_for = dispatcher.compile
    dispatcher.compile = lambda signature: compile_for(tuple(map(unliteral, signature)))
    return dispatcher


def entry(function: _F) -> _F:
    """Compile a kernel that Python calls, keeping the machine code for the next start.

    The cache stands in a folder named after the content of the kernels: numba itself looks only at
    the file of the entry, and would go on with old code of the pieces.
    """
    kernel = _njit(function, **_OPTIONS)
    folder = _cache_folder()
    if folder is not None:
        before = _config.CACHE_DIR
        _config.CACHE_DIR = str(folder)
        try:
            kernel.enable_caching()
        except (RuntimeError, OSError) as error:
            _log.info("machine code of the kernels is not kept: %s", error)
        finally:
            _config.CACHE_DIR = before
    compiled: _F = kernel
    return compiled


def _cache_folder() -> Path | None:
    """Return where machine code is kept; `None` where no such place can be written."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    candidates = [Path(given)] if given else [_HERE / "__pycache__", Path(home) / "sloengine"]
    for candidate in candidates:
        folder = candidate.expanduser() / f"pending-{_content()}"
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
