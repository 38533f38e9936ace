"""What a check of definitions found, as text for people, editors, pull requests and programs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sloengine import __version__
from sloengine.definitions import Plan
from sloengine.errors import Problem, Severity

FORMATS = ("text", "json", "github", "sarif")
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: Mapping[Severity, tuple[str, str]] = {
    Severity.ERROR: ("definition-error", "The definitions cannot be applied as they stand."),
    Severity.WARNING: ("definition-warning", "Allowed, and probably not what was meant."),
}
_MARKED = re.compile(r'(?P<place>^\S.*?:\d+:\d+)(?=: )|(?<=did you mean )(?P<cure>"[^"]*"|[^?]*)')
Paint = Callable[[str, str], str]
"""Colours a piece of text: the role (`place`, `cure`) and the text."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check of a folder found."""

    path: Path
    problems: tuple[Problem, ...]
    """Errors and warnings, in order of place."""
    plan: Plan | None = None
    """What would be applied; `None` where there are errors."""
    files: int = 0

    @property
    def errors(self) -> int:
        """How many of the problems are errors."""
        return sum(problem.severity is Severity.ERROR for problem in self.problems)

    @property
    def warnings(self) -> int:
        """How many of the problems are warnings."""
        return len(self.problems) - self.errors

    @property
    def not_evaluated(self) -> tuple[str, ...]:
        """A line for each thing that is accepted and not evaluated."""
        return self.plan.not_evaluated if self.plan is not None else ()


def render_findings(findings: Findings, form: str, paint: Paint | None = None) -> str:
    """Return the findings in one of `FORMATS`; `paint` colours text for a terminal."""
    renderers: Mapping[str, Callable[[], str]] = {
        "text": lambda: _text(findings, paint or (lambda _role, text: text)),
        "json": lambda: _json(findings),
        "github": lambda: _github(findings),
        "sarif": lambda: _sarif(findings),
    }
    return renderers[form]()


def _summary(findings: Findings) -> str:
    counted = f"{_count(findings.errors, 'error')}, {_count(findings.warnings, 'warning')}"
    plan = findings.plan
    if plan is None:
        return f"{counted} in {findings.path}. Nothing was applied."
    return (
        f"{counted} in {_count(findings.files, 'file')}: "
        f"{_count(len(plan.transactions), 'transaction')}, {_count(len(plan.slos), 'SLO')}, "
        f"revision {plan.revision}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _text(findings: Findings, paint: Paint) -> str:
    def painted(match: re.Match[str]) -> str:
        role = match.lastgroup or ""
        return paint(role, match.group())

    lines = [_MARKED.sub(painted, str(problem)) for problem in findings.problems]
    lines += findings.not_evaluated
    if lines:
        lines.append("")
    return "\n".join([*lines, _summary(findings)]) + "\n"


def _json(findings: Findings) -> str:
    plan = findings.plan
    document = {
        "version": 1,
        "path": str(findings.path),
        "errors": findings.errors,
        "warnings": findings.warnings,
        "problems": [
            {
                "severity": str(problem.severity),
                "file": problem.position.file,
                "line": problem.position.line,
                "column": problem.position.column,
                "subject": problem.subject,
                "message": problem.message,
            }
            for problem in findings.problems
        ],
        "notEvaluated": list(findings.not_evaluated),
        "revision": plan.revision if plan is not None else None,
        "transactions": [rule.name for rule in plan.transactions] if plan is not None else [],
        "slos": [rule.name for rule in plan.slos] if plan is not None else [],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _github(findings: Findings) -> str:
    """Workflow commands: GitHub shows each beside its line in a pull request."""
    lines = []
    for problem in findings.problems:
        properties = {
            "file": problem.position.file,
            "line": problem.position.line,
            "col": problem.position.column,
            "title": problem.subject or "definitions",
        }
        shown = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
        lines.append(f"::{problem.severity} {shown}::{_data(problem.message)}")
    lines += [f"::notice title=not evaluated::{_data(line)}" for line in findings.not_evaluated]
    return "\n".join([*lines, _summary(findings)]) + "\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(findings: Findings) -> str:
    """SARIF 2.1.0, which code scanning and many editors read."""
    results = [
        {
            "ruleId": _RULES[problem.severity][0],
            "level": str(problem.severity),
            "message": {
                "text": f"{problem.subject}: {problem.message}"
                if problem.subject
                else problem.message
            },
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri(problem.position.file)},
                        "region": {
                            "startLine": problem.position.line,
                            "startColumn": problem.position.column,
                        },
                    }
                }
            ],
        }
        for problem in findings.problems
    ]
    driver = {
        "name": "sloengine",
        "version": __version__,
        "rules": [
            {"id": name, "shortDescription": {"text": summary}} for name, summary in _RULES.values()
        ],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    document = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
