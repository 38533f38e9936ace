"""`sloengine diff`."""

from __future__ import annotations

from pathlib import Path

import click

from sloengine.authoring.backtest import open_traces
from sloengine.authoring.diff import (
    Impact,
    Side,
    compare_plans,
    impact_of,
    render_json,
    render_markdown,
    render_text,
    sides_of,
)
from sloengine.cli.options import (
    ascii_option,
    color_option,
    store_traces_option,
    style_of,
    traces_option,
)
from sloengine.cli.progress import FileProgress
from sloengine.errors import ExitCode


@click.command()
@click.argument("revision", metavar="[REV]", default="HEAD")
@click.option(
    "--path",
    type=click.Path(path_type=Path),
    default=Path("slo-definitions"),
    show_default=True,
    help="Folder or file of definitions in a git checkout.",
)
@traces_option
@store_traces_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="Markdown is for a comment on a pull request.",
)
@color_option
@ascii_option
def diff(
    revision: str,
    path: Path,
    traces: tuple[Path, ...],
    store: Path | None,
    form: str,
    color: str,
    ascii_only: bool,
) -> None:
    """Say what a change of definitions means, and what it would have changed.

    Compares the definitions at REV in git (HEAD without one) with the folder as it is now; or two
    revisions, REV..REV2; or what REV2 changed since it left REV, REV...REV2. With traces at hand,
    both sets judge them: which transactions flip, with examples, and the budgets before and after.
    The checkout and the store stay as they are.

    \b
    Examples:
      sloengine diff
      sloengine diff main --store /var/lib/sloengine
      sloengine diff origin/main...HEAD --traces traces.jsonl.gz --format markdown
    """
    before, after = sides_of(revision, path)
    changes = compare_plans(before.plan, after.plan)
    impact = _impact(before, after, traces, store) if traces or store is not None else None
    if form == "json":
        text = render_json(before, after, changes, impact)
    elif form == "markdown":
        text = render_markdown(before, after, changes, impact)
    else:
        style = style_of(color, ascii_only=ascii_only)
        text = render_text(before, after, changes, impact, style=style)
    click.echo(text, nl=False, color=True)
    if impact is not None and impact.problems:
        for problem in impact.problems:
            click.echo(problem, err=True)
        raise click.exceptions.Exit(int(ExitCode.BAD_INPUT))


def _impact(before: Side, after: Side, traces: tuple[Path, ...], store: Path | None) -> Impact:
    with open_traces(traces, store) as sources, FileProgress(sources) as progress:
        return impact_of(before.plan, after.plan, sources, progress=progress.update)
