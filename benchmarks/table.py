"""The rows as a table: readable on a terminal, in a pipe and in a CI log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row

_WIDTH_OF_A_PIPE = 150
_SMALL = 100


def print_table(title: str, groups: Iterable[Sequence[Row]]) -> None:
    """Print all rows to standard output, a rule between the groups."""
    table = Table(title=title, title_justify="left")
    table.add_column("measurement", overflow="fold", min_width=40)
    for column in ("value", "range", "peer", "bound"):
        table.add_column(column, justify="right", overflow="fold")
    for rows in groups:
        for row in rows:
            table.add_row(*_cells(row), style="bold red" if row.fails else None)
        table.add_section()
    console = Console()
    if not console.is_terminal:
        # Without a terminal there is no width, and the table would be folded to 80 columns.
        console = Console(width=_WIDTH_OF_A_PIPE)
    console.print(table)


def number(value: float) -> str:
    """Return a figure with as many digits as it deserves."""
    return f"{value:,.0f}" if abs(value) >= _SMALL else f"{value:,.3g}"


def _cells(row: Row) -> list[str]:
    spread = peer = bound = ""
    if row.lowest is not None and row.highest is not None and row.lowest != row.highest:
        spread = f"{number(row.lowest)} – {number(row.highest)}"
    if row.peer is not None:
        peer = f"{number(row.peer.value)} {row.peer.name}"
    if row.bound is not None:
        sign = "≥" if row.bound.at_least else "≤"
        bound = f"{sign} {number(row.bound.limit)} {row.bound.verdict(row.value)}"
    return [row.name, f"{number(row.value)} {row.unit}", spread, peer, bound]
