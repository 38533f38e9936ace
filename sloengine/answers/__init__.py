"""Answers to other commands on this machine: from the running engine, or from its store.

In: a question and a store's folder; or, in the engine, the question's parameters and what it has
open. Out: a report, a trace or the engine's health, as text. DuckDB lets no second process open a
live file; so the engine answers on a local socket (`answers.running`), and where none runs the file
is opened read-only (`answers.stored`). Guaranteed: who asks a running engine imports neither.
"""

from sloengine.answers.report import report_of_store

__all__ = ["report_of_store"]
