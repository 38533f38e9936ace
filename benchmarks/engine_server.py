"""`EngineServer`: `sloengine serve` under measurement."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.processes import MeasurementError, Server, free_ports
from sloengine.answers import report_of_store
from sloengine.report import ReportRequest

_POLL_S = 0.1

Counts = Mapping[str, Mapping[str, int]]
"""How many business transactions, by name and outcome."""


class EngineServer(Server):
    """An engine with a store of its own in `folder`; `settings` are its `--set`."""

    def __init__(self, folder: Path, definitions: Path, settings: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        grpc_port, http_port, health_port = free_ports(3)
        self.store = folder / "store"
        endpoint = f"localhost:{grpc_port}"
        configuration = (
            f"receiver.protocols.grpc.endpoint={endpoint}",
            f"receiver.protocols.http.endpoint=localhost:{http_port}",
            f"extensions.health_check.endpoint=localhost:{health_port}",
            f"definitions.path={definitions}",
            f"store.directory={self.store}",
            *settings,
        )
        program = Path(sys.executable).with_name("sloengine")
        options = [word for setting in configuration for word in ("--set", setting)]
        super().__init__(
            "sloengine",
            [str(program), "serve", *options],
            endpoint=endpoint,
            health_port=health_port,
            log=folder / "sloengine.log",
        )

    def facts(self) -> dict[str, dict[str, int]]:
        """Ask the running engine how many business transactions it has stored."""
        request = ReportRequest(form="json", at_latest=True)
        document = json.loads(report_of_store(self.store, request))
        return {share["transaction"]: share["outcomes"] for share in document["traffic"]}

    def wait_facts(self, expected: Counts, timeout_s: float = 120) -> None:
        """Ask again and again until all facts are stored; for waits that are measured.

        Raises:
            WrongCountError: they are not in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                self.check(expected)
            except WrongCountError:
                time.sleep(_POLL_S)
            else:
                return
        self.check(expected)

    def check(self, expected: Counts) -> None:
        """Compare what is stored with what the generator says must be.

        Raises:
            WrongCountError: they differ.
        """
        found = self.facts()
        if found != {name: dict(outcomes) for name, outcomes in expected.items()}:
            raise WrongCountError(f"facts are wrong: expected {expected}, found {found}")


class WrongCountError(MeasurementError):
    """A program counted something else than what was sent; its figures mean nothing."""
