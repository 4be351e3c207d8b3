"""Ids that say what they name: `app_`, `msg_`, `sub_`, `key_` and 13 Crockford base32 digits of a 62-bit number.

Inside, an id is a plain `int` (a bigint in the store); outside it is text, since 62 bits do not fit a JSON number. The
alphabet is Douglas Crockford's (no i, l, o, u), lower-case.

Buckets. Every hot row lies in one of 1,024 buckets of its app, computed here and never stored elsewhere: an app starts
at a `home` and spreads over `spread` buckets (a power of two) as it grows. A subscription's bucket follows from its
id's top ten bits; a message carries its bucket in its id's low ten bits, so that it is found by its id alone.
"""

import hashlib
import secrets
from typing import Final, Literal

from gateway.model.limits import BUCKETS

Prefix = Literal["app", "msg", "sub", "seg", "tpl", "key", "req", "vis"]

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TWO_DIGITS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_VALUE_OF: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_LENGTH: Final = 13
ID_BITS: Final = 62
_ID_MAX: Final = (1 << ID_BITS) - 1
BUCKET_BITS: Final = 10
_SLICES_PER_STRETCH: Final = 8
"""Of the 1,024 slices of all ids that an app's buckets share; a bucket of a million recipients has 128 stretches."""


def new_id() -> int:
    """A random 62-bit id."""
    return secrets.randbits(ID_BITS)


def new_message_id(bucket: int) -> int:
    """A random message id whose low ten bits are its bucket."""
    return (secrets.randbits(ID_BITS - BUCKET_BITS) << BUCKET_BITS) | bucket


def bucket_of_message(message_id: int) -> int:
    """The bucket of a message's row, 0..1023."""
    return message_id & (BUCKETS - 1)


def bucket_of_id(subscription_id: int, *, home: int, spread: int) -> int:
    """The bucket of a subscription (and of its chunks, outcomes, receipts) in an app, 0..1023."""
    step = BUCKETS // spread
    return (home + ((subscription_id >> (ID_BITS - BUCKET_BITS)) % spread) * step) & (BUCKETS - 1)


def stretch_of(subscription_id: int, *, spread: int) -> int:
    """Which stretch of its bucket an id lies in: stretches are what processes take turns in, about a chunk each."""
    return (subscription_id >> (ID_BITS - BUCKET_BITS)) // (spread * _SLICES_PER_STRETCH)


def ids_of_stretch(stretch: int, *, spread: int) -> tuple[int, int]:
    """The first and the last id that may lie in a stretch."""
    wide = spread * _SLICES_PER_STRETCH << (ID_BITS - BUCKET_BITS)
    return stretch * wide, (stretch + 1) * wide - 1


def bucket_of_text(key: bytes, *, home: int, spread: int) -> int:
    """The bucket of a row found by a text of its own (a person, an idempotency key, an endpoint's hash)."""
    if spread == 1:
        return home  # whatever the hash; files of a hundred thousand people ask half a million times
    number = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 2
    return bucket_of_id(number, home=home, spread=spread)


def buckets_of_app(*, home: int, spread: int) -> list[int]:
    """All buckets an app's rows lie in, as many as its spread."""
    step = BUCKETS // spread
    return [(home + part * step) & (BUCKETS - 1) for part in range(spread)]


def to_text(prefix: Prefix, number: int) -> str:
    """`msg_` and 13 digits."""
    # Ten bits at a time, without a loop: every push carries an id, and this is a third of what a loop costs.
    two = _TWO_DIGITS
    return (
        f"{prefix}_{_DIGITS[(number >> 60) & 31]}{two[(number >> 50) & 1023]}{two[(number >> 40) & 1023]}"
        f"{two[(number >> 30) & 1023]}{two[(number >> 20) & 1023]}{two[(number >> 10) & 1023]}{two[number & 1023]}"
    )


def from_text(prefix: Prefix, text: str) -> int | None:
    """The number of an id of this kind, or None where the text is not one."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != _LENGTH:
        return None
    number = 0
    for digit in digits:
        value = _VALUE_OF.get(digit)
        if value is None:
            return None
        number = (number << 5) | value
    return number if number <= _ID_MAX else None
