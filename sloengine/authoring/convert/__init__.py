"""Objectives of other tools -> ours, and a precise account of what could not come along.

In: files of Sloth (`prometheus/v1`), Pyrra (`pyrra.dev/v1alpha1`) or slo-generator
(`sre.google.com/v2`). Out: OpenSLO documents that `validate` accepts, and one note for each field
that has no place in them. Guaranteed: every field of the input is in the output or in a note;
targets are exact. A query over metrics cannot become a condition on spans: it stays, reported as
not evaluable here, or is replaced by a transaction that the caller names.
"""

from sloengine.authoring.convert.convert import Converted, Mapping, convert_files

__all__ = ["Converted", "Mapping", "convert_files"]
