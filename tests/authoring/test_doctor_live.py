"""The same questions beside a running engine, and to the store that it leaves."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from inspection_kit import SHOP, TRACE, S, checkout, wire

from sloengine.authoring.explain import stored_trace
from sloengine.cli import main
from sloengine.config import EngineConfig
from sloengine.engine import Engine

Run = Callable[..., tuple[int, str, str]]
ORDER = S(2, "checkout", "order", parent=1, attributes={"demo.order.id": "7"})


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `sloengine` with arguments; exit code, standard output and standard error come back."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sloengine", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "shop.yaml").write_text(SHOP, encoding="utf-8")
    return tmp_path


@contextmanager
def running(folder: Path) -> Iterator[Engine]:
    engine = Engine(
        EngineConfig.model_validate(
            {
                "receiver": {"protocols": {"grpc": None, "http": {"endpoint": "127.0.0.1:0"}}},
                "definitions": {"path": folder / "definitions"},
                "store": {"directory": folder / "data"},
                "extensions": {"health_check": None},
            }
        )
    )
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    """An engine with one purchase in it, judged."""
    with running(folder) as engine:
        send(engine, wire(checkout(1, error=True), ORDER))
        assert engine.settle(20)
        yield engine


def send(engine: Engine, payload: bytes) -> None:
    request = urllib.request.Request(
        f"http://{engine.http_endpoint}/v1/traces",
        data=payload,
        headers={"content-type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def test_a_trace_is_explained_beside_the_engine_that_judged_it(
    run: Run, engine: Engine, folder: Path
) -> None:
    code, out, err = run("explain-trace", f"{TRACE:032x}", "--store", folder / "data")
    assert (code, err) == (0, "")
    assert "checkout: failed, reason error" in out
    assert "The store holds the same" in out
    assert "ann@example.org" not in out
    with engine._store.reader() as reader:
        (fact,) = reader.trace_facts(TRACE)
    assert fact.customer is not None
    assert fact.customer.hex() in out


def test_a_stopped_engine_leaves_a_store_that_explains_as_well(run: Run, folder: Path) -> None:
    with running(folder) as engine:
        send(engine, wire(checkout(1, error=True)))
        assert engine.settle(20)
    code, out, _ = run(
        "explain-trace", f"{TRACE:032x}", "--store", folder / "data", "--format", "json"
    )
    assert code == 0
    document = json.loads(out)
    assert document["transactions"][0]["outcome"] == "failed"
    found, record = stored_trace(folder / "data", TRACE)
    assert found.trace_id == TRACE
    assert [verdict.outcome for verdict in record.verdicts] == ["failed"]
    code, _, err = run("explain-trace", f"{7:032x}", "--store", folder / "data")
    assert code == 3
    assert "not in the store" in err


def test_other_definitions_can_be_asked_about_a_stored_trace(
    run: Run, engine: Engine, folder: Path
) -> None:
    other = folder / "other"
    other.mkdir()
    (other / "shop.yaml").write_text(
        SHOP.replace("reason: error", "reason: declined"), encoding="utf-8"
    )
    code, out, _ = run(
        "explain-trace", f"{TRACE:032x}", "--store", folder / "data", "--definitions", other
    )
    assert code == 0
    assert "checkout: failed, reason declined" in out
    assert "The store holds: checkout failed error; by revision" in " ".join(out.split())


def test_the_doctor_looks_at_what_a_running_engine_received(
    run: Run, engine: Engine, folder: Path
) -> None:
    code, out, _ = run(
        *("doctor", "--store", folder / "data", "--definitions", folder / "definitions"),
        *("--format", "json"),
    )
    document = json.loads(out)
    assert document["spans"] == 2
    levels = {check["check"]: check["level"] for check in document["checks"]}
    assert levels["receiving"] == "ok"
    assert code == int(document["toMend"] > 0)


def test_the_doctor_says_that_the_folder_is_ahead_of_the_engine(
    run: Run, engine: Engine, folder: Path
) -> None:
    file = folder / "definitions" / "shop.yaml"
    file.write_text(SHOP.replace("4s", "5s"), encoding="utf-8")
    _, out, _ = run("doctor", "--store", folder / "data", "--definitions", folder / "definitions")
    assert "in use is" in " ".join(out.split())
    file.write_text(SHOP.replace("4s", "no time"), encoding="utf-8")
    code, out, _ = run(
        "doctor", "--store", folder / "data", "--definitions", folder / "definitions"
    )
    assert code == 1
    assert "stays in use" in " ".join(out.split())


def test_the_doctor_counts_what_the_engine_refused(run: Run, engine: Engine, folder: Path) -> None:
    with pytest.raises(urllib.error.HTTPError):
        send(engine, b"\xff\xff\xff")
    code, out, _ = run(
        "doctor", "--store", folder / "data", "--definitions", folder / "definitions"
    )
    assert code == 1
    assert "1 request refused since the start: malformed" in out


def test_definitions_are_held_against_live_traffic(run: Run, engine: Engine, folder: Path) -> None:
    arguments = (
        *("validate", folder / "definitions", "--against", "live"),
        *("--set", f"store.directory={folder / 'data'}"),
    )
    code, out, _ = run(*arguments)
    assert code == 0
    assert "✓ checkout: 1 (failed error 1)" in out
    code, out, _ = run(*arguments, "--format", "json")
    assert json.loads(out)["against"]["spans"] == 2
    code, _, _ = run(*arguments, "--strict")
    assert code == 1
    code, _, err = run(*arguments, "--format", "sarif")
    assert code == 2
    assert "--against" in err


def test_without_a_store_each_command_says_what_is_missing(run: Run, folder: Path) -> None:
    for arguments in (
        ("explain-trace", f"{TRACE:032x}", "--store", folder / "nothing"),
        ("doctor", "--store", folder / "nothing", "--definitions", folder / "definitions"),
    ):
        code, out, err = run(*arguments)
        assert code == 5
        assert out == ""
        assert "nothing" in err


def test_what_is_neither_an_id_nor_a_file_is_a_usage_error(run: Run) -> None:
    code, _, err = run("explain-trace", "deadbeef")
    assert code == 2
    assert "32 hex digits" in err
    code, _, err = run("explain-trace", "missing.json")
    assert code == 3
    assert "missing.json" in err


def test_a_trace_that_waits_is_said_to_wait(run: Run, folder: Path) -> None:
    """A child without its parent: the engine waits for max_wait, and the explanation is at hand."""
    with running(folder) as engine:
        send(engine, wire(checkout(1), replace(ORDER, parent=55)))
        _, out, _ = run("explain-trace", f"{TRACE:032x}", "--store", folder / "data")
    assert "still waits to be judged" in " ".join(out.split())
