"""The third loop: what the counts in the store say about the promises in a plan, at an instant.

In: a `StoreReader`, a `Plan`, an instant. Out: one immutable `Evaluation` that exporter and report
read, and nothing else. Guaranteed: integers and exact fractions, all of one state of the store;
"no data" is a state; the same answer before and after compaction.
"""

from sloengine.evaluate.evaluate import evaluate
from sloengine.evaluate.evaluation import (
    AdjustmentUse,
    Amount,
    Breakdown,
    BudgetDay,
    BurnRate,
    Coverage,
    DefinitionUse,
    Evaluation,
    Money,
    Part,
    SloEvaluation,
    TrafficShare,
)
from sloengine.slo import State

__all__ = [
    "AdjustmentUse",
    "Amount",
    "Breakdown",
    "BudgetDay",
    "BurnRate",
    "Coverage",
    "DefinitionUse",
    "Evaluation",
    "Money",
    "Part",
    "SloEvaluation",
    "State",
    "TrafficShare",
    "evaluate",
]
