"""One POST on its way through pool and connection, and the future of its answer."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from gateway.model.limits import RESENDS_MAX
from gateway.wire.egress import Target
from gateway.wire.exchange import Answer, FailureKind, Fields, WireFailure

Headers = Sequence[tuple[str, str]]


class Carrier(Protocol):
    """Who has a request now: a queue, or a connection."""

    def abandon(self, request: "Request") -> None:
        """Nobody waits for the answer any more."""
        ...


class Connection(Carrier, Protocol):
    """A connection that carries requests, whatever version of HTTP it speaks."""

    idle_s_max: float
    """How long it is kept without a request."""
    room: int
    """How many requests it takes now; 0 or less: none."""
    has_answered: bool
    """Whether it ever was of use."""
    has_ended: bool
    is_retiring: bool
    """Whether it takes no more requests, for good."""
    opened_at_s: float
    used_at_s: float
    """Loop time of the last request."""

    @property
    def in_flight(self) -> int:
        """Requests without an answer."""
        ...

    def start(self, request: "Request") -> None:
        """Sends it. Only while there is `room`."""
        ...

    def retire(self) -> None:
        """Takes no more requests, and ends with the last answer."""
        ...

    def sweep(self, now_s: float) -> None:
        """Looks at deadlines and at whether the other side is still there. `now_s` is loop time."""
        ...

    def close(self) -> None:
        """Ends it; what is on its way is broken."""
        ...


class Owner(Protocol):
    """To whom connections report."""

    @property
    def has_waiting(self) -> bool:
        """Whether `freed` is worth calling."""
        ...

    def freed(self) -> None:
        """There may be room now."""
        ...

    def resend(self, requests: list["Request"]) -> None:
        """The other side certainly did nothing with them."""
        ...

    def lost(self, connection: Connection) -> None:
        """It ended; called once."""
        ...


class Request:
    """Made by the client, then with one carrier at a time; each of them may finish it, the first one does."""

    __slots__ = (
        "body",
        "carrier",
        "deadline_at_s",
        "fixed",
        "future",
        "head",
        "interim",
        "own",
        "received",
        "resends_left",
        "sending",
        "started_at_s",
        "stream_id",
        "taken_bytes",
        "target",
        "wants_body",
    )

    def __init__(
        self,
        target: Target,
        fixed: Fields,
        own: Headers,
        body: bytes,
        *,
        wants_body: bool,
        deadline_at_s: float,
        future: "asyncio.Future[Answer]",
    ) -> None:
        self.target = target
        self.fixed = fixed
        self.own = own
        self.body = body
        self.wants_body = wants_body
        self.deadline_at_s = deadline_at_s
        """Loop time."""
        self.future = future
        self.carrier: Carrier | None = None
        self.resends_left = RESENDS_MAX
        self.stream_id = 0
        self.started_at_s = 0.0
        self.head: Answer | None = None
        """HTTP/2: the answer without its body."""
        self.taken_bytes = 0
        """HTTP/2: what came of its body, padding included."""
        self.received: bytearray | None = None
        """HTTP/2: as much of its body as is kept."""
        self.interim = 0
        self.sending: Sending | None = None
        """HTTP/2: what the windows of the other side hold back."""

    def start_on(self, carrier: Carrier, stream_id: int, now_s: float) -> None:
        """Forgets what an earlier connection left."""
        self.carrier, self.stream_id, self.started_at_s = carrier, stream_id, now_s
        if self.resends_left < RESENDS_MAX:
            self.head = self.received = self.sending = None
            self.taken_bytes = self.interim = 0

    def succeed(self, answer: Answer) -> None:
        """Gives the answer to who waits for it."""
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, kind: FailureKind, sentence: str, *, is_unsent: bool | None = None) -> None:
        """Tells who waits that there will be none. `sentence` names neither path nor anything that came.

        Unless all that was wanted is here: a 2xx whose empty body was cut off is a success, and repeating it is not.
        """
        if self.head is not None and 200 <= self.head.status < 300 and not self.wants_body:  # noqa: PLR2004 - RFC 9110
            self.succeed(self.head)
        elif not self.future.done():
            failure = WireFailure(kind, f"{self.target.host}: {sentence}", is_unsent=is_unsent)
            self.future.set_exception(failure)


class Sending:
    """The rest of a body, and how much of it the other side allows."""

    __slots__ = ("allowed", "rest")

    def __init__(self, body: bytes) -> None:
        self.rest = memoryview(body)
        self.allowed = 0
        """Bytes beyond the initial window: granted for this stream, less what was sent. May be below zero."""
