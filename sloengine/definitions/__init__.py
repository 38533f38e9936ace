"""What users write (`slo-definitions/`) -> a `Plan`, ready to run.

In: a folder of YAML files: our kinds (`sloengine/v1`) and OpenSLO v1. Out: an immutable `Plan`
(what to decode, which conditions, which rules, which objectives), and warnings. Guaranteed: all
problems of all files come in one `DefinitionsError`, each with file, line and column; the plan and
its hashes do not depend on the order of files, documents or keys, nor on comments and layout; what
is accepted and not evaluated has a line in `Plan.not_evaluated`. Nothing here opens a database or a
network connection.
"""

from sloengine.definitions.adjustments import periods_of
from sloengine.definitions.duration import parse_duration
from sloengine.definitions.expand import expand
from sloengine.definitions.kinds import DOCUMENTS
from sloengine.definitions.load import LoadedDefinitions, load_definitions, load_text
from sloengine.definitions.plan import (
    Adjustment,
    AllOf,
    AnySpan,
    BecauseRule,
    CountSpans,
    DimensionRule,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Objective,
    Outcome,
    OutcomeRule,
    Plan,
    Predicate,
    Scope,
    SloRule,
    TransactionRule,
)
from sloengine.definitions.shapes import Shape
from sloengine.definitions.structures import Record
from sloengine.definitions.writing import as_written, write_documents

__all__ = [
    "DOCUMENTS",
    "Adjustment",
    "AllOf",
    "AnySpan",
    "BecauseRule",
    "CountSpans",
    "DimensionRule",
    "EntrySpan",
    "EverySpan",
    "LoadedDefinitions",
    "LongerThan",
    "NoSpan",
    "Objective",
    "Outcome",
    "OutcomeRule",
    "Plan",
    "Predicate",
    "Record",
    "Scope",
    "Shape",
    "SloRule",
    "TransactionRule",
    "as_written",
    "expand",
    "load_definitions",
    "load_text",
    "parse_duration",
    "periods_of",
    "write_documents",
]
