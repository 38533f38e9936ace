"""A writer killed with SIGKILL at random moments."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from spool_parts import everything, open_spool

WRITER = """
import os, sys
from pathlib import Path
from spool_parts import STORE, trace_ids_of, payload_of
from sloengine.clock import SystemClock
from sloengine.spool import Spool

spool = Spool.open(Path(sys.argv[1]), store_id=STORE, clock=SystemClock(),
                   trace_ids_of=trace_ids_of, segment_bytes=20_000, sync_interval_s=0.0005)
number = int(sys.argv[2])
while True:
    group = []
    for _ in range(5):
        trace_id = number * 7 + 1
        payload = payload_of([trace_id], number.to_bytes(8, "big") * (1 + number % 200))
        group.append((number, spool.append(payload, arrival_ns=1, trace_ids=[trace_id])))
        number += 1
    spool.wait_durable(group[-1][1], 10)
    for n, position in group:
        os.write(1, f"{n} {position}\\n".encode())
"""


def test_every_acknowledged_frame_survives_kill_9(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    dice = random.Random(2024)
    acknowledged: dict[int, int] = {}
    number = 0
    for _ in range(4):
        kill_after = dice.randint(1, 400)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), str(number)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if not line.endswith("\n"):
                    break
                n, position = map(int, line.split())
                acknowledged[n] = position
                kill_after -= 1
                if kill_after == 0:
                    process.kill()
            assert process.wait() == -9
        number = max(acknowledged) + 1000
        spool = open_spool(directory)
        frames = {frame.position: frame.payload for frame in everything(spool)}
        for n, position in acknowledged.items():
            assert frames[position][17:25] == n.to_bytes(8, "big")
            assert position in spool.frames_of([n * 7 + 1], since_arrival_ns=0)[n * 7 + 1]
        assert spool.statistics.lost_bytes == 0
        spool.close()
    assert len(acknowledged) > 300
