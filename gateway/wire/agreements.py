"""Keeps sender keys that were made ahead: fresh ones, agreed with one receiver each, for a body that comes later.

An agreement (RFC 8291 section 3.4) needs no content, and is nearly all of what an encryption costs; made in idle time
it leaves a few microseconds for the moment when a message goes out. It lives in the memory of one process and nowhere
else: not on disk, not in a database, not across a fork.
"""

import hashlib
from typing import Final

from gateway.model.limits import AGREEMENT_ENTRY_BYTES, AGREEMENTS_BYTES_MAX
from gateway.wire.ecdh import POINT_BYTES
from gateway.wire.ece import Agreement, agree

_KEY_BYTES: Final = 16


class Agreements:
    """At most one agreement for each receiver, used once.

    When there is no room the next one is refused, and the oldest stays: it was made for the send that comes first, and
    what it cost would be lost. `turn` lets go of what nobody came for.
    """

    def __init__(self, *, bytes_max: int = AGREEMENTS_BYTES_MAX) -> None:
        self._room = bytes_max // AGREEMENT_ENTRY_BYTES
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._young) + len(self._old)

    def make(self, p256dh: bytes, auth: bytes) -> bool:
        """Makes one for this receiver; False: there is one, or no room.

        Raises:
            ValueError: keys that no browser has.
        """
        name = _name(p256dh, auth)
        if name in self._young or name in self._old or len(self) >= self._room:
            return False
        agreement = agree(p256dh, auth)
        self._young[name] = agreement.sender_public + agreement.keying_material
        return True

    def take(self, p256dh: bytes, auth: bytes) -> Agreement | None:
        """The one for exactly this point and secret, if there is one; it is forgotten here."""
        if not self._young and not self._old:
            return None
        name = _name(p256dh, auth)
        made = self._young.pop(name, None) or self._old.pop(name, None)
        return None if made is None else Agreement(made[:POINT_BYTES], made[POINT_BYTES:])

    def turn(self) -> None:
        """Forgets what was there at the turn before. Called every half life, none is kept longer than a life."""
        self._old, self._young = self._young, {}

    def clear(self) -> None:
        """Forgets all of them."""
        self._young, self._old = {}, {}


def _name(p256dh: bytes, auth: bytes) -> bytes:
    """What a receiver is called here: 16 bytes, so that memory holds keys rather than addresses."""
    return hashlib.blake2b(p256dh + auth, digest_size=_KEY_BYTES).digest()
