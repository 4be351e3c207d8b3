"""Virtual devices: subscriptions without a browser, by the million, for tests, rehearsals and benchmarks.

They cost no memory. A token names its order and its number and carries a keyed hash of both, so the sandbox knows its
own without a table; the auth secret comes from the same hash. The devices of an order share a pool of real P-256
receiver keys (17 us each to make), so a million endpoints are minted in seconds, each body still decrypts with exactly
one private key, and no two devices share endpoint or auth secret.
"""

import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypedDict

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.sandbox.limits import BATCHES_MAX, MINT_MAX, RECEIVER_KEYS_MAX
from gateway.wire.vapid import decode_base64url

RECEIVER_KEYS_DEFAULT: Final = 256
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{0,64}")
_SECRET_BYTES: Final = 32
_AUTH_BYTES: Final = 16
_POINT_BYTES: Final = 65
_TOKEN_PARTS: Final = 3
_CURVE_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256, SEC 2 section 2.4.2."""


class Keys(msgspec.Struct, frozen=True):
    """The two keys of a subscription, base64url without padding as browsers give them."""

    p256dh: str
    auth: str


class KeysJson(TypedDict):
    """`keys` of a PushSubscription's JSON."""

    p256dh: str
    auth: str


class SubscriptionJson(TypedDict):
    """A PushSubscription as browsers write it in JSON."""

    endpoint: str
    keys: KeysJson


class Device(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One virtual device as the push service sees it when a message comes in."""

    vapid_key: bytes | None
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes


class MintedLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A minted subscription, in the form that a gateway imports, one a line."""

    channel: str
    """Always `webpush`; a default would be left out."""
    endpoint: str
    keys: Keys
    vapid_key_id: str | None = None
    user: str | None = None


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it is written down: everything about its devices follows from it."""

    head: str
    count: int
    vapid_key: bytes | None
    receiver_keys: int
    secret: bytes
    """Keys the hashes in tokens and makes the receivers' keys: nobody else can make up a token that we would take."""


class _Batch:
    """The devices of one order."""

    def __init__(self, order: _Order) -> None:
        self.head = order.head
        self.count = order.count
        self.vapid_key = order.vapid_key
        self._secret = order.secret
        self.private_keys = [_receiver_key(order.secret, index) for index in range(order.receiver_keys)]
        self.public_keys = [_base64url(_point(key)) for key in self.private_keys]

    def token_and_auth(self, index: int) -> tuple[str, bytes]:
        digest = blake2b(index.to_bytes(8, "big"), digest_size=_SECRET_BYTES, key=self._secret).digest()
        return f"{self.head}.{index:x}.{_base64url(digest[_AUTH_BYTES:])}", digest[:_AUTH_BYTES]

    def find(self, token: str, index: int) -> Device | None:
        own_token, auth = self.token_and_auth(index)
        if own_token != token or index >= self.count:
            return None
        private_key = self.private_keys[index % len(self.private_keys)]
        return Device(vapid_key=self.vapid_key, private_key=private_key, auth=auth)


class Devices:
    """All orders of virtual devices of one sandbox."""

    def __init__(self) -> None:
        self._batches: dict[str, _Batch] = {}
        self._path: Path | None = None

    def remember_in(self, path: Path) -> None:
        """Write each order into this file from now on, and know those that it holds already."""
        self._path = path
        path.touch(mode=0o600)
        for line in path.read_bytes().splitlines():
            order = msgspec.json.decode(line, type=_Order)
            self._batches[order.head] = _Batch(order)

    def mint(
        self,
        n: int,
        vapid_public_key: str | bytes | None,
        *,
        base_url: str,
        prefix: str = "",
        receiver_keys: int = RECEIVER_KEYS_DEFAULT,
        vapid_key_id: str | None = None,
        user_prefix: str | None = None,
    ) -> Iterator[MintedLine]:
        """`n` subscriptions at `base_url`, made as they are read; the order counts from this call on.

        `prefix` begins each token, so that fault rules (or the token itself, `fault-410-`) can mean this order alone.
        `vapid_public_key` is the point (65 bytes, or base64url) that alone may send to them; None lets everybody.
        `user_prefix` makes device i belong to user prefix + i.

        Raises:
            ValueError: a bound is broken, or a key is no P-256 point.
        """
        if not 1 <= n <= MINT_MAX:
            raise ValueError(f"n must be 1 to {MINT_MAX}.")
        if not 1 <= receiver_keys <= RECEIVER_KEYS_MAX:
            raise ValueError(f"receiver_keys must be 1 to {RECEIVER_KEYS_MAX}.")
        if not _PREFIX.fullmatch(prefix):
            raise ValueError("prefix takes up to 64 characters of A-Z a-z 0-9 _ and -.")
        if len(self._batches) >= BATCHES_MAX:
            raise ValueError(f"This sandbox has minted {BATCHES_MAX} orders; restart it to mint more.")
        head = f"{prefix}d{len(self._batches):x}"
        order = _Order(
            head=head,
            count=n,
            vapid_key=vapid_point(vapid_public_key),
            receiver_keys=min(n, receiver_keys),
            secret=os.urandom(_SECRET_BYTES),
        )
        batch = self._batches[head] = _Batch(order)
        self._write_down(order)
        return _lines(batch, base_url=base_url, vapid_key_id=vapid_key_id, user_prefix=user_prefix)

    def _write_down(self, order: _Order) -> None:
        if self._path is not None:
            with self._path.open("ab") as orders:
                orders.write(msgspec.json.encode(order) + b"\n")

    def find(self, token: str) -> Device | None:
        """The device of that token, if this sandbox minted it."""
        parts = token.split(".")
        if len(parts) != _TOKEN_PARTS or (batch := self._batches.get(parts[0])) is None:
            return None
        try:
            index = int(parts[1], 16)
        except ValueError:
            return None
        return batch.find(token, index) if 0 <= index < batch.count else None

    def count(self) -> int:
        """Devices minted so far."""
        return sum(batch.count for batch in self._batches.values())


def vapid_point(key: str | bytes | None) -> bytes | None:
    """The 65-byte point of a VAPID public key given as such or as base64url.

    Raises:
        ValueError: it is no P-256 point.
    """
    if key is None:
        return None
    try:
        point = key if isinstance(key, bytes) else decode_base64url(key)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise ValueError("The VAPID public key is not a P-256 point in base64url.") from error
    if len(point) != _POINT_BYTES:
        raise ValueError("The VAPID public key must be an uncompressed point of 65 bytes.")
    return point


def _lines(batch: _Batch, *, base_url: str, vapid_key_id: str | None, user_prefix: str | None) -> Iterator[MintedLine]:
    for index in range(batch.count):
        token, auth = batch.token_and_auth(index)
        yield MintedLine(
            channel="webpush",
            endpoint=base_url + token,
            keys=Keys(batch.public_keys[index % len(batch.public_keys)], _base64url(auth)),
            vapid_key_id=vapid_key_id,
            user=None if user_prefix is None else f"{user_prefix}{index}",
        )


def _receiver_key(secret: bytes, index: int) -> ec.EllipticCurvePrivateKey:
    digest = blake2b(index.to_bytes(8, "big"), digest_size=64, key=secret, person=b"receiver").digest()
    return ec.derive_private_key(1 + int.from_bytes(digest, "big") % (_CURVE_ORDER - 1), ec.SECP256R1())


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
