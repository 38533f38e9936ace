"""The real engine, set up for the demo: free ports, a folder of its own, short waits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sloengine.config import EngineConfig
from sloengine.engine import Engine
from sloengine.evaluate.evaluation import Evaluation


class DemoSidecar:
    """An `Engine` with the few calls that the demo makes."""

    def __init__(self, definitions: Path, directory: Path) -> None:
        keys: dict[str, Any] = {
            "receiver": {"protocols": {"grpc": {"endpoint": "localhost:0"}, "http": None}},
            "definitions": {"path": definitions},
            "store": {"directory": directory},
            "processor": {"idle_wait": "2s"},
            "extensions": {"health_check": None},
            # A minute of compiling, where it was never done, would be half of the demo.
            "service": {"hot_path": "reference"},
        }
        self._engine = Engine(EngineConfig.model_validate(keys))

    @property
    def grpc_port(self) -> int:
        """The port on which it receives OTLP over gRPC, once started."""
        endpoint = self._engine.grpc_endpoint
        if endpoint is None:
            raise RuntimeError("the engine is not started")
        return endpoint.port

    def start(self) -> None:
        """Begin to receive."""
        self._engine.start()

    def stop(self) -> None:
        """Drain and close."""
        self._engine.stop()

    def wait_applied(self, timeout_s: float) -> bool:
        """Judge and commit all that was acknowledged."""
        return self._engine.settle(timeout_s)

    def report(self, at_ns: int) -> Evaluation:
        """Evaluate every promise at an instant."""
        return self._engine.evaluation(at_ns, course=True)


def demo_engine(definitions: Path, directory: Path) -> DemoSidecar:
    """Make the engine that judges the demo's traffic."""
    return DemoSidecar(definitions, directory)
