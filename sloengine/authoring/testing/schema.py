"""JSON Schema of `kind: Test`, for editors. The reader is stricter: it knows names and places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sloengine.authoring.testing.files import API_VERSION, KIND, METADATA_KEYS
from sloengine.authoring.testing.reading_expectations import (
    BUDGET_KEYS,
    BURN_KEYS,
    COUNTERS,
    COUNTS,
)
from sloengine.authoring.testing.reading_spans import KINDS, MOST_SPANS, STATUSES
from sloengine.definitions import Outcome
from sloengine.slo import State

Schema = dict[str, Any]


def _record(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def _list(items: Schema, *, least: int = 1) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


def _said(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_NAME: Schema = {"type": "string", "minLength": 1}
_DURATION: Schema = {"type": "string", "pattern": "^([0-9.]+(ns|us|µs|ms|s|m|h|d|w))+$"}
_OFFSET: Schema = {
    "anyOf": [
        {"type": "string", "pattern": "^(0|-?([0-9.]+(ns|us|µs|ms|s|m|h|d|w))+)$"},
        {"const": 0},
    ]
}
_EXACT: Schema = {
    "anyOf": [
        {"type": ["number", "null"]},
        {"type": "string", "pattern": "^[-+]?[0-9]+ */ *[0-9]+$|^[-+]?[0-9.]+ *%$"},
    ]
}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TIMES: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_SPANS}
_ID: Schema = {"type": ["string", "integer"]}
_ATTRIBUTES: Schema = {"type": "object"}
_SOMEBODY = _said(
    {"type": ["string", "number", "boolean", "null"]},
    "The text of the key; true for any, null for none.",
)

_DEFAULTS: dict[str, Schema] = {
    "service": _said(_NAME, 'resource.attributes["service.name"]'),
    "name": _said(_NAME, "Name of the span."),
    "kind": _said({"enum": list(KINDS)}, "Kind of the span; internal where it is not given."),
    "duration": _said(_OFFSET, "How long the span takes; nothing where it is not given."),
    "status": {"enum": list(STATUSES)},
    "statusMessage": _TEXT,
    "attributes": _said(_ATTRIBUTES, "Attributes of the span; types are kept."),
    "resource": _said(_ATTRIBUTES, "Attributes of the resource beside service.name."),
    "scope": _record({"name": _TEXT, "version": _TEXT, "attributes": _ATTRIBUTES}),
    "traceState": _TEXT,
}

_SPAN = _record(
    {
        "id": _said(_ID, "Any text. A whole number is the id itself."),
        "parent": _said(_ID, "Id of a span of the same trace."),
        "missingParent": _said(_ID, "Id of a parent that never arrives."),
        "trace": _said(_TEXT, "Label of the trace; spans without one are one trace."),
        "at": _said(_OFFSET, "When the span starts, from the scenario's start; 0 if not given."),
        "arrives": _said(_OFFSET, "When the span reaches the engine; at its end if not given."),
        "times": _said(_TIMES, "The span's whole trace happens so often."),
        "every": _said(_DURATION, "From one repetition to the next."),
        "events": _list(
            _record({"name": _TEXT, "at": _OFFSET, "attributes": _ATTRIBUTES}, ["name"])
        ),
        **_DEFAULTS,
    }
)

_TRANSACTION = _record(
    {
        "transaction": _said(_NAME, "Name of the definition, or other, or ignored."),
        "times": _said(_TIMES, "So many of them; one if not given."),
        "entry": _said(_ID, "Id of the entry span."),
        "trace": _said(_TEXT, "Label of the trace."),
        "outcome": {"enum": [str(outcome) for outcome in Outcome]},
        "reason": {"type": ["string", "null"]},
        "incomplete": {"type": "boolean"},
        "customer": _SOMEBODY,
        "session": _SOMEBODY,
        "intent": _SOMEBODY,
        "value": {
            "anyOf": [
                {"type": "null"},
                _record({"amount": _EXACT, "currency": {"type": ["string", "null"]}}),
            ]
        },
        "dimensions": {"type": "object", "additionalProperties": _TEXT},
    },
    ["transaction"],
)

_SLO = _record(
    {
        "slo": _said(_NAME, "Name of the SLO; a promise's is the transaction's and -experience."),
        "objective": _said(_TEXT, "Display name of the objective, where there are several."),
        **dict.fromkeys((*COUNTS, "sli"), _EXACT),
        "budget": _record(dict.fromkeys(BUDGET_KEYS, _EXACT)),
        "burnRate": _record(dict.fromkeys(BURN_KEYS, _EXACT)),
        "state": {"enum": [str(state) for state in State]},
        "reasons": {"type": "object", "additionalProperties": _COUNT},
    },
    ["slo"],
)

_EXPECTATION = _record(
    {
        "at": _said(_OFFSET, "When; at the end, with every trace judged, if not given."),
        "transactions": _said(
            _list(_TRANSACTION, least=0), "All transactions that were judged by then."
        ),
        "slos": _list(_SLO),
        "counters": _record(dict.fromkeys(COUNTERS, _COUNT)),
        "alerts": _said(_list({"type": "object"}), "Accepted, and not evaluated by this version."),
    }
)

_SCENARIO = _record(
    {
        "name": _NAME,
        "description": _TEXT,
        "start": {"type": "string", "format": "date-time"},
        "defaults": _record(_DEFAULTS),
        "spans": _list(_SPAN),
        "expect": {"anyOf": [_EXPECTATION, _list(_EXPECTATION)]},
    },
    ["name", "expect"],
)

TEST_SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Scenarios that definitions must pass",
    **_record(
        {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": KIND},
            "metadata": _record(
                {
                    key: _NAME if key in ("name", "displayName") else {"type": "object"}
                    for key in METADATA_KEYS
                },
                ["name"],
            ),
            "spec": _record(
                {
                    "description": _TEXT,
                    "definitions": _said(
                        _NAME,
                        "Folder or file of the definitions, from this file; its own folder if not "
                        "given. Definitions in the file itself stand instead.",
                    ),
                    "start": {"type": "string", "format": "date-time"},
                    "defaults": _said(_record(_DEFAULTS), "What spans have unless they say so."),
                    "scenarios": _list(_SCENARIO),
                },
                ["scenarios"],
            ),
        },
        ["apiVersion", "kind", "spec"],
    ),
}
