"""What msgspec says of a wrong body, in our words: which field, and what it should be.

msgspec says `Expected `str`, got `int` - at `$.audience.users[3]``; a caller gets the path as `audience.users[3]` and
a sentence. Unreadable bytes are a 400, readable but wrong ones a 422.
"""

import re
from typing import Final

import msgspec

from gateway.model.errors import GatewayError, Invalid

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


def unreadable(fault: Exception) -> GatewayError:
    """The 400 for bytes that are no JSON at all."""
    text = str(fault)
    if isinstance(fault, RecursionError):
        why = "it is nested too deeply"
    elif isinstance(fault, UnicodeDecodeError):
        why = "it is not UTF-8"
    elif "truncated" in text:
        why = "it ends too early"
    else:
        why = text.removeprefix("JSON is malformed: ")
    return GatewayError("json_unreadable", f"The body cannot be read as JSON: {why}.", status=400)


def wrong(fault: msgspec.ValidationError, *, prefix: str = "") -> Invalid:
    """The 422 for JSON that does not fit. `prefix` is put before the path (`messages[3].`)."""
    text, path = _split(str(fault))
    named = _NAMED.fullmatch(text)
    if named is not None:
        field = named[2][:_SHOWN_CHARS_MAX]
        return _field_fault(field, prefix + _join(path, field), is_unknown=named[1] == "contains unknown")
    return Invalid("field_invalid", _sentence(text), param=(prefix + path).rstrip(".") or None)


def _split(text: str) -> tuple[str, str]:
    """The sentence and the dotted path in it ("" for the whole body)."""
    at = text.rfind(" - at `")
    if at < 0:
        return text, ""
    path = text[at + len(" - at `") : -1]
    # The key of a map is not told; `[...]` after a name still says which map.
    return text[:at], path.removeprefix("key in ").removeprefix("$").removeprefix(".").replace("[...]", "")


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _field_fault(field: str, param: str, *, is_unknown: bool) -> Invalid:
    if not is_unknown:
        return Invalid("field_missing", f"The field `{field}` is needed.", param=param)
    return Invalid("field_unknown", f"There is no field `{field}` here.", param=param)


def _sentence(text: str) -> str:
    if (types := _TYPES.match(text)) is not None:
        return f"Expected {_words(types[1])}, got {_words(types[2])}."
    if (length := _LENGTH.match(text)) is not None:
        return _length_sentence(*length.groups())
    if (bound := _BOUND.match(text)) is not None:
        words = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
        return f"The number must be {words[bound[1]]} {bound[2]}."
    if text.startswith("Invalid enum value"):
        return f"The value {text.removeprefix('Invalid enum value ')[:_SHOWN_CHARS_MAX]} is not one of those allowed."
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
    unit = {"str": "characters", "array": "entries", "object": "entries"}.get(kind, "items")
    words = {">=": "at least", "<=": "at most", "==": "exactly"}[how]
    return f"It must have {words} {number} {unit}."
