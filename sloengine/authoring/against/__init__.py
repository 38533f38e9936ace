"""Definitions held against real traces, before anybody relies on them.

In: a set of definitions, and traces (files, or what a running engine received lately). Out: which
transactions matched how often, which conditions never held, and for each attribute that a
definition reads where it was found and where it is nil. Guaranteed: matches are the judge's own;
memory is bounded; nothing is stored.
"""

from sloengine.authoring.against.report import document, render_text, share, suggestion
from sloengine.authoring.against.run import (
    LAST_NS,
    LIVE,
    against,
    chosen_traces,
    file_traces,
    live_traces,
)
from sloengine.authoring.against.sightings import Sightings, Use, uses_of, values_of

__all__ = [
    "LAST_NS",
    "LIVE",
    "Sightings",
    "Use",
    "against",
    "chosen_traces",
    "document",
    "file_traces",
    "live_traces",
    "render_text",
    "share",
    "suggestion",
    "uses_of",
    "values_of",
]
