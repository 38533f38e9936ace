"""An SLO engine beside an OpenTelemetry Collector: what did the customers experience?

Read `sloengine.engine` first: it names every stage in order.
"""

__version__ = "0.1.0"
