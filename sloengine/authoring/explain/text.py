"""An explanation on a terminal: what became of the trace, the tree, then rule by rule why."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from sloengine.authoring.explain.model import (
    Answer,
    ExplainedRule,
    ExplainedTransaction,
    ExplainedValue,
    Explanation,
    Finding,
    Rival,
)
from sloengine.authoring.explain.numbers import counted
from sloengine.authoring.explain.tree import tree_lines
from sloengine.report import TerminalStyle
from sloengine.report.clean import one_line
from sloengine.report.layout import fit, wrap
from sloengine.report.moments import day_and_time, moment
from sloengine.store import OTHER

MOST_SPANS = 60
_MARKS = {Answer.YES: "✓", Answer.NO: "–", Answer.UNKNOWN: "?", Answer.NOT_ASKED: " "}
_TONES = {Answer.YES: "", Answer.NO: "quiet", Answer.UNKNOWN: "watch", Answer.NOT_ASKED: "quiet"}
_OUTCOME_TONES = {"good": "met", "slow": "bad", "failed": "bad", "abandoned": "bad"}
_LABEL = 10
_TEXT_COLUMN = 62


def render_text(
    explanation: Explanation, style: TerminalStyle | None = None, *, whole_tree: bool = False
) -> str:
    """Return the explanation as text; long traces are cut unless `whole_tree`."""
    style = style or TerminalStyle()
    lines = [*wrap(_head(explanation), style.width), ""]
    lines += _verdicts(explanation, style)
    lines.append("")
    most = len(explanation.spans) if whole_tree else MOST_SPANS
    lines += tree_lines(explanation, style, most=most, marked=_marked(explanation))
    for transaction in explanation.transactions:
        lines += ["", *_transaction(transaction, explanation, style)]
    lines += _passed_over(explanation, style)
    lines += _remarks(explanation, style.width)
    return style.finish(lines)


def _head(explanation: Explanation) -> str:
    spans = explanation.spans
    start_ns = min(span.start_ns for span in spans)
    at = f"{day_and_time(start_ns, year=True)}:{moment(start_ns):%S} UTC"
    size = counted(len(spans), "span")
    state = "incomplete" if explanation.incomplete else "whole"
    return f"Trace {explanation.trace_id:032x} · {at} · {size}, {state}"


def _verdicts(explanation: Explanation, style: TerminalStyle) -> Iterator[str]:
    for transaction in explanation.transactions:
        verdict = f"{one_line(transaction.transaction)}: {transaction.outcome}"
        if transaction.reason:
            verdict += f", reason {one_line(transaction.reason)}"
        source = f"definition {one_line(transaction.transaction)}@{transaction.definition}"
        tone = _OUTCOME_TONES.get(transaction.outcome, "watch")
        painted = style.paint(verdict, "bad bold" if tone == "bad" else tone)
        gap = style.width - cell_len(verdict) - cell_len(source)
        if gap >= 2:
            yield painted + " " * gap + style.paint(source, "quiet")
        else:
            yield painted
            yield style.paint(f"  {source}", "quiet")
    for unmapped in explanation.unmapped:
        label = _label(explanation, unmapped.span)
        why = (
            "no definition maps it" if unmapped.transaction == OTHER else "a kind: Ignore names it"
        )
        yield f"{unmapped.transaction}: {label}; {why}"
    if not explanation.transactions and not explanation.unmapped:
        yield style.paint("No business transaction, and no customer traffic: nothing counted", "")


def _marked(explanation: Explanation) -> set[int]:
    """The spans that the explanation speaks of."""
    marked = set(explanation.orphans[:20])
    for transaction in explanation.transactions:
        marked.add(transaction.entry)
        for rule in transaction.rules:
            marked.update(rule.finding.spans[:5])
        marked.update(value.span for value in transaction.values if value.span is not None)
    return marked


def _transaction(
    transaction: ExplainedTransaction, explanation: Explanation, style: TerminalStyle
) -> Iterator[str]:
    several = len(explanation.transactions) > 1
    of = f" of {one_line(transaction.transaction)}" if several else ""
    yield style.paint(f"Rules{of}, in order", "bold")
    yield from _finding("entry", transaction.entry_rule, "", style)
    if transaction.having is not None:
        yield from _finding("having", transaction.having, "", style)
    asked_last = False
    for rule in transaction.rules:
        if rule.finding.answer is Answer.NOT_ASKED and rule.label != "because":
            why = "" if asked_last else "not asked: the first rule that holds decides"
            asked_last = True
            yield style.paint(f"  {fit(rule.label, _LABEL)}   {why}", "quiet").rstrip()
            continue
        if rule.finding.answer is Answer.NOT_ASKED:
            continue
        yield from _finding(rule.label, rule.finding, _effect(rule, transaction), style)
    if transaction.outcome == "good":
        yield f"  {'':<{_LABEL}}   no rule holds → good"
    yield from _rivals(transaction.rivals, style)
    yield from _values(transaction, explanation, style)


def _effect(rule: ExplainedRule, transaction: ExplainedTransaction) -> str:
    if not rule.decided:
        return ""
    if rule.finding.answer is Answer.UNKNOWN:
        return f" → {transaction.outcome}"
    if rule.label == "because":
        return f" → reason {one_line(rule.reason)}"
    reason = "" if rule.reason == rule.label else f", {one_line(rule.reason)}"
    return f" → {rule.label}{reason}"


def _finding(
    label: str, finding: Finding, effect: str, style: TerminalStyle, level: int = 0
) -> Iterator[str]:
    mark, tone = _MARKS[finding.answer], _TONES[finding.answer]
    margin = "  " * (level + 1)
    mark_width = 2 if style.ascii_only else 1
    begin = f"{margin}{fit(label, _LABEL)}{fit(mark, mark_width)}  "
    indent = " " * cell_len(begin)
    text = one_line(finding.text)
    why = one_line(finding.why) + effect
    side = max(_TEXT_COLUMN, cell_len(begin + text) + 2)
    if side + cell_len(why) <= style.width:
        first = fit(begin + text, side) if why else begin + text
        yield style.paint(first, tone) + why
    else:
        yield from (style.paint(line, tone) for line in wrap_from(begin, text, style.width, indent))
        if why:
            yield from wrap_from(indent, why, style.width, indent)
    for part in finding.parts:
        yield from _finding("", part, "", style, level + 1)


def wrap_from(begin: str, text: str, width: int, indent: str) -> list[str]:
    """Wrap `text` after a beginning whose spaces are kept."""
    room = max(20, width - cell_len(begin))
    lines = wrap(text, room)
    return [begin + lines[0], *(indent + line for line in lines[1:])]


def _rivals(rivals: tuple[Rival, ...], style: TerminalStyle) -> Iterator[str]:
    for number, rival in enumerate(rivals):
        label = "others" if number == 0 else ""
        begin = f"  {fit(label, _LABEL)}–  "
        text = f"{one_line(rival.transaction)} matches this entry too: {one_line(rival.why)}"
        indent = " " * (cell_len(begin) + 2)
        yield from (
            style.paint(line, "quiet") for line in wrap_from(begin, text, style.width, indent)
        )


def _values(
    transaction: ExplainedTransaction, explanation: Explanation, style: TerminalStyle
) -> Iterator[str]:
    if not transaction.values:
        return
    yield ""
    yield style.paint("Values", "bold")
    for value in transaction.values:
        begin = f"  {fit(one_line(value.name), _LABEL)} "
        if value.text is None:
            text = f"none; {one_line(value.expression)} is nil in the span set and above it"
        else:
            text = f"{one_line(value.text)}   from {_place(value, explanation)}"
        yield from wrap_from(begin, text, style.width, " " * cell_len(begin))


def _place(value: ExplainedValue, explanation: Explanation) -> str:
    expression = one_line(value.expression)
    if value.span is None or value.from_span == "entry":
        return f"{expression} on the entry"
    return f"{expression} on {_label(explanation, value.span)} ({value.from_span})"


def _passed_over(explanation: Explanation, style: TerminalStyle) -> Iterator[str]:
    if not explanation.passed_over:
        return
    yield ""
    yield style.paint("Matched an entry, and begin no transaction", "bold")
    for passed in explanation.passed_over[:10]:
        for rival in passed.rivals:
            begin = f"  {_label(explanation, passed.span)}  "
            text = f"{one_line(rival.transaction)}: {one_line(rival.why)}"
            yield from wrap_from(begin, text, style.width, "    ")
    rest = len(explanation.passed_over) - 10
    if rest > 0:
        yield f"  and {rest} more"


def _remarks(explanation: Explanation, width: int) -> Iterator[str]:
    remarks = []
    if explanation.orphans:
        number = counted(len(explanation.orphans), "span")
        remarks.append(
            f"Incomplete: the parents of {number} (“orphan” above) never arrived, and no entry is "
            "below. What is there is known, what is absent is not: a rule that rests on absence "
            "gives unknown → send whole traces here (docs/collector.md)"
        )
    if explanation.cycles_cut:
        number = counted(explanation.cycles_cut, "cycle")
        remarks.append(
            f"Spans name each other as parents in {number}; each was cut above its earliest span "
            "→ correct the instrumentation that sets these parents"
        )
    if explanation.copies:
        remarks.append(
            f"{counted(explanation.copies, 'span')} came again; each is counted once, and of "
            "copies that differ the one that ends last is taken"
        )
    remarks += [
        f"{error.definition}: {error.condition} errs on {counted(error.spans, 'span')} "
        f"({error.message}) and does not match there"
        for error in explanation.condition_errors
    ]
    remarks += explanation.notes
    if remarks:
        yield ""
    for remark in remarks:
        yield from wrap(f"• {remark}", width, "  ")


def _label(explanation: Explanation, index: int) -> str:
    span = explanation.spans[index]
    return " ".join(part for part in (one_line(span.service), one_line(span.name)) if part)
