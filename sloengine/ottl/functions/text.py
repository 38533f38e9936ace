"""Functions on text. Positions and lengths count UTF-8 bytes, as in the Collector."""

from __future__ import annotations

from sloengine.ottl.functions.getters import (
    BOOL,
    INT,
    LITERAL_STRING,
    STRING,
    STRING_LIKE,
    checked,
    list_of,
)
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.regex import compile_pattern
from sloengine.ottl.registry import Function, Parameter
from sloengine.ottl.values import Operand, Strings


def _is_match(target: str | None, pattern: str) -> bool:
    compiled = compile_pattern(pattern)
    return target is not None and compiled.search(target) is not None


def lower(text: str) -> str:
    """Lower case letter by letter, never changing how many letters there are."""
    return "".join(_one(character.lower(), character) for character in text)


def upper(text: str) -> str:
    """Upper case letter by letter, never changing how many letters there are."""
    return "".join(_one(character.upper(), character) for character in text)


def _one(changed: str, character: str) -> str:
    """The simple case mapping, where Python gives the full one."""
    if len(changed) == 1:
        return changed
    if character == "\u0130":
        return "i" if changed.startswith("i") else character
    title = character.title()
    return title if len(title) == 1 else character


def _concat(values: list[str | None], delimiter: str) -> str:
    return delimiter.join("<nil>" if value is None else value for value in values)


def _substring(target: str, start: int, length: int, utf8_safe: bool | None) -> str:
    data = target.encode()
    if start < 0:
        raise EvaluationError(f"start {start} is negative")
    if length <= 0:
        raise EvaluationError(f"length {length} is not positive")
    if start + length > len(data):
        raise EvaluationError(f"{start} + {length} is beyond the {len(data)} bytes of the string")
    end = start + length
    if utf8_safe:
        start = next(at for at in range(start, len(data) + 1) if _begins(data, at))
        end = next(at for at in range(end, -1, -1) if _begins(data, at))
    try:
        return data[start:end].decode()
    except UnicodeDecodeError as exc:
        raise EvaluationError("the cut splits a character; add utf8_safe=true") from exc


def _begins(data: bytes, position: int) -> bool:
    """Whether a character begins at `position`, or the data ends there."""
    return position == len(data) or data[position] & 0xC0 != 0x80


def _split(target: str, delimiter: str) -> Strings:
    if not delimiter:
        return Strings(target)
    return Strings(target.split(delimiter))


def _trim(target: str, replacement: str | None) -> str:
    characters = " " if replacement is None else replacement
    return target.strip(characters) if characters else target


def snake_case(text: str) -> str:
    """Words in lower case with `_` between them; digits are words."""
    text = text.strip()
    pieces: list[str] = []
    for position, character in enumerate(text):
        following = text[position + 1 : position + 2]
        kinds = _kind(character), _kind(following)
        if _needs_gap(text, position, kinds):
            before = pieces[-1:] if kinds == ("upper", "lower") else ["_"]
            if kinds == ("upper", "lower") and before not in ([], ["_"]):
                pieces.append("_")
            pieces.append(_snake_letter(character))
            if kinds[0] in ("lower", "digit") or kinds == ("upper", "digit"):
                pieces.append("_")
            continue
        pieces.append(_snake_letter(character))
    return "".join(pieces)


def _kind(character: str) -> str:
    if "A" <= character <= "Z":
        return "upper"
    if "a" <= character <= "z":
        return "lower"
    if "0" <= character <= "9":
        return "digit"
    return ""


def _needs_gap(text: str, position: int, kinds: tuple[str, str]) -> bool:
    if kinds == ("upper", "lower"):
        return position > 0 and _kind(text[position - 1]) == "upper"
    return kinds in {
        ("lower", "upper"),
        ("lower", "digit"),
        ("upper", "digit"),
        ("digit", "upper"),
        ("digit", "lower"),
    }


def _snake_letter(character: str) -> str:
    if character in " _-.":
        return "_"
    return character.lower() if _kind(character) == "upper" else character


def camel_case(text: str) -> str:
    """Words joined, each with a capital; only ASCII letters and digits are kept."""
    pieces: list[str] = []
    capital, after_capital = True, False
    for character in text.strip():
        kind = _kind(character)
        if kind == "digit":
            pieces.append(character)
        elif kind and capital:
            pieces.append(character.upper())
        elif kind:
            pieces.append(character.lower() if after_capital else character)
        after_capital = kind == "upper"
        capital = kind == "digit" or character in " _-."
    return "".join(pieces)


_CASES = {"lower": lower, "upper": upper, "snake": snake_case, "camel": camel_case}


def _check_case(to_case: str) -> None:
    if to_case not in _CASES:
        raise EvaluationError(f'"{to_case}" is no case; write lower, upper, snake or camel')


def _convert_case(target: str, to_case: str) -> Operand:
    return _CASES[to_case](target) if target else target


_TARGET = Parameter("target", STRING)

FUNCTIONS = (
    Function(
        "IsMatch",
        (Parameter("target", STRING_LIKE), Parameter("pattern", checked(STRING, compile_pattern))),
        _is_match,
        "Whether the RE2 pattern is found anywhere in the text; nil matches nothing.",
    ),
    Function(
        "HasPrefix",
        (_TARGET, Parameter("prefix", STRING)),
        str.startswith,
        "Whether a string begins with the prefix; an error for nil and every other type.",
    ),
    Function(
        "HasSuffix",
        (_TARGET, Parameter("suffix", STRING)),
        str.endswith,
        "Whether a string ends with the suffix; an error for nil and every other type.",
    ),
    Function(
        "ToLowerCase",
        (_TARGET,),
        lower,
        "The string in lower case; an error for nil and every other type.",
    ),
    Function(
        "ToUpperCase",
        (_TARGET,),
        upper,
        "The string in upper case; an error for nil and every other type.",
    ),
    Function(
        "ConvertCase",
        (_TARGET, Parameter("to_case", checked(LITERAL_STRING, _check_case))),
        _convert_case,
        "The string in the case `lower`, `upper`, `snake` or `camel`, written out.",
    ),
    Function("ToSnakeCase", (_TARGET,), snake_case, "The string in snake case."),
    Function("ToCamelCase", (_TARGET,), camel_case, "The string in camel case."),
    Function(
        "Concat",
        (Parameter("vals", list_of(STRING_LIKE)), Parameter("delimiter", STRING)),
        _concat,
        "The texts of a written list, joined; nil becomes `<nil>`.",
    ),
    Function(
        "Substring",
        (
            _TARGET,
            Parameter("start", INT),
            Parameter("length", INT),
            Parameter("utf8_safe", BOOL, optional=True),
        ),
        _substring,
        "`length` bytes from `start`; an error where that reaches beyond the string.",
    ),
    Function(
        "Split",
        (_TARGET, Parameter("delimiter", STRING)),
        _split,
        "The pieces between delimiters, as a list of strings.",
    ),
    Function(
        "Trim",
        (_TARGET, Parameter("replacement", LITERAL_STRING, optional=True)),
        _trim,
        "The string without the given characters (default: space) at both ends.",
    ),
    Function(
        "TrimPrefix",
        (_TARGET, Parameter("prefix", STRING)),
        str.removeprefix,
        "The string without the prefix, where it has it.",
    ),
    Function(
        "TrimSuffix",
        (_TARGET, Parameter("suffix", STRING)),
        str.removesuffix,
        "The string without the suffix, where it has it.",
    ),
)
