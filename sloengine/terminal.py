"""What standard output can show: width, colour and characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

WIDTH = 100
_RESET = "\x1b[0m"
_CODES = {"met": "34", "bad": "31", "watch": "33", "quiet": "90", "bold": "1", "bad bold": "1;31"}
_ASCII = str.maketrans(
    {
        "█": "#",
        "▌": "+",
        "▐": "+",
        "│": "|",
        "─": "-",
        "░": ".",
        "▓": "%",
        "◀": "<",
        "▼": "v",
        "✓": "ok",
        "✗": "X",
        "≈": "~",
        "×": "x",
        "−": "-",
        "–": "-",
        "·": "|",
        "•": "*",
        "…": "...",
        "→": "->",
        "“": '"',
        "”": '"',
        "≤": "<=",
        "µ": "u",
        "━": "=",
    }
)


@dataclass(frozen=True, slots=True)
class TerminalStyle:
    """How wide the output may be and what it may use. The default is that of a pipe."""

    width: int = WIDTH
    color: bool = False
    ascii_only: bool = False

    def paint(self, text: str, tone: str) -> str:
        """Return `text` in a tone: `met`, `bad`, `watch`, `quiet` or `bold`."""
        return f"\x1b[{_CODES[tone]}m{text}{_RESET}" if self.color and tone and text else text

    def finish(self, lines: Sequence[str]) -> str:
        """Return the lines as one text, in ASCII where that was asked for."""
        text = "\n".join(line.rstrip() for line in lines) + "\n"
        if not self.ascii_only:
            return text
        return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")


def terminal_style(
    stream: TextIO,
    environ: Mapping[str, str],
    *,
    columns: int,
    color: str = "auto",
    ascii_only: bool = False,
) -> TerminalStyle:
    """Decide colour and width for `stream`.

    `color` is `auto`, `always` or `never`; `auto` means a terminal without `NO_COLOR`
    (no-color.org) that is not `dumb`. A pipe gets the width of 100 columns, so that the same
    command prints the same text everywhere. An encoding that cannot show the marks means ASCII.
    """
    tty = stream.isatty()
    plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
    colored = color == "always" or (color == "auto" and tty and not plain)
    try:
        "✗│█".encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        ascii_only = True
    return TerminalStyle(columns if tty else WIDTH, colored, ascii_only)
