"""What changes for customers and promises between two sets of definitions.

In: two revisions of a folder in git, or one and the working folder; and, where there are any,
traces. Out: the changes in words that an approver understands; with traces, what each set says of
them: what flips, with example traces, and the budgets before and after. Guaranteed: nothing in the
checkout changes; counts and budgets are exact, and come from the same stages as the engine's.
"""

from sloengine.authoring.diff.changes import Change, Detail
from sloengine.authoring.diff.compare import compare_plans
from sloengine.authoring.diff.document import render_json
from sloengine.authoring.diff.impact import Impact, Move, SloImpact, impact_of
from sloengine.authoring.diff.markdown import render_markdown
from sloengine.authoring.diff.revisions import Side, sides_of
from sloengine.authoring.diff.text import render_text

__all__ = [
    "Change",
    "Detail",
    "Impact",
    "Move",
    "Side",
    "SloImpact",
    "compare_plans",
    "impact_of",
    "render_json",
    "render_markdown",
    "render_text",
    "sides_of",
]
