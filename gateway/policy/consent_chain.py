"""How mending the ledger of consents shows: each record is sealed together with the one before.

The seal is keyed BLAKE2b (RFC 7693) under a salt of the record's own. With the record it proves that the record is the
one that was written; without it, when the record was erased, it tells nothing, since nobody can try out what it says.
No key of ours is in it: who cuts off the last records of a device, or seals all of them anew, is found out only by an
export that was kept elsewhere.
"""

import hmac
from collections.abc import Collection, Sequence
from datetime import UTC
from hashlib import blake2b
from itertools import pairwise
from typing import Final

import msgspec

from gateway.model.consent import ConsentRecord

SALT_BYTES: Final = 16
FIRST: Final = b""
"""What stands before a device's first record."""
_SEAL_BYTES: Final = 32


def seal_of(record: ConsentRecord, *, app: str) -> bytes:
    """32 bytes over all that the record says but whose device it was, and over the seal before it."""
    content = [
        app,
        str(record.subscription_id),
        record.seq,
        record.act,
        record.how,
        record.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        msgspec.to_builtins(record.said),
        record.before.hex(),
    ]
    text = msgspec.json.encode(content, order="deterministic")
    return blake2b(text, digest_size=_SEAL_BYTES, key=record.salt).digest()


def sealed(record: ConsentRecord, *, app: str) -> ConsentRecord:
    """The record with its seal."""
    return msgspec.structs.replace(record, hash=seal_of(record, app=app))


def gaps_in(records: Sequence[ConsentRecord]) -> list[bytes]:
    """Seals that records of one device stand on and that are not among them: of what was erased, or is missing."""
    first = [one.before for one in records[:1] if one.seq > 1]
    return first + [later.before for earlier, later in pairwise(records) if later.seq != earlier.seq + 1]


def is_whole(records: Sequence[ConsentRecord], *, app: str, erased: Collection[bytes] = ()) -> bool:
    """Whether these are the records of one device as they were written, in order, but for what was erased."""
    if not all(hmac.compare_digest(one.hash, seal_of(one, app=app)) for one in records):
        return False
    if records and records[0].seq == 1 and records[0].before != FIRST:
        return False
    linked = all(
        later.before == earlier.hash for earlier, later in pairwise(records) if later.seq == earlier.seq + 1
    )  # fmt: skip
    return linked and set(gaps_in(records)) <= set(erased)
