"""`python -m sloengine` is `sloengine`."""

from sloengine.cli import main

main()
