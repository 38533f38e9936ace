"""Requests of every legal shape stand with the tests of the room above."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "otlp"))
