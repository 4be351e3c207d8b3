"""Just enough protocol-buffer coding for Chromium's push connection: varints, fixed64 and length-delimited fields.

Source: "Encoding", protobuf.dev/programming-guides/encoding. Written out here because the messages in question have a
handful of fields, and a dependency with a code generator would cost more than it saves.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Never

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_VARINT_BYTES_MAX: Final = 10
_MORE: Final = 0x80
"""This bit of a varint's byte says that another byte follows."""


class MalformedFieldError(ValueError):
    """The bytes are no protocol-buffer message."""


def _fail(why: str) -> Never:
    raise MalformedFieldError(why)


def varint(number: int) -> bytes:
    """The base-128 form of a number from 0 up."""
    out = bytearray()
    while number >= _MORE:
        out.append(number & 0x7F | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at offset `at`, and the offset behind it."""
    number = 0
    for place in range(_VARINT_BYTES_MAX):
        if at + place >= len(data):
            _fail("a varint is cut off")
        byte = data[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < _MORE:
            return number, at + place + 1
    return _fail("a varint is longer than ten bytes")


def field_int(number: int, value: int) -> bytes:
    """An int32, int64, bool or enum field."""
    return varint(number << 3 | _VARINT) + varint(value)


def field_fixed64(number: int, value: int) -> bytes:
    """A fixed64 field."""
    return varint(number << 3 | _FIXED64) + value.to_bytes(8, "little")


def field_bytes(number: int, value: bytes | str) -> bytes:
    """A string, bytes or embedded message field."""
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | _BYTES) + varint(len(raw)) + raw


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Each field of a message as (number, value): numbers as int, everything else as bytes."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = _value(data, at, kind=key & 7)
        yield key >> 3, value


def first_int(message: Iterable[tuple[int, int | bytes]], number: int) -> int:
    """The first integer field of that number, 0 when absent as the format has it."""
    return next((value for key, value in message if key == number and isinstance(value, int)), 0)


def first_text(message: Iterable[tuple[int, int | bytes]], number: int) -> str:
    """The first string field of that number, empty when absent."""
    return next(
        (value.decode(errors="replace") for key, value in message if key == number and isinstance(value, bytes)), ""
    )


def _value(data: bytes, at: int, *, kind: int) -> tuple[int | bytes, int]:
    match kind:
        case 0:
            return read_varint(data, at)
        case 1:
            return int.from_bytes(_cut(data, at, 8), "little"), at + 8
        case 2:
            size, at = read_varint(data, at)
            return _cut(data, at, size), at + size
        case 5:
            return int.from_bytes(_cut(data, at, 4), "little"), at + 4
        case _:
            return _fail(f"wire type {kind} is not in use")


def _cut(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        _fail("a field is cut off")
    return data[at : at + size]
