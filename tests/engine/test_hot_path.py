"""The compiled hot path is whole before a port opens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging
logging.basicConfig(level="INFO", format="%(message)s")
from sloengine.wiring import REFERENCE, hot_path
assert hot_path("auto") is not REFERENCE
from sloengine import jit
print(jit.uncompiled())
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )


@pytest.mark.usefixtures("compiled_kernels")
def test_no_kernel_is_left_to_be_compiled_by_the_first_span_that_needs_it() -> None:
    assert run(PROGRAM).stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_first_start_compiles_apart_says_so_and_the_next_one_finds_it(tmp_path: Path) -> None:
    first = run(PROGRAM, NUMBA_CACHE_DIR=str(tmp_path))
    assert first.stdout == "[]\n"
    assert first.stderr.startswith("compiling the kernels, about half a minute of CPU; the next")
    kept = sorted(path.name for path in tmp_path.rglob("*.nbc"))
    assert kept
    second = run(PROGRAM, NUMBA_CACHE_DIR=str(tmp_path))
    assert (second.stdout, second.stderr) == ("[]\n", "")
    assert sorted(path.name for path in tmp_path.rglob("*.nbc")) == kept


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_a_folder_for_machine_code_it_compiles_at_every_start_and_says_so() -> None:
    done = run(PROGRAM, NUMBA_CACHE_DIR="/dev/null/nowhere")
    assert done.stdout == "[]\n"
    assert "no folder to keep the machine code in can be written" in done.stderr
    assert "set NUMBA_CACHE_DIR" in done.stderr
