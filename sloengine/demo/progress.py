"""How far the shop is: a bar on a terminal, a plain line every five seconds elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self, TextIO

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn
from rich.text import Text

from sloengine.clock import Clock
from sloengine.demo.schedule import Fault
from sloengine.report import TerminalStyle

_EVERY_NS = 5 * 10**9
_FAULTS = len(Fault) - 1


class ShopProgress:
    """A progress reporter for `run_demo`. Use as a context manager; nothing is left on a terminal.

    Writes to `stream`, never to what a pipe of the report would read unless it is the same stream.
    """

    def __init__(self, stream: TextIO, clock: Clock, style: TerminalStyle) -> None:
        self._stream = stream
        self._clock = clock
        self._begun_ns = self._printed_ns = clock.monotonic_ns()
        self._bar: _Bar | None = None
        self._task = TaskID(0)
        if stream.isatty() and not style.ascii_only:
            console = Console(file=stream, no_color=not style.color, width=style.width)
            self._bar = _Bar(console)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("Shop traffic", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, made: int, total: int, fault: Fault) -> None:
        """Show how far the shop is; called by `run_demo` after each round."""
        now = self._clock.monotonic_ns()
        pace = _pace(made, total, now - self._begun_ns)
        if self._bar is not None:
            self._bar.fault = fault
            self._bar.update(self._task, completed=made, total=total, pace=pace)
        elif now - self._printed_ns >= _EVERY_NS or made == total:
            self._printed_ns = now
            share = made * 100 // total
            line = f"Shop traffic {share:>3}%  {made:,} of {total:,} traces  {pace}"
            self._stream.write(f"{line}{_named(fault, '; ')}\n")
            self._stream.flush()


class _Bar(Progress):
    """Two lines: the bar, and the fault that is on."""

    fault = Fault.NONE

    def __init__(self, console: Console) -> None:
        columns: tuple[ProgressColumn, ...] = (
            TextColumn("{task.description}  "),
            BarColumn(35, complete_style="blue", finished_style="blue"),
            TextColumn("{task.percentage:>3.0f}%  "),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} traces  "),
            TextColumn("{task.fields[pace]}"),
        )
        super().__init__(*columns, console=console, transient=True)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar once its end is known, then the fault line."""
        if self.tasks and self.tasks[0].total is not None:
            yield self.make_tasks_table(self.tasks)
            yield Text(" " * 15 + _named(self.fault, ""), style="yellow")


def _pace(made: int, total: int, elapsed_ns: int) -> str:
    seconds = elapsed_ns / 10**9
    if seconds <= 0 or made == 0:
        return ""
    left = int((total - made) * seconds / made)
    return f"{made / seconds:,.0f}/s  {left // 60}:{left % 60:02d} left"


def _named(fault: Fault, lead: str) -> str:
    if fault is Fault.NONE:
        return ""
    return f"{lead}fault now: {fault.value} ({fault.number} of {_FAULTS})"
