"""The token that a message carries so that its device, and nobody else, can report what became of it.

It opens the preference page as well, for whom the message was: who logs in on the same device later is somebody else.
It binds app, message, device, person, day and what it is good for, and is signed with a secret of the app; two secrets
may live at once, so that one can take over from the other. 41 bytes, 55 characters: each byte is paid a million times.
Layout: version, key id, arm (which variant) and kinds (1 byte each, the last two 4 bits of one), app (4), day since
2020 (2), message (8), device (8), a mark of the person (4), 12 bytes of keyed BLAKE2b (RFC 7693), which takes half the
time of an HMAC. 96 bits, as RFC 2404 cuts its codes: who guesses has to ask us about each.
"""

import binascii
import hmac
import struct
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from hashlib import blake2b
from typing import Final

import msgspec

from gateway.model.event import ReceiptKind
from gateway.model.limits import RECEIPT_TOKEN_DAYS

_VERSION: Final = 3
_LAYOUT: Final = struct.Struct(">BBBIHQQI")
_MAC_BYTES: Final = 12
_NOBODY: Final = 0
"""The mark of a message to a device on which nobody was logged in."""
_MARK_BYTES: Final = 4
_MARK: Final = b"steeple person"
_EPOCH: Final = date(2020, 1, 1)
_TEXT_LENGTH: Final = 55
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_+/", b"+/!!")
_LAST: Final = frozenset("AEIMQUYcgkosw048")
"""Characters whose last two bits are 0."""
_KIND_BITS: Final = 4
_KINDS: Final = (1 << _KIND_BITS) - 1
PREFERENCES: Final = 1 << 3
"""The bit of the preference page: the same token opens it, so that every message carries the link."""
ALL_KINDS: Final = sum(1 << kind for kind in ReceiptKind) | PREFERENCES


class ReceiptClaim(msgspec.Struct, frozen=True):
    """What a genuine token says. `day` is the message's day (UTC)."""

    app_id: int
    message_id: int
    subscription_id: int
    day: date
    kinds: int
    arm: int = 0
    mark: int = _NOBODY
    key_id: int = 0

    def allows(self, kind: ReceiptKind) -> bool:
        """Whether the token is good for this kind of report."""
        return bool(self.kinds & (1 << kind))

    @property
    def opens_preferences(self) -> bool:
        """Whether the token is good for the preference page."""
        return bool(self.kinds & PREFERENCES)

    def is_for(self, names: Collection[str], *, secrets: Mapping[int, bytes]) -> bool:
        """Whether the message was for whoever has the device now, by all names of theirs.

        A device that is nobody's (no name) is still that of whom the message was for, who logged out: their way out
        stays open. What was sent to nobody is not for whoever logged in later.
        """
        return not names or self.mark in {_mark_of(secrets[self.key_id], self.subscription_id, one) for one in names}


class ReceiptSigner(msgspec.Struct, frozen=True):
    """Makes the tokens of one app. `secret` has 32 bytes; `key_id` (0..255) names it in the token."""

    app_id: int
    key_id: int
    secret: bytes

    def sign(
        self,
        *,
        message_id: int,
        subscription_id: int,
        day: date,
        kinds: int = ALL_KINDS,
        arm: int = 0,
        person: str | None = None,
    ) -> str:
        """A token of 55 URL-safe characters.

        `arm`: 0 to 15, which variant the message is (`model.variant`). `person`: whose device it is.
        """
        said = arm << _KIND_BITS | kinds
        mark = _NOBODY if person is None else _mark_of(self.secret, subscription_id, person)
        head = _LAYOUT.pack(
            _VERSION, self.key_id, said, self.app_id, (day - _EPOCH).days, message_id, subscription_id, mark
        )
        return _encoded(head + _mac(self.secret, head))

    def __repr__(self) -> str:
        """Without the secret: such objects end up in tracebacks."""
        return f"ReceiptSigner(app_id={self.app_id}, key_id={self.key_id})"


def app_of(token: str) -> int | None:
    """Which app a token claims to be of, unchecked: to find the secrets to check it with."""
    raw = _decoded(token)
    return None if raw is None else _LAYOUT.unpack_from(raw)[3]


def read(
    token: str, *, secrets: Mapping[int, bytes], today: date, days: int = RECEIPT_TOKEN_DAYS
) -> ReceiptClaim | None:
    """What the token says, or None where it is forged, foreign, malformed or older than `days`."""
    raw = _decoded(token)
    if raw is None:
        return None
    version, key_id, said, app_id, number, message_id, subscription_id, mark = _LAYOUT.unpack_from(raw)
    if version != _VERSION or key_id not in secrets:
        return None
    if not hmac.compare_digest(_mac(secrets[key_id], raw[:-_MAC_BYTES]), raw[-_MAC_BYTES:]):
        return None
    day = _EPOCH + timedelta(days=number)
    if not day - timedelta(days=1) <= today <= day + timedelta(days=days):
        return None
    return ReceiptClaim(app_id, message_id, subscription_id, day, said & _KINDS, said >> _KIND_BITS, mark, key_id)


def _mac(secret: bytes, head: bytes) -> bytes:
    return blake2b(head, digest_size=_MAC_BYTES, key=secret).digest()


def _mark_of(secret: bytes, subscription_id: int, person: str) -> int:
    """4 bytes that tell nobody who it is, and are others on another device of the same person; never that of nobody."""
    salt = subscription_id.to_bytes(blake2b.SALT_SIZE)
    marked = blake2b(person.encode(), digest_size=_MARK_BYTES, key=secret, salt=salt, person=_MARK).digest()
    return int.from_bytes(marked) or 1


def _encoded(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL)[:_TEXT_LENGTH].decode("ascii")


def _decoded(token: str) -> bytes | None:
    """The bytes of a token. 55 characters hold two bits more than 41 bytes: only one spelling is taken."""
    if len(token) != _TEXT_LENGTH or token[-1] not in _LAST:
        return None
    try:
        return binascii.a2b_base64(token.encode("ascii").translate(_FROM_URL) + b"=", strict_mode=True)
    except ValueError:
        return None
