"""HTTP/2 frames: their layout, the settings in them, and the errors they can report. Source: RFC 9113."""

import struct
from enum import IntEnum
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEAD_BYTES: Final = 9
FRAME_BYTES_MAX: Final = 16_384
"""What each side may send before it is told otherwise; ours never says otherwise (section 4.2)."""
WINDOW_BYTES: Final = 65_535
"""Each flow-control window at the start (section 6.9.2)."""
WINDOW_BYTES_MAX: Final = 2**31 - 1
STREAM_ID_MAX: Final = 2**31 - 1

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x01
ACK: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
PRIORITISED: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

_FRAME_BYTES_LIMIT: Final = 2**24 - 1
_PRIORITY_BYTES: Final = 5
_SETTING: Final = struct.Struct(">HL")

unpack_head: Final = struct.Struct(">BHBBL").unpack_from
"""High byte and low bytes of the length, type, flags, stream with its reserved bit."""
pack_head: Final = struct.Struct(">BHBBL").pack
"""The reverse."""
_pack_number: Final = struct.Struct(">L").pack


class ErrorCode(IntEnum):
    """Section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ConnectionFault(Exception):
    """The other side broke the protocol, and the connection with it. The text holds nothing of what came."""

    def __init__(self, code: ErrorCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class StreamFault(Exception):
    """What came on one stream is no answer; the connection is whole. The text holds nothing of what came."""


def frame_head(length: int, kind: int, flags: int, stream_id: int) -> bytes:
    """The nine bytes before a payload of `length` bytes."""
    return pack_head(length >> 16, length & 0xFFFF, kind, flags, stream_id)


def settings_frame(settings: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join(_SETTING.pack(name, value) for name, value in settings.items())
    return frame_head(len(payload), SETTINGS, 0, 0) + payload


SETTINGS_ACK: Final = frame_head(0, SETTINGS, ACK, 0)


def window_update_frame(stream_id: int, increment: int) -> bytes:
    """Allows `increment` more bytes."""
    return frame_head(4, WINDOW_UPDATE, 0, stream_id) + _pack_number(increment)


def rst_stream_frame(stream_id: int, code: ErrorCode) -> bytes:
    """Ends one stream."""
    return frame_head(4, RST_STREAM, 0, stream_id) + _pack_number(code)


def ping_frame(payload: bytes, *, is_answer: bool = False) -> bytes:
    """`payload` has eight bytes."""
    return frame_head(8, PING, ACK if is_answer else 0, 0) + payload


def goaway_frame(code: ErrorCode) -> bytes:
    """Says why we leave; servers start no streams with us, hence the last one is 0."""
    return frame_head(8, GOAWAY, 0, 0) + bytes(4) + _pack_number(code)


def number_in(payload: bytes) -> int:
    """The error code or increment that a payload of four bytes holds, without a reserved bit.

    Raises:
        ConnectionFault: it has another length.
    """
    if len(payload) != 4:  # noqa: PLR2004 - sections 6.4 and 6.9
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame has the wrong size")
    return int.from_bytes(payload, "big") & STREAM_ID_MAX


def error_name(code: int) -> str:
    """For people: unknown codes have none, and mean nothing special (section 7)."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return "an unknown error"


def settings_in(payload: bytes) -> list[tuple[int, int]]:
    """The settings in their order; unknown ones among them.

    Raises:
        ConnectionFault: a value that the standard forbids, or a cut one (section 6.5).
    """
    if len(payload) % _SETTING.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS are cut")
    found = list(_SETTING.iter_unpack(payload))
    for name, value in found:
        _check_setting(name, value)
    return found


def _check_setting(name: int, value: int) -> None:
    if name == ENABLE_PUSH and value != 0:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a server enables push")
    if name == INITIAL_WINDOW_SIZE and value > WINDOW_BYTES_MAX:
        raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window is too large")
    if name == MAX_FRAME_SIZE and not FRAME_BYTES_MAX <= value <= _FRAME_BYTES_LIMIT:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame size is impossible")


def unpadded(flags: int, payload: bytes) -> bytes:
    """What a DATA or HEADERS frame carries, without padding and priority.

    Raises:
        ConnectionFault: more padding than frame (section 6.1).
    """
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame has the wrong size")
        start, end = 1, end - payload[0]
    if flags & PRIORITISED:
        start += _PRIORITY_BYTES
    if start > end:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame has more padding than content")
    return payload[start:end]
