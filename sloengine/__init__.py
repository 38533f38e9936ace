"""An SLO engine beside an OpenTelemetry Collector: what did the customers experience?

Read `sloengine.engine` first: it names every stage in order.
"""

from importlib.metadata import version

__version__ = version("sloengine")
