"""Build the Collector that `otel-config/ocb.yaml` describes, once, and remember where it is.

`python tests/collector/collector_build.py` prints the path of the program. The first run takes
minutes (it downloads Go modules and compiles); later ones return at once until the manifest
changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MANIFEST = Path(__file__).resolve().parents[2] / "otel-config" / "ocb.yaml"


class GoMissingError(Exception):
    """There is no `go` on this machine, so no Collector can be built."""


def cache_root() -> Path:
    """The folder of all built Collectors: under `XDG_CACHE_HOME`, else `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "sloengine"


def build_collector(manifest: Path = MANIFEST) -> Path:
    """Return the Collector of a builder manifest, building it where the cache has none.

    Safe to call from several processes: one builds, the others wait. Raises `GoMissingError`
    where there is no Go, and `CalledProcessError` (its output is on stderr) where the build fails.
    """
    text = manifest.read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = cache_root() / f"otelcol-{digest}"
    program = folder / "otelcol"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise GoMissingError("no `go` on PATH: install Go 1.25 or newer to build a Collector")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(go, manifest, _version(text), program)
    return program


def _version(manifest: str) -> str:
    """The one version that every component of the manifest has; the builder gets the same."""
    versions = set(re.findall(r"gomod: \S+ (v\S+)", manifest))
    if len(versions) != 1:
        raise ValueError(f"ocb.yaml must give all components one version, not {sorted(versions)}")
    return str(versions.pop())


def _build(go: str, manifest: Path, version: str, program: Path) -> None:
    """Build in a temporary folder and move the result into place, so that no half is ever found."""
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        environment = os.environ | {"GOFLAGS": "-buildvcs=false", "GOBIN": scratch}
        low_priority = ["nice"] if shutil.which("nice") else []
        _run(
            [*low_priority, go, "install", f"go.opentelemetry.io/collector/cmd/builder@{version}"],
            environment,
        )
        output = Path(scratch) / "out"
        described = Path(scratch) / "ocb.yaml"
        described.write_text(
            re.sub(
                r"output_path: \S+",
                f"output_path: {output}",
                manifest.read_text(encoding="utf-8"),
            ),
            encoding="utf-8",
        )
        _run([*low_priority, f"{scratch}/builder", "--config", str(described)], environment)
        (output / "otelcol").rename(program)


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, env=environment, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    try:
        print(build_collector())
    except GoMissingError as missing:
        sys.exit(str(missing))
