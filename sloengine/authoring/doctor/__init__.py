"""Is this engine seeing whole traces, in time, with all that the definitions need?

In: traces (files, or what arrived at an engine lately), a set of definitions, and what a running
engine says of itself. Out: one line for each check, with the number that it rests on and the cure.
Guaranteed: nothing is changed; memory is bounded; a check that cannot be made here says so.
"""

from sloengine.authoring.doctor.examine import Diagnosis, examine
from sloengine.authoring.doctor.model import Check, Level
from sloengine.authoring.doctor.run import examine_files, examine_store
from sloengine.authoring.doctor.text import render_json, render_text
from sloengine.authoring.doctor.vitals import Vitals, Waits

__all__ = [
    "Check",
    "Diagnosis",
    "Level",
    "Vitals",
    "Waits",
    "examine",
    "examine_files",
    "examine_store",
    "render_json",
    "render_text",
]
