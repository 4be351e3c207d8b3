"""What msgspec says of a value that does not fit, in our words: which field, and what it should be.

msgspec says `Expected `str`, got `int` - at `$.audience.users[3]``; a caller gets the path as `audience.users[3]` and
a sentence. What a field takes is looked up in the type that was decoded into: the words of a closed list, and the
description of a form.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from gateway.model.errors import Invalid
from gateway.model.limits import TYPES_KEPT_MAX

_SHOWN_CHARS_MAX: Final = 64
_WORDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "datetime": "a time such as 2026-12-01T09:00:00+01:00",
}
_NAMED: Final = re.compile(r"Object (contains unknown|missing required) field `(.*)`", re.DOTALL)
_TYPES: Final = re.compile(r"Expected `([^`]*)`, got `([^`]*)`")
_LENGTH: Final = re.compile(r"Expected `(\w+)` of length (>=|<=|==) (\d+)")
_BOUND: Final = re.compile(r"Expected `\w+` (>=|<=|>|<) (-?[\d.]+)")
_STEP: Final = re.compile(r"\[(?:\d+|\.\.\.)\]|[^.\[]+")


def wrong(fault: msgspec.ValidationError, kind: Any, *, prefix: str = "") -> Invalid:
    """What does not fit into the type `kind`. `prefix` is put before the path (`messages[3]`)."""
    text, place = _split(str(fault))
    path = _join(prefix.rstrip("."), place.replace("[...]", ""))
    named = _NAMED.fullmatch(text)
    if named is not None:
        field = named[2][:_SHOWN_CHARS_MAX]
        return _field_fault(field, _join(path, field), is_unknown=named[1] == "contains unknown")
    return Invalid("field_invalid", _sentence(text, kind, place), param=path or None)


def _split(text: str) -> tuple[str, str]:
    """The sentence and the dotted path in it ("" for the whole body)."""
    at = text.rfind(" - at `")
    if at < 0:
        at = text.rfind(" - at key in `")  # its key is not told; `[...]` after a name still says which map
    if at < 0:
        return text, ""
    return text[:at], text[text.index("`", at) + 1 : -1].removeprefix("$").removeprefix(".")


def _join(path: str, more: str) -> str:
    joint = "." if path and more and not more.startswith("[") else ""
    return f"{path}{joint}{more}"


def _field_fault(field: str, param: str, *, is_unknown: bool) -> Invalid:
    if not is_unknown:
        return Invalid("field_missing", f"The field `{field}` is needed.", param=param)
    return Invalid("field_unknown", f"There is no field `{field}` here.", param=param)


def _sentence(text: str, kind: Any, place: str) -> str:
    if (types := _TYPES.match(text)) is not None:
        return f"Expected {_words(types[1])}, got {_words(types[2])}."
    if (length := _LENGTH.match(text)) is not None:
        return _length_sentence(*length.groups())
    if (bound := _BOUND.match(text)) is not None:
        words = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
        return f"The number must be {words[bound[1]]} {bound[2]}."
    if text.startswith("Invalid enum value"):
        given = text.removeprefix("Invalid enum value ")[:_SHOWN_CHARS_MAX]
        return f"The value {given} is not one of those allowed{_listed(_values_at(kind, place))}."
    if "matching regex" in text:
        return f"The text has another form than this field takes. {_description_at(kind, place)}".rstrip()
    if "timezone component" in text:
        return "The time needs a zone, such as +01:00 or Z."
    if "datetime" in text:
        return f"Expected {_WORDS['datetime']}."
    if "out of range" in text:
        return "The number is too large."
    return f"{text.replace('`', '')}."


def _words(types: str) -> str:
    return " or ".join(_WORDS.get(name, name) for name in types.split(" | "))


def _length_sentence(kind: str, how: str, number: str) -> str:
    unit, one = {"str": ("characters", "character")}.get(kind, ("entries", "entry"))
    words = {">=": "at least", "<=": "at most", "==": "exactly"}[how]
    return f"It must have {words} {number} {one if number == '1' else unit}."


def _listed(values: Sequence[str]) -> str:
    return f": {', '.join(values)}" if values else ""


def _values_at(kind: Any, place: str) -> list[str]:
    """The words of the closed list that stands there."""
    found: list[str] = []
    for _, leaf in _at(kind, place):
        if isinstance(leaf, inspect.LiteralType):
            found += [str(value) for value in leaf.values if value is not None]
    return found


def _description_at(kind: Any, place: str) -> str:
    return next((said for said, leaf in _at(kind, place) if said and isinstance(leaf, inspect.StrType)), "")


def _at(kind: Any, place: str) -> list[tuple[str, inspect.Type]]:
    """The types that a value at this path may have, each with what is said of it."""
    types = list(_plain("", _info(kind)))
    for step in _STEP.findall(place):
        types = [leaf for _, one in types for inner in _inner(one, step) for leaf in _plain("", inner)]
    return types


@lru_cache(maxsize=TYPES_KEPT_MAX)
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


def _plain(said: str, kind: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """The types that it stands for, without what is wrapped around them."""
    match kind:
        case inspect.Metadata():
            schema = kind.extra_json_schema or {}
            yield from _plain(str(schema.get("description", said)), kind.type)
        case inspect.UnionType():
            for one in kind.types:
                yield from _plain(said, one)
        case _:
            yield said, kind


def _inner(kind: inspect.Type, step: str) -> list[inspect.Type]:
    match kind:
        case inspect.StructType():
            return [field.type for field in kind.fields if field.encode_name == step]
        case inspect.ListType() | inspect.VarTupleType():
            return [kind.item_type]
        case inspect.DictType():
            return [kind.value_type]
        case _:
            return []
