"""From traffic to a first set of definitions.

In: traces that are at hand (OTLP files, the spool of a store), and definitions that exist already.
Out: a BusinessTransaction with a promise for each thing that customers do, an Ignore for health
checks, as files to be reviewed. Guaranteed: the files load, and every count and budget that is
shown with them is what the engine itself finds by them in the same traces. Limits and targets are
guesses from what was usual, rounded.
"""

from sloengine.authoring.discover.run import NEWEST_BYTES, Discovery, Row, discover, write
from sloengine.authoring.discover.text import render_discovery

__all__ = ["NEWEST_BYTES", "Discovery", "Row", "discover", "render_discovery", "write"]
