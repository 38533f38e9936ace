"""Text laid out in the cells of a terminal."""

from __future__ import annotations

from rich.cells import cell_len

from sloengine.report.clean import one_line


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Pad `text` to `width` terminal cells (wide characters take two); never cuts."""
    padding = " " * max(0, width - cell_len(text))
    return padding + text if right else text + padding


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Break words onto lines of `width` cells; lines after the first begin with `indent`.

    A word longer than a line stays whole.
    """
    lines: list[str] = []
    line = ""
    for word in one_line(text).split():
        candidate = f"{line} {word}" if line.strip() else f"{line}{word}"
        if line.strip() and cell_len(candidate) > width:
            lines.append(line)
            candidate = f"{indent}{word}"
        line = candidate
    return [*lines, line]
