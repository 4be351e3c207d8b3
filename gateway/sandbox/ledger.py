"""What the sandbox accepted, one JSON line each, on disk before the application server gets its answer.

A line is handed to the kernel by one unbuffered append: it survives the end of the gateway and of the sandbox itself,
not a power cut (no fsync: the ledger is the judge of rehearsals, and its disk must not set their pace).
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

_SHA_CHARS: Final = 16
_MESSAGE: Final = re.compile(rb'\bm\\?"\s*:\s*\\?"(msg_[0-9a-z]+)\\?"')
"""Also as JSON inside a JSON string."""
_SUBSCRIPTION: Final = re.compile(rb'\bs\\?"\s*:\s*\\?"(sub_[0-9a-z]+)\\?"')

Fate = Literal["delivered", "stored", "dropped", "taken"]
"""Handed to a connected user agent; kept for it; TTL 0 and nobody there; taken for a virtual device."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One accepted message. `message` and `subscription` are the ids in its payload, where it could be decrypted."""

    at: float
    """Seconds since the epoch."""
    monotonic_s: float
    service: str
    """`webpush` (the Firefox side and virtual devices), `gcm` (the Chromium side), `apns` or `fcm`."""
    token: str
    channel: str = ""
    """A browser's own name for it; an iPhone's apns-topic; the project of an Android."""
    version: str
    """The push service's own id of the message: the end of its Location, an apns-id, the end of a name."""
    status: int = 201
    fate: Fate
    topic: str | None = None
    """What a later message of the same name replaces: topic, apns-collapse-id or collapse_key."""
    ttl_s: int
    urgency: str
    body_bytes: int
    body_sha256: str
    """The first 16 hex digits."""
    decrypted: bool | None = None
    """None: not tried, its key is not ours to know."""
    message: str | None = None
    subscription: str | None = None
    payload: dict[str, Any] | None = None
    """What the device would show, where it could be decrypted."""
    answer_lost: bool = False
    """A fault kept the answer from the application server although the message was accepted."""


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Entry)


def digest(body: bytes) -> str:
    """The prefix of the body's SHA-256 that the ledger keeps."""
    return sha256(body).hexdigest()[:_SHA_CHARS]


def find_ids(payload: bytes) -> tuple[str | None, str | None]:
    """The ids of message and subscription in a payload of the gateway's, wherever it keeps them: `"m":"msg_..."`."""
    message, subscription = _MESSAGE.search(payload), _SUBSCRIPTION.search(payload)
    return (
        None if message is None else message[1].decode("ascii"),
        None if subscription is None else subscription[1].decode("ascii"),
    )


class Ledger:
    """Appends entries to a file (or, without a path, only counts them)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self.counters: Counter[str] = Counter()
        self._first_at: float | None = None
        self._last_at: float | None = None
        self._fd = -1 if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def append(self, entry: Entry) -> None:
        """Write one accepted message; when this returns, the kernel has it."""
        if self._fd >= 0:
            _write_all(self._fd, _encode(entry) + b"\n")
        count = self.counters
        count["accepted"] += 1
        count[f"service_{entry.service}"] += 1
        count[f"fate_{entry.fate}"] += 1
        count["body_bytes"] += entry.body_bytes
        if entry.decrypted is not None:
            count["decrypted" if entry.decrypted else "undecryptable"] += 1
        if entry.answer_lost:
            count["answer_lost"] += 1
        self._first_at = entry.at if self._first_at is None else self._first_at
        self._last_at = entry.at

    def refuse(self, status: int) -> None:
        """Count an answer that was not a 201."""
        self.counters[f"refused_{status}"] += 1

    def summary(self) -> dict[str, object]:
        """The counters, with the times (seconds since the epoch) of the first and the last accepted message."""
        return {
            "accepted": self.counters["accepted"],
            "counters": dict(sorted(self.counters.items())),
            "first_at": self._first_at,
            "last_at": self._last_at,
            "path": None if self.path is None else str(self.path),
        }

    def close(self) -> None:
        """Close the file; appending afterwards only counts."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @staticmethod
    def read(path: Path) -> Iterator[Entry]:
        """Every whole line of a ledger, also of one that is being written; a last line cut short is left out."""
        with path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield _decoder.decode(line)


def _write_all(fd: int, data: bytes) -> None:
    # One call in practice: a short write to a regular file happens only when the disk is full, which raises next time.
    while data:
        data = data[os.write(fd, data) :]
