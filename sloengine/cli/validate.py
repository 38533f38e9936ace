"""`sloengine validate`."""

from __future__ import annotations

from pathlib import Path

import click

from sloengine.cli.options import config_option, configuration, set_option
from sloengine.definitions import load_definitions
from sloengine.errors import DefinitionsError, Problem, Severity


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@config_option
@set_option
def validate(path: Path | None, config_files: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Check definitions, and the configuration if one is given; print every problem of every file.

    PATH is a folder or file of definitions; without it, the one that the configuration names.

    \b
    Examples:
      sloengine validate slo-definitions/
      sloengine validate --config engine.yaml
    """
    config = configuration(config_files, overrides)
    folder = path or config.definitions.path
    try:
        loaded = load_definitions(folder)
    except DefinitionsError as error:
        for problem in error.problems:
            click.echo(str(problem))
        click.echo(f"\n{_counted(error.problems)} in {folder}. Nothing was applied.")
        raise click.exceptions.Exit(int(error.exit_code)) from error
    for warning in loaded.warnings:
        click.echo(str(warning))
    for line in loaded.plan.not_evaluated:
        click.echo(line)
    if loaded.warnings or loaded.plan.not_evaluated:
        click.echo("")
    plan = loaded.plan
    click.echo(
        f"{_counted(loaded.warnings)} in {loaded.files} files: "
        f"{len(plan.transactions)} transactions, {len(plan.slos)} SLOs, revision {plan.revision}."
    )


def _counted(problems: tuple[Problem, ...]) -> str:
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    warnings = len(problems) - errors
    return f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
