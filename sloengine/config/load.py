"""Files, `--set` and environment → `EngineConfig`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from sloengine.config.expand import expand_text
from sloengine.config.model import EngineConfig
from sloengine.errors import ConfigError, DefinitionsError, Position, Problem
from sloengine.yamldoc import Document, load_documents, load_file

_SET = "--set"


def load_config(
    files: Sequence[Path], *, overrides: Sequence[str] = (), environment: Mapping[str, str]
) -> EngineConfig:
    """Read, merge, expand and check the engine's configuration.

    Args:
        files: later ones win; maps merge, lists are replaced.
        overrides: `a.b.c=value` each, over all files; the value is read as YAML.
        environment: what `${env:NAME}` reads.

    Raises:
        ConfigError: a file cannot be read, or has problems; the message has one line for each,
            with its place.
    """
    merged: dict[str, Any] = {}
    places: dict[tuple[str | int, ...], Position] = {}
    problems: list[Problem] = []
    for file in files:
        for document in _read(file, problems):
            expanded = _expand(document.data, (), document, environment, problems)
            if expanded is None:
                continue
            if not isinstance(expanded, dict):
                place = document.position(())
                problems.append(Problem(place, "", "a configuration is a map of sections"))
                continue
            _merge(merged, expanded, (), places, document)
    for override in overrides:
        _set(merged, places, override, problems)
    config: EngineConfig | None = None
    try:
        config = EngineConfig.model_validate(merged)
    except ValidationError as error:
        # A value that could not be expanded is missing: what the model says of it is no news.
        known = {problem.position for problem in problems}
        problems.extend(
            problem for problem in _problems_of(error, places) if problem.position not in known
        )
    if problems or config is None:
        raise ConfigError("\n".join(str(problem) for problem in sorted(problems)))
    return config


def _read(file: Path, problems: list[Problem]) -> list[Document]:
    try:
        return load_file(file)
    except DefinitionsError as error:
        problems.extend(error.problems)
        return []


def _read_scalar(text: str) -> object:
    documents = load_documents(text, "${env}")
    return documents[0].data if documents else None


def _expand(
    data: Any,
    path: tuple[str | int, ...],
    document: Document,
    environment: Mapping[str, str],
    problems: list[Problem],
) -> Any:
    if isinstance(data, dict):
        return {
            key: _expand(value, (*path, key), document, environment, problems)
            for key, value in data.items()
        }
    if isinstance(data, list):
        return [
            _expand(value, (*path, index), document, environment, problems)
            for index, value in enumerate(data)
        ]
    if isinstance(data, str) and "$" in data:
        try:
            return expand_text(data, environment, _read_scalar)
        except (ValueError, DefinitionsError) as error:
            problems.append(Problem(document.position(path), _dotted(path), str(error)))
            return None
    return data


def _merge(
    into: dict[str, Any],
    new: Mapping[str, Any],
    path: tuple[str | int, ...],
    places: dict[tuple[str | int, ...], Position],
    document: Document,
) -> None:
    for key, value in new.items():
        here = (*path, key)
        places[here] = document.position(here)
        if isinstance(value, dict):
            below = into.get(key)
            target = below if isinstance(below, dict) else {}
            into[key] = target
            _merge(target, value, here, places, document)
        else:
            into[key] = value


def _set(
    into: dict[str, Any],
    places: dict[tuple[str | int, ...], Position],
    override: str,
    problems: list[Problem],
) -> None:
    place = Position(_SET, 1, 1)
    dotted, equals, text = override.partition("=")
    keys = dotted.split(".")
    if not equals or not all(keys):
        message = "write it as --set section.key=value"
        problems.append(Problem(place, repr(override), message))
        return
    try:
        value = _read_scalar(text)
    except DefinitionsError as error:
        problems.append(Problem(place, repr(override), error.problems[0].message))
        return
    target = into
    for index, key in enumerate(keys[:-1]):
        below = target.get(key)
        if not isinstance(below, dict):
            below = {}
            target[key] = below
        target = below
        places[tuple(keys[: index + 1])] = place
    target[keys[-1]] = value
    places[tuple(keys)] = place


def _problems_of(
    error: ValidationError, places: Mapping[tuple[str | int, ...], Position]
) -> list[Problem]:
    found = []
    for item in error.errors(include_url=False):
        location = tuple(item["loc"])
        place = next(
            (
                places[location[:length]]
                for length in range(len(location), -1, -1)
                if location[:length] in places
            ),
            Position("configuration", 1, 1),
        )
        if item["type"] == "extra_forbidden":
            message = f"unknown key{_suggestion(location)}"
        elif item["type"] == "value_error":
            message = str(item["ctx"]["error"])
        else:
            message = item["msg"][0].lower() + item["msg"][1:]
        found.append(Problem(place, _dotted(location), message))
    return found


def _suggestion(location: tuple[str | int, ...]) -> str:
    model: Any = EngineConfig
    for key in location[:-1]:
        field = model.model_fields.get(key) if _is_section(model) else None
        if field is None:
            return ""
        annotation = field.annotation
        sections = [part for part in getattr(annotation, "__args__", ()) if _is_section(part)]
        model = sections[0] if sections else annotation
    if not _is_section(model):
        return ""
    known = list(model.model_fields)
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; known here: {', '.join(sorted(known))}"


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(key) for key in path)
