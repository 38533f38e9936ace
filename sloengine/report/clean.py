"""Text that came from spans or files, made harmless for each place it is shown in."""

from __future__ import annotations

import re
import unicodedata

_LINE_BREAKS = re.compile("[\n\r\t\v\f\x85\u2028\u2029]+")
_FORMULA_START = frozenset("=+-@\t\r\n\0\uff1d\uff0b\uff0d\uff20")
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]#!|~$]|^[-+=])")
_MARKDOWN_ENTITIES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "@": "&#64;",
    "://": "&#58;//",
    "www.": "www&#46;",
}
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def one_line(text: str) -> str:
    """Return `text` without control and hidden format characters (C0, C1, ESC, bidi overrides).

    Line breaks and tabs become one space. What is left cannot move a cursor, set a title, reorder
    its neighbours or start a line of its own. Lone surrogates go too: no encoder takes them.
    """
    spaced = _LINE_BREAKS.sub(" ", text)
    return "".join(c for c in spaced if unicodedata.category(c) not in _HIDDEN)


def for_csv(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    flat = one_line(text)
    # White space before a formula may be dropped on the way, by a spreadsheet or by `one_line`.
    suspicious = text[:1] in _FORMULA_START or flat.lstrip()[:1] in _FORMULA_START
    return f"'{flat}" if text and suspicious else flat


def for_markdown(text: str) -> str:
    """Return `text` that renders as itself: no markup, link, mention or HTML comes out of it."""
    escaped = _MARKDOWN_SPECIAL.sub(r"\\\1", one_line(text))
    for special, entity in _MARKDOWN_ENTITIES.items():
        escaped = escaped.replace(special, entity)
    return escaped
