"""docs/collector.md says what the shipped files say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from collector_build import MANIFEST

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "collector.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_tee_on_the_page_is_the_file() -> None:
    assert (ROOT / "otel-config" / "tee.yaml").read_text(encoding="utf-8") == SNIPPETS[0]
    assert len(SNIPPETS[0].splitlines()) == 6


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda text: text.split(":")[0])
def test_every_snippet_is_yaml(snippet: str) -> None:
    assert isinstance(yaml.safe_load(snippet), dict)


def test_all_components_have_one_version_and_the_page_names_it() -> None:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    versions = {
        component["gomod"].split(" v")[1]
        for kind in ("receivers", "processors", "exporters", "connectors", "extensions")
        for component in manifest[kind]
    }
    (version,) = versions
    assert manifest["dist"]["version"] == version
    assert f"opentelemetry-collector-contrib:{version}" in PAGE
