"""What a push service asks of a request, checked strictly, as pure functions of its headers and size.

Sources: RFC 8030 sections 5.2 (TTL), 5.3 (Urgency), 5.4 (Topic), 7.2 (size); RFC 8291 section 4 (aes128gcm);
error numbers and the shape of the body follow Mozilla's autopush, so that client code meets what it will meet there.
"""

import re
from typing import Final, Literal, cast

import msgspec
from multidict import CIMultiDictProxy

from gateway.model.limits import PUSH_BODY_BYTES_MAX
from gateway.sandbox.limits import LIFE_S_MAX

Urgency = Literal["very-low", "low", "normal", "high"]
URGENCIES: Final = frozenset({"very-low", "low", "normal", "high"})
_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_TTL: Final = re.compile(r"[0-9]{1,20}")
_HEADER_BYTES: Final = 86
"""Salt 16, record size 4, key id length 1, sender's key 65: RFC 8188 section 2.1 with RFC 8291 section 4."""
_RECORD_BYTES_MIN: Final = 18
"""The padding delimiter, the 16-byte tag and at least one byte more, RFC 8188 section 2.1."""
_POINT_BYTES: Final = 65


class PushHeaders(msgspec.Struct, frozen=True, kw_only=True):
    """What the application server asked for; `ttl_s` already shortened to what this service keeps."""

    ttl_s: int
    topic: str | None
    urgency: Urgency


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is answered with an error: HTTP status, autopush's error number, a sentence."""

    status: int
    errno: int
    message: str


NOT_FOUND: Final = Refusal(status=404, errno=102, message="No such endpoint.")
GONE: Final = Refusal(status=410, errno=106, message="This subscription is gone: unsubscribed or expired.")
TOO_LARGE: Final = Refusal(status=413, errno=104, message=f"The body is larger than {PUSH_BODY_BYTES_MAX} bytes.")
OTHER_KEY: Final = Refusal(status=403, errno=109, message="The subscription was made with another VAPID key.")


def check_headers(headers: CIMultiDictProxy[str]) -> PushHeaders | Refusal:
    """The push headers of a request, or the first fault in them."""
    ttl = headers.getall("TTL", [])
    if len(ttl) != 1:
        return Refusal(status=400, errno=111, message="Exactly one TTL header is required.")
    if not _TTL.fullmatch(ttl[0]):
        return Refusal(status=400, errno=112, message="TTL must be a number of seconds from 0 up.")
    topic = headers.getall("Topic", [])
    if len(topic) > 1 or (topic and not _TOPIC.fullmatch(topic[0])):
        return Refusal(status=400, errno=113, message="Topic must be 1 to 32 characters of the base64url alphabet.")
    urgency = headers.getall("Urgency", ["normal"])
    if len(urgency) != 1 or urgency[0] not in URGENCIES:
        return Refusal(status=400, errno=110, message="Urgency must be one of very-low, low, normal, high.")
    return PushHeaders(
        ttl_s=min(int(ttl[0]), LIFE_S_MAX),
        topic=topic[0] if topic else None,
        urgency=cast("Urgency", urgency[0]),
    )


def check_body(body: bytes, *, encoding: str | None) -> Refusal | None:
    """None when the body may pass: empty, or one well-framed aes128gcm record of a size that is taken."""
    if len(body) > PUSH_BODY_BYTES_MAX:
        return TOO_LARGE
    if not body:
        return None
    if encoding != "aes128gcm":
        return Refusal(status=400, errno=110, message="A body needs Content-Encoding: aes128gcm.")
    return _check_record(body)


def _check_record(body: bytes) -> Refusal | None:
    if len(body) < _HEADER_BYTES + _RECORD_BYTES_MIN - 1 or body[20] != _POINT_BYTES or body[21] != 4:  # noqa: PLR2004 - 4 marks an uncompressed point
        return Refusal(
            status=400, errno=101, message="The body does not begin with an aes128gcm header and a P-256 key."
        )
    record_size = int.from_bytes(body[16:20], "big")
    if record_size < _RECORD_BYTES_MIN:
        return Refusal(status=400, errno=101, message="The record size of the body is under 18.")
    if len(body) - _HEADER_BYTES > record_size:
        return Refusal(status=400, errno=101, message="A push message is one record; this body holds several.")
    return None
