"""The shipped Collector configurations, by the Collector that `otel-config/ocb.yaml` builds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from collector_build import build_collector
from neighbours import CONFIGS

pytestmark = [pytest.mark.collector, pytest.mark.slow, pytest.mark.timeout(900)]

A_COLLECTOR_OF_YOUR_OWN = """
receivers: {otlp: {protocols: {grpc: {endpoint: "localhost:4317"}}}}
processors: {tail_sampling: {policies: [{name: all, type: always_sample}]}}
exporters: {debug: {}}
service:
  pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}
"""


@pytest.fixture(scope="module")
def otelcol(go: str) -> Path:
    return build_collector()


def otelcol_says(otelcol: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [otelcol, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("name", ["gateway.yaml", "agent.yaml"])
def test_a_shipped_configuration_is_valid_as_it_is(otelcol: Path, name: str) -> None:
    said = otelcol_says(otelcol, "validate", "--config", CONFIGS / name)
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("name", ["gateway.yaml", "agent.yaml"])
def test_every_component_goes_by_the_name_it_has_today(otelcol: Path, name: str) -> None:
    """Aliases of old names still work, with a warning at start; newcomers should not learn them."""
    known = otelcol_says(otelcol, "components").stdout
    types = {line.split("- name:")[1].strip() for line in known.splitlines() if "- name:" in line}
    used = set()
    section = ""
    for line in (CONFIGS / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", " ")):
            section = line.rstrip(":")
        elif section in {"extensions", "receivers", "processors", "exporters"}:
            indent = len(line) - len(line.lstrip())
            if indent == 2 and not line.strip().startswith("#"):
                used.add(line.strip().rstrip(":").split("/")[0])
    assert used
    assert used <= types


def test_the_tee_goes_on_top_of_any_collector_in_six_lines(otelcol: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(A_COLLECTOR_OF_YOUR_OWN, encoding="utf-8")
    tee = CONFIGS / "tee.yaml"
    assert len(tee.read_text(encoding="utf-8").splitlines()) == 6
    said = otelcol_says(otelcol, "validate", "--config", own, "--config", tee)
    assert (said.returncode, said.stderr) == (0, "")
    merged = otelcol_says(otelcol, "print-config", "--config", own, "--config", tee).stdout
    assert "tail_sampling" in merged
    assert "traces/sloengine:" in merged


def test_a_wrong_key_would_not_pass(otelcol: Path, tmp_path: Path) -> None:
    """So the tests above can fail."""
    broken = tmp_path / "broken.yaml"
    text = (CONFIGS / "gateway.yaml").read_text(encoding="utf-8")
    broken.write_text(text.replace("max_elapsed_time", "max_elapsed"), encoding="utf-8")
    assert otelcol_says(otelcol, "validate", "--config", broken).returncode != 0


def test_the_documented_build_makes_the_collector_under_test(otelcol: Path) -> None:
    assert os.access(otelcol, os.X_OK)
    assert "0.158.0" in otelcol_says(otelcol, "--version").stdout
