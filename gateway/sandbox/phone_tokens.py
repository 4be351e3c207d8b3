"""Device tokens of virtual phones, by the million: shaped as Apple's and Google's are, and known without a table.

As with `devices.py`, a token names its order and its number and carries a keyed hash of both. Apple's are 32 bytes in
hexadecimal, Google's an instance id, `:APA91b` and a long tail.
"""

import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import blake2b, shake_256
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.sandbox.limits import BATCHES_MAX, MINT_MAX

Service = Literal["apns", "fcm"]
Environment = Literal["production", "sandbox"]

_HEX_CHARS: Final = 64
_HEX_TAIL: Final = re.compile(r"([0-9a-f]{4})([0-9a-f]{8})")
_HEX_TAIL_CHARS: Final = 12
_GOOGLE: Final = re.compile(r"[A-Za-z0-9_-]*d([0-9a-f]{1,4})-([0-9a-f]{1,8})(?::APA91b[A-Za-z0-9_-]+)?")
"""A registration token, or the installation id that it begins with."""
_GOOGLE_TAIL_BYTES: Final = 99
_PREFIX: Final = {"apns": re.compile(r"[0-9a-f]{0,24}"), "fcm": re.compile(r"[A-Za-z0-9_-]{0,64}")}
_SECRET_BYTES: Final = 32


class Home(msgspec.Struct, frozen=True):
    """Whose device a token names: an app of Apple's by its bundle and environment, or a project of Google's."""

    service: Service
    owner: str
    """Bundle id, or project id."""
    environment: Environment = "production"
    """Apple only."""


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order as it is written down: everything about its tokens follows from it."""

    number: int
    home: Home
    prefix: str
    count: int
    secret: bytes

    def token(self, index: int) -> str:
        """The token of that number."""
        key = index.to_bytes(8, "big")
        if self.home.service == "apns":
            digest = blake2b(key, key=self.secret).hexdigest()
            head = self.prefix + digest[: _HEX_CHARS - _HEX_TAIL_CHARS - len(self.prefix)]
            return f"{head}{self.number:04x}{index:08x}"
        tail = urlsafe_b64encode(shake_256(self.secret + key).digest(_GOOGLE_TAIL_BYTES)).decode("ascii")
        return f"{self.prefix}d{self.number:x}-{index:x}:APA91b{tail}"


def names_of(token: str) -> tuple[str, ...]:
    """What a device may be called by: its token, and at Google's also the installation id in front of the colon."""
    installation, colon, _ = token.partition(":")
    return (token, installation) if colon else (token,)


def random_token(service: Service) -> str:
    """A token of its own, for a phone that is remembered."""
    if service == "apns":
        return os.urandom(_HEX_CHARS // 2).hex()
    return f"phone-{os.urandom(8).hex()}:APA91b{urlsafe_b64encode(os.urandom(_GOOGLE_TAIL_BYTES)).decode('ascii')}"


class PhoneTokens:
    """All orders of phones of one sandbox."""

    def __init__(self) -> None:
        self._orders: list[_Order] = []
        self._path: Path | None = None

    def remember_in(self, path: Path) -> None:
        """Write each order into this file from now on, and know those that it holds already."""
        self._path = path
        path.touch(mode=0o600)
        self._orders = [msgspec.json.decode(line, type=_Order) for line in path.read_bytes().splitlines()]

    def mint(self, n: int, home: Home, *, prefix: str = "") -> Iterator[str]:
        """`n` tokens, made as they are read; the order counts from this call on.

        `prefix` begins each token, so that fault rules can mean this order alone: up to 24 hexadecimal digits for
        Apple's, up to 64 of `A-Z a-z 0-9 _ -` for Google's.

        Raises:
            ValueError: a bound is broken.
        """
        if not 1 <= n <= MINT_MAX:
            raise ValueError(f"n must be 1 to {MINT_MAX}.")
        if not _PREFIX[home.service].fullmatch(prefix):
            raise ValueError(f"The prefix of a token of this service matches {_PREFIX[home.service].pattern}.")
        if len(self._orders) >= BATCHES_MAX:
            raise ValueError(f"This sandbox has minted {BATCHES_MAX} orders; restart it to mint more.")
        number = len(self._orders)
        order = _Order(number=number, home=home, prefix=prefix, count=n, secret=os.urandom(_SECRET_BYTES))
        self._orders.append(order)
        if self._path is not None:
            with self._path.open("ab") as orders:
                orders.write(msgspec.json.encode(order) + b"\n")
        return (order.token(index) for index in range(n))

    def find(self, token: str) -> Home | None:
        """Whose device that is, if this sandbox minted it."""
        if len(token) == _HEX_CHARS:
            match = _HEX_TAIL.fullmatch(token, _HEX_CHARS - _HEX_TAIL_CHARS)
        else:
            match = _GOOGLE.fullmatch(token)
        if match is None:
            return None
        number, index = int(match[1], 16), int(match[2], 16)
        if number >= len(self._orders):
            return None
        order = self._orders[number]
        return order.home if index < order.count and token in names_of(order.token(index)) else None

    def count(self) -> int:
        """Phones minted so far."""
        return sum(order.count for order in self._orders)
