"""A diagnosis as text and as JSON."""

from __future__ import annotations

import json

from sloengine import __version__
from sloengine.authoring.doctor.examine import Diagnosis
from sloengine.authoring.doctor.model import Check, Level
from sloengine.authoring.explain.numbers import counted
from sloengine.report import TerminalStyle, numbers
from sloengine.report.clean import one_line
from sloengine.report.layout import fit, wrap
from sloengine.report.moments import rfc3339

VERSION = 1
_MARKS = {Level.OK: "✓", Level.WATCH: "!", Level.MEND: "✗", Level.NONE: "–"}
_TONES = {Level.OK: "met", Level.WATCH: "watch", Level.MEND: "bad", Level.NONE: "quiet"}
_NAME = 14


def render_text(diagnosis: Diagnosis, style: TerminalStyle | None = None) -> str:
    """Return one line for each check, its cures below, and what it comes to."""
    style = style or TerminalStyle()
    lines = [*wrap(_head(diagnosis), style.width), ""]
    mark_width = 2 if style.ascii_only else 1
    for check in diagnosis.checks:
        lines += _check(check, style, mark_width)
    lines += ["", _summary(diagnosis)]
    return style.finish(lines)


def _head(diagnosis: Diagnosis) -> str:
    parts = [f"sloengine {__version__}"]
    if diagnosis.first_ns is not None and diagnosis.last_ns is not None:
        length = max(diagnosis.last_ns - diagnosis.first_ns, 0)
        parts.append(f"{numbers.duration(length)} of traces")
    spans, traces = counted(diagnosis.spans, "span"), counted(diagnosis.traces, "trace")
    parts.append(f"{spans} in {traces}")
    if diagnosis.split:
        split = numbers.count(diagnosis.split)
        parts.append(f"{split} of them in parts too far apart to put together")
    return " · ".join(parts)


def _check(check: Check, style: TerminalStyle, mark_width: int) -> list[str]:
    begin = f"{fit(_MARKS[check.level], mark_width)} {fit(check.name, _NAME)} "
    indent = " " * len(begin)
    room = style.width - len(begin)
    text = wrap(one_line(check.text), max(room, 20))
    painted = style.paint(begin.split(" ", 1)[0], _TONES[check.level])
    lines = [f"{painted} {begin.split(' ', 1)[1]}{text[0]}", *(indent + line for line in text[1:])]
    for cure in check.cures:
        first, *more = wrap(f"→ {one_line(cure)}", max(room, 20), "  ")
        lines.append(indent + style.paint(first, "bold"))
        lines += [indent + style.paint(line, "bold") for line in more]
    return lines


def _summary(diagnosis: Diagnosis) -> str:
    parts = []
    if diagnosis.to_mend:
        parts.append(f"{diagnosis.to_mend} to mend")
    if diagnosis.to_watch:
        parts.append(f"{diagnosis.to_watch} to watch")
    if not parts:
        return "All is well."
    return f"{', '.join(parts)}. Exit code {int(diagnosis.to_mend > 0)}."


def render_json(diagnosis: Diagnosis) -> str:
    """Return the diagnosis as a JSON document."""
    return (
        json.dumps(
            {
                "version": VERSION,
                "engineVersion": __version__,
                "spans": diagnosis.spans,
                "traces": diagnosis.traces,
                "from": None if diagnosis.first_ns is None else rfc3339(diagnosis.first_ns),
                "to": None if diagnosis.last_ns is None else rfc3339(diagnosis.last_ns),
                "toMend": diagnosis.to_mend,
                "toWatch": diagnosis.to_watch,
                "checks": [
                    {
                        "check": check.name,
                        "level": check.level.value,
                        "text": check.text,
                        "cures": list(check.cures),
                    }
                    for check in diagnosis.checks
                ],
            },
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )
