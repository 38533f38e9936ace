"""The condition room: OTTL conditions as the OpenTelemetry Collector understands them.

In: the text of a condition or value expression. Out: a typed, immutable tree that can be evaluated
over the values of one span (`Condition`, `ValueExpression`), decided once per distinct combination
of values (`ConditionTable`), or written as SQL over stored facts (`FactCondition`). Guaranteed: the
same verdict as the Collector's filter processor, third state included (docs/ottl.md lists every
difference); regular expressions in linear time; bounded depth and length; a mistake is an
`OttlError` with its place. This room knows no SLO, no database and no network.
"""

from sloengine.ottl.conditions import (
    Condition,
    ValueExpression,
    parse_condition,
    parse_value,
)
from sloengine.ottl.facts import FactCondition, FactView, parse_fact_condition
from sloengine.ottl.factsql import SqlCondition
from sloengine.ottl.functions import FUNCTIONS
from sloengine.ottl.outcomes import bits_of
from sloengine.ottl.paths import FIELD_PATHS, SERVICE_NAME, SPAN_NAME
from sloengine.ottl.problems import EvaluationError, OttlError
from sloengine.ottl.table import ConditionTable
from sloengine.ottl.tree import Field
from sloengine.ottl.values import OpaqueId, Value, text_of

__all__ = [
    "FIELD_PATHS",
    "FUNCTIONS",
    "SERVICE_NAME",
    "SPAN_NAME",
    "Condition",
    "ConditionTable",
    "EvaluationError",
    "FactCondition",
    "FactView",
    "Field",
    "OpaqueId",
    "OttlError",
    "SqlCondition",
    "Value",
    "ValueExpression",
    "bits_of",
    "parse_condition",
    "parse_fact_condition",
    "parse_value",
    "text_of",
]
