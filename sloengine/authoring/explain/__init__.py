"""Why one trace was judged as it was.

In: a trace (from a store, an OTLP file, or Jaeger's JSON) and a set of definitions. Out: an
`Explanation`: its spans, which definition took which entry and why no other did, every rule with
what it was answered, and the values that were taken. Guaranteed: outcomes come from the judge
itself, which a witness watches; values that name customers are shown only where the caller asks.
"""

from sloengine.authoring.explain.ask import explain_file, explain_stored
from sloengine.authoring.explain.build import explain
from sloengine.authoring.explain.document import render_json
from sloengine.authoring.explain.jaeger import is_jaeger, jaeger_to_otlp
from sloengine.authoring.explain.model import Answer, Explanation
from sloengine.authoring.explain.sources import FoundTrace, stored_trace, trace_of_file
from sloengine.authoring.explain.spans import CollectedTrace, collect_trace
from sloengine.authoring.explain.text import render_text

__all__ = [
    "Answer",
    "CollectedTrace",
    "Explanation",
    "FoundTrace",
    "collect_trace",
    "explain",
    "explain_file",
    "explain_stored",
    "is_jaeger",
    "jaeger_to_otlp",
    "render_json",
    "render_text",
    "stored_trace",
    "trace_of_file",
]
