"""Asking an engine that is not there is no error: whoever asks then looks at the store itself."""

from __future__ import annotations

from pathlib import Path

from sloengine.questions import ask


def test_nobody_listens_where_there_is_no_socket(tmp_path: Path) -> None:
    assert ask(tmp_path, "report", {}) is None


def test_nobody_can_listen_at_a_path_that_no_socket_can_have(tmp_path: Path) -> None:
    assert ask(tmp_path / ("x" * 120), "report", {}) is None
