"""`sloengine validate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sloengine.authoring.findings import FORMATS, Findings, render_findings
from sloengine.cli.options import (
    color_option,
    config_option,
    configuration,
    set_option,
    style_of,
)
from sloengine.definitions import load_definitions
from sloengine.errors import DefinitionsError, ExitCode


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@config_option
@set_option
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="text for people; github and sarif for pull requests; json for programs.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail, too (exit code 1).")
@click.option(
    "--against",
    "traces",
    multiple=True,
    metavar="FILE|live",
    help="Traces to hold the definitions against: a file, or what an engine received lately.",
)
@color_option
def validate(
    path: Path | None,
    config_files: tuple[Path, ...],
    overrides: tuple[str, ...],
    form: str,
    strict: bool,
    traces: tuple[str, ...],
    color: str,
) -> None:
    """Check definitions, and the configuration if one is given; print every problem of every file.

    PATH is a folder or file of definitions; without it, the one that the configuration names.

    With --against, print too which transactions matched how often, which conditions never held, and
    where each attribute that a definition reads was found.

    Exit code 3 with errors, 0 without; warnings are no errors unless --strict, nor is a transaction
    that matched nothing, or an attribute that nobody sends.

    \b
    Examples:
      sloengine validate slo-definitions/
      sloengine validate --config engine.yaml
      sloengine validate --strict --format github slo-definitions/
      sloengine validate --against live
      sloengine validate slo-definitions/ --against traces.jsonl.gz
    """
    if traces and form not in ("text", "json"):
        raise click.UsageError(f"--against has no --format {form}; take text or json")
    config = configuration(config_files, overrides)
    findings = _check(path or config.definitions.path)
    style = style_of(color, ascii_only=False)

    def paint(role: str, text: str) -> str:
        if not style.color:
            return text
        return click.style(text, bold=True) if role == "place" else click.style(text, fg="blue")

    held = None
    if traces and findings.plan is not None:
        # What reads traces is most of the engine; definitions alone need none of it.
        from sloengine.cli.against import hold_against

        held = hold_against(findings.plan, traces, config.store.directory)
    text = render_findings(findings, form, paint)
    if held is not None and form == "json":
        whole = {**json.loads(text), "against": held.document()}
        text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    click.echo(text, nl=False, color=style.color)
    if held is not None and form == "text":
        click.echo("\n" + held.text(style), nl=False, color=style.color)
    if findings.errors:
        raise click.exceptions.Exit(int(ExitCode.BAD_INPUT))
    if strict and (findings.warnings or (held is not None and held.is_wanting)):
        raise click.exceptions.Exit(int(ExitCode.FAILED))


def _check(path: Path) -> Findings:
    try:
        loaded = load_definitions(path)
    except DefinitionsError as error:
        return Findings(path, error.problems)
    return Findings(path, loaded.warnings, loaded.plan, loaded.files)
