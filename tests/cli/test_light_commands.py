"""Who asks waits for the answer: what a command does not need, it does not import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_cli import DEFINITIONS

from sloengine.config import EngineConfig
from sloengine.engine import Engine

# Runs `sloengine`; what was imported by then goes to standard error.
PROGRAM = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from sloengine.cli import main
main()
"""

OF_THE_ENGINE = {
    "asyncio",
    "duckdb",
    "grpc",
    "numba",
    "numpy",
    "opentelemetry",
    "pyarrow",
    "starlette",
    "uvicorn",
}
OF_DEFINITIONS = {"sloengine.definitions", "yaml"}
OF_A_CONFIGURATION = {"pydantic", "yaml"}


def run(folder: Path, *arguments: str) -> tuple[str, set[str]]:
    """Run a command in an interpreter of its own; what it said, and what it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        check=False,
        cwd=folder,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.split())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Runs on the store `sloengine-data` in `tmp_path`; `engine.yaml` says so too."""
    (tmp_path / "checkout.yaml").write_text(DEFINITIONS, encoding="utf-8")
    (tmp_path / "engine.yaml").write_text("store: {directory: sloengine-data}\n", encoding="utf-8")
    anywhere = {"endpoint": "127.0.0.1:0"}
    engine = Engine(
        EngineConfig.model_validate(
            {
                "receiver": {"protocols": {"grpc": anywhere, "http": None}},
                "definitions": {"path": tmp_path / "checkout.yaml"},
                "store": {"directory": tmp_path / "sloengine-data"},
                "extensions": {"health_check": None},
                "service": {"hot_path": "reference"},
            }
        )
    )
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


@pytest.mark.parametrize("options", [(), ("--store", "sloengine-data")])
def test_asking_a_running_engine_takes_neither_a_database_nor_a_server_nor_a_configuration(
    engine: Engine, tmp_path: Path, options: tuple[str, ...]
) -> None:
    said, imported = run(tmp_path, "report", *options)
    assert "checkout" in said
    assert imported & (OF_THE_ENGINE | OF_DEFINITIONS | OF_A_CONFIGURATION) == set()


def test_a_configuration_that_names_the_store_takes_no_database_either(
    engine: Engine, tmp_path: Path
) -> None:
    said, imported = run(tmp_path, "report", "--config", "engine.yaml", "--format", "json")
    assert '"transaction": "checkout"' in said
    assert imported & OF_THE_ENGINE == set()
    assert imported >= OF_A_CONFIGURATION


def test_where_no_engine_runs_the_database_is_opened(engine: Engine, tmp_path: Path) -> None:
    asked, _ = run(tmp_path, "report", "--at", "2025-01-01", "--format", "csv")
    engine.stop()
    read, imported = run(tmp_path, "report", "--at", "2025-01-01", "--format", "csv")
    assert read == asked
    assert "duckdb" in imported


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("report", "--help")])
def test_help_takes_nothing_of_the_engine(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said, imported = run(tmp_path, *arguments)
    assert "sloengine" in said
    assert imported & (OF_THE_ENGINE | OF_DEFINITIONS | OF_A_CONFIGURATION) == set()


@pytest.mark.parametrize(
    ("argument", "answer"), [("--help", "Usage:"), ("checkout.yaml", "1 transaction, 1 SLO")]
)
def test_definitions_are_validated_without_the_engine(
    tmp_path: Path, argument: str, answer: str
) -> None:
    (tmp_path / "checkout.yaml").write_text(DEFINITIONS, encoding="utf-8")
    said, imported = run(tmp_path, "validate", argument)
    assert answer in said
    assert imported & OF_THE_ENGINE == set()
    assert imported >= OF_DEFINITIONS
