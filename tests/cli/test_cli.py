"""The command line: every command explains itself, and every mistake has one message and a code."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import jsonschema
import pytest

from sloengine.cli import COMMANDS, HELP_OPTIONS, load_command, main
from sloengine.report import JSON_SCHEMA

DEFINITIONS = """
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry: [span.name == "checkout"]
  outcome: [failed: {entry: span.status.code == STATUS_CODE_ERROR}]
  promise: {target: 99%, window: 28d}
"""
TRACE = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "0af7651916cd43dd8448eb211c80319c",
                            "spanId": "b7ad6b7169203331",
                            "name": "checkout",
                            "kind": 2,
                            "startTimeUnixNano": "1764072000000000000",
                            "endTimeUnixNano": "1764072001000000000",
                        }
                    ]
                }
            ]
        }
    ]
}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `sloengine` with arguments; exit code, standard output and standard error come back."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sloengine", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    folder = tmp_path / "slo-definitions"
    folder.mkdir()
    (folder / "checkout.yaml").write_text(DEFINITIONS, encoding="utf-8")
    return folder


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    file = tmp_path / "traces.jsonl"
    file.write_text(json.dumps(TRACE) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_is_for_and_shows_an_example(name: str) -> None:
    command = load_command(name)
    text = command.get_help(
        click.Context(command, info_name=f"sloengine {name}", help_option_names=list(HELP_OPTIONS))
    )
    assert f"Usage: sloengine {name}" in text
    assert "Example" in text
    assert f"  sloengine {name}" in text.partition("Example")[2]
    assert command.help is not None
    assert " ".join(command.help.partition("\n\n")[0].split()) == COMMANDS[name]


def test_the_group_lists_its_exit_codes(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "Exit codes:" in out


def test_an_unknown_option_is_a_usage_error(run: Run) -> None:
    code, _, err = run("report", "--nonsense")
    assert code == 2
    assert "No such option" in err


def test_a_slip_in_the_name_of_a_command_is_told(run: Run) -> None:
    code, _, err = run("explain", "7")
    assert code == 2
    assert "No such command 'explain'. Did you mean explain-trace?" in err
    _, _, err = run("valdate")
    assert "No such command 'valdate'. Did you mean validate?" in err
    for name in ("nonsense", ""):
        _, _, err = run(name)
        assert "Did you mean" not in err


def test_good_definitions_validate(run: Run, definitions: Path) -> None:
    code, out, err = run("validate", definitions)
    assert (code, err) == (0, "")
    assert "0 errors, 0 warnings" in out


def test_bad_definitions_are_listed_with_their_places(run: Run, definitions: Path) -> None:
    (definitions / "bad.yaml").write_text(DEFINITIONS.replace("99%", "100%"), encoding="utf-8")
    code, out, _ = run("validate", definitions)
    assert code == 3
    assert "bad.yaml:8:" in out
    assert "2 errors" in out


@pytest.mark.parametrize("make", [None, "empty"], ids=["missing", "empty"])
def test_a_definition_folder_without_definitions_is_one_clear_message(
    run: Run, tmp_path: Path, make: str | None
) -> None:
    folder = tmp_path / "nothing"
    if make:
        folder.mkdir()
    code, out, err = run(
        "serve",
        "--set",
        f"definitions.path={folder}",
        "--set",
        f"store.directory={tmp_path / 'data'}",
    )
    assert code == 3
    assert out == ""
    assert str(folder) in err
    assert "Traceback" not in err
    assert not (tmp_path / "data").exists()


def test_a_bad_configuration_is_one_clear_message(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_text("recever: {}\n", encoding="utf-8")
    code, _, err = run("serve", "--config", file)
    assert code == 3
    assert err == f'{file}:1:10: recever: unknown key; did you mean "receiver"?\n'


def test_yaml_that_is_none_is_one_clear_message(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "engine.yaml"
    file.write_text("a: [1\nb: 2", encoding="utf-8")
    code, _, err = run("validate", "--config", file)
    assert code == 3
    assert err.startswith(f"{file}:2:")
    assert "Traceback" not in err


def test_a_port_in_use_names_the_setting_to_change(
    run: Run, definitions: Path, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, _, err = run(
            "serve",
            "--set",
            f"receiver.protocols.grpc.endpoint=127.0.0.1:{port}",
            "--set",
            "receiver.protocols.http=null",
            "--set",
            f"definitions.path={definitions}",
            "--set",
            f"store.directory={tmp_path / 'data'}",
        )
    assert code == 3
    assert f"127.0.0.1:{port}" in err
    assert "receiver.protocols.grpc.endpoint" in err
    assert "Traceback" not in err


def test_a_store_folder_that_cannot_be_made_names_the_folder(
    run: Run, definitions: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    code, _, err = run(
        "serve",
        "--set",
        f"definitions.path={definitions}",
        "--set",
        f"store.directory={tmp_path / 'file' / 'data'}",
    )
    assert code == 5
    assert str(tmp_path / "file") in err
    assert "Traceback" not in err


def test_a_report_without_a_store_says_how_to_get_one(run: Run, tmp_path: Path) -> None:
    code, _, err = run("report", "--store", tmp_path / "none")
    assert code == 5
    assert "sloengine serve" in err


def test_a_replay_reports_and_its_store_can_be_read_afterwards(
    run: Run, definitions: Path, traces: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    code, out, _ = run(
        "replay", "--definitions", definitions, "--into", store, "--format", "json", traces
    )
    assert code == 0
    document = json.loads(out)
    jsonschema.validate(document, JSON_SCHEMA)
    (slo,) = document["slos"]
    assert (slo["good"], slo["total"]) == (1, 1)
    code, out, _ = run("report", "--store", store, "--at", "latest", "--format", "json")
    assert code == 0
    assert json.loads(out)["slos"] == document["slos"]
    code, out, _ = run("report", "--store", store, "--at", "2025-11-26")
    assert code == 0
    assert "0 of 1" in out


@pytest.mark.parametrize("form", ["text", "json", "csv", "markdown", "html"])
def test_every_form_can_be_written_to_a_file(
    run: Run, definitions: Path, traces: Path, tmp_path: Path, form: str
) -> None:
    store = tmp_path / "store"
    assert run("replay", "--definitions", definitions, "--into", store, traces)[0] == 0
    target = tmp_path / "report"
    code, out, err = run("report", "--store", store, "--format", form, "--output", target)
    assert (code, out) == (0, "")
    assert str(target) in err
    assert "checkout" in target.read_text(encoding="utf-8")


def test_an_unknown_slo_is_refused_with_the_ones_that_exist(
    run: Run, definitions: Path, traces: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    run("replay", "--definitions", definitions, "--into", store, traces)
    code, _, err = run("report", "nonsense", "--store", store)
    assert code == 3
    assert "checkout-experience" in err


def test_a_dimension_is_shown_by_value_and_a_misspelt_one_is_refused(
    run: Run, definitions: Path, traces: Path, tmp_path: Path
) -> None:
    file = definitions / "checkout.yaml"
    tier = "  dimensions: {tier: {from: 'span.attributes[\"tier\"]'}}\n  promise:"
    file.write_text(DEFINITIONS.replace("  promise:", tier), encoding="utf-8")
    store = tmp_path / "store"
    assert run("replay", "--definitions", definitions, "--into", store, traces)[0] == 0
    asked = ("report", "--store", store, "--at", "2025-11-26")
    code, out, err = run(*asked, "--by", "tier")
    assert (code, err) == (0, "")
    assert re.search(r"^  __none__ +1 +1 +0 +0 of 1 ", out, re.MULTILINE)
    code, out, _ = run(*asked, "checkout-experience", "--by", "tier", "--format", "json")
    assert code == 0
    document = json.loads(out)
    jsonschema.validate(document, JSON_SCHEMA)
    (row,) = document["slos"][0]["by_dimension"]["rows"]
    assert (row["value"], row["good"], row["total"]) == ("__none__", 1, 1)
    code, out, err = run(*asked, "--by", "teir")
    assert (code, out) == (3, "")
    assert 'transaction "checkout" does not declare it; did you mean "tier"?' in err


def test_malformed_lines_are_listed_and_the_rest_counts(
    run: Run, definitions: Path, tmp_path: Path
) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text(f"{json.dumps(TRACE)}\nnonsense\n", encoding="utf-8")
    code, out, err = run("replay", "--definitions", definitions, "--format", "json", file)
    assert code == 3
    assert json.loads(out)["slos"][0]["total"] == 1
    assert f"{file}:2: " in err


@pytest.mark.parametrize("content", [b"nonsense", b"\x00\x00\x00\x09abc", b"\x0a\xff\xff"])
def test_a_file_without_a_single_trace_is_refused(
    run: Run, definitions: Path, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "traces"
    file.write_bytes(content)
    code, out, err = run("replay", "--definitions", definitions, file)
    assert (code, out) == (3, "")
    assert str(file) in err
    assert "Traceback" not in err


def test_a_time_that_is_none_gets_an_example(run: Run, tmp_path: Path) -> None:
    code, _, err = run("report", "--store", tmp_path, "--at", "yesterday")
    assert code == 2
    assert "2026-11-23T00:00Z" in err


def test_expanded_definitions_are_definitions(run: Run, definitions: Path, tmp_path: Path) -> None:
    code, out, _ = run("expand", definitions)
    assert code == 0
    written = tmp_path / "expanded"
    written.mkdir()
    (written / "all.yaml").write_text(out, encoding="utf-8")
    assert "openslo/v1" in out
    assert run("validate", written)[0] == 0


def test_the_module_needs_no_development_tools() -> None:
    """Everything that the command line imports is a dependency of the package."""
    blocked = "hypothesis", "pytest", "jsonschema", "mypy", "xdist"
    code = (
        "import sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        "from sloengine.cli import COMMANDS, load_command\n"
        "[load_command(name) for name in COMMANDS]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
