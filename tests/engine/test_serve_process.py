"""`sloengine serve` as a process: signals, health, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine_kit import CHECKOUT, eventually, write_definitions
from test_engine import counts, export, recent


def free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return bool(json.load(answer)["status"] == "Server available")
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """The process, its gRPC port, and the file of its log."""
    grpc_port, health_port = free_port(), free_port()
    write_definitions(folder / "definitions")
    config = folder / "engine.yaml"
    config.write_text(
        f"""
receiver: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc_port}"}}, http: null}}}}
definitions: {{path: {folder / "definitions"}}}
store: {{directory: {folder / "data"}}}
processor: {{idle_wait: 50ms}}
extensions: {{health_check: {{endpoint: "127.0.0.1:{health_port}"}}}}
""",
        encoding="utf-8",
    )
    log = folder / "log"
    program = [sys.executable, "-m", "sloengine", "serve", "--config", str(config)]
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(program, stderr=stream, text=True, env=dict(os.environ))
    try:
        eventually(lambda: healthy(health_port) or process.poll() is not None, "it is up", 30)
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield process, grpc_port, log
    finally:
        process.kill()
        process.wait()


def test_sigterm_commits_what_is_complete_and_ends_with_0(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, port, log):
        export(f"127.0.0.1:{port}", recent(1))
        eventually(lambda: counts(tmp_path / "data") == (1, 1), "the trace is counted")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "Traceback" not in log.read_text(encoding="utf-8")
    assert counts(tmp_path / "data") == (1, 1)


def test_sighup_reads_the_definitions_again_and_survives_broken_ones(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _, log):
        write_definitions(tmp_path / "definitions", CHECKOUT.replace("99%", "100%"))
        process.send_signal(signal.SIGHUP)
        eventually(
            lambda: "the old set stays" in log.read_text(encoding="utf-8"), "the refusal is logged"
        )
        write_definitions(tmp_path / "definitions", CHECKOUT.replace("99%", "98%"))
        process.send_signal(signal.SIGHUP)
        eventually(
            lambda: "new definitions:" in log.read_text(encoding="utf-8"), "the change is logged"
        )
        assert process.poll() is None
