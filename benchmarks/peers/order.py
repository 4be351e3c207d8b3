"""What every contestant gets and gives, so that all do the same work.

Each is a program of its own: `... ORDER.json`. It sends the first `warm_up` pushes (connections, caches, signatures),
then the rest, and prints a `Score`. Payloads come ready as text, in plain; only ours are rendered while the clock runs.
"""

import gc
import resource
import sys
import time
from pathlib import Path
from typing import Any, Self

import msgspec


class Push(msgspec.Struct, frozen=True):
    """One message to one device.

    `address`: the `PushSubscription` as a browser prints it, or `{"token": ...}`. `payload`: the text to encrypt, or
    the JSON of the request's body.
    """

    address: dict[str, Any]
    payload: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The work, and the key to do it with.

    `credential`: for Web Push subject, private_key (the scalar in base64url), public_key and pem; for APNs key (PEM),
    key_id, team_id and topic; for FCM the fields of a service account's file.
    """

    provider: str
    pushes: list[Push]
    warm_up: int
    concurrency: int
    origin: str
    ca_file: str
    credential: dict[str, str]
    ttl_s: int

    @property
    def host(self) -> str:
        """Of the sink."""
        return self.origin.removeprefix("https://").rpartition(":")[0]

    @property
    def port(self) -> int:
        """Of the sink."""
        return int(self.origin.rpartition(":")[2])


class Score(msgspec.Struct, frozen=True):
    """What it took: messages, wall seconds, CPU seconds of this process."""

    messages: int
    seconds: float
    cpu_s: float


def read_order() -> Order:
    """The order named on the command line."""
    return msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Order)


class Clock:
    """From `start` to `score`."""

    def __init__(self) -> None:
        self._wall_s = self._cpu_s = 0.0

    def start(self) -> Self:
        """Begins to count. The order itself is left out of garbage collection: nobody holds a campaign in memory."""
        gc.collect()
        gc.freeze()
        self._wall_s, self._cpu_s = time.perf_counter(), _cpu_s()
        return self

    def score(self, messages: int) -> None:
        """Prints what it took."""
        score = Score(messages, time.perf_counter() - self._wall_s, _cpu_s() - self._cpu_s)
        sys.stdout.buffer.write(msgspec.json.encode(score))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
