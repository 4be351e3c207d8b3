"""One HTTP/1.1 connection that posts: one request at a time, for places that speak nothing newer. Source: RFC 9112."""

import asyncio
from typing import cast

from gateway.model.limits import CONNECTION_IDLE_S
from gateway.wire.exchange import Answer, WireFailure, check_headers
from gateway.wire.http1_answers import BrokenAnswer, Http1Reader
from gateway.wire.request import Owner, Request


class Http1Connection(asyncio.Protocol):
    """Carries requests to one authority. `room` is 1 while none is on its way."""

    def __init__(self, owner: Owner, authority: str) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._owner = owner
        self._authority = authority
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._reader = Http1Reader()
        self.has_ended = False
        self.idle_s_max = CONNECTION_IDLE_S
        self.room = 0
        self.is_retiring = False
        self.has_answered = False
        self.opened_at_s = self.used_at_s = loop.time()
        self.ready: asyncio.Future[None] = loop.create_future()
        """As soon as it is made: in HTTP/1.1 the other side greets nobody."""
        self.fault: Exception | None = None
        """Why it was lost, if asyncio knows."""

    @property
    def in_flight(self) -> int:
        """Requests without an answer."""
        return 0 if self._request is None else 1

    def start(self, request: Request) -> None:
        """Sends a request. Only while there is `room`; headers that cannot be sent are the request's failure."""
        assert self._transport is not None
        try:
            data = _request(self._authority, request)
        except WireFailure as refused:
            request.fail(refused.kind, str(refused))
            return
        self.used_at_s = self._loop.time()
        request.start_on(self, 0, self.used_at_s)
        self._request, self.room = request, 0
        self._transport.write(data)

    def abandon(self, request: Request) -> None:
        """Ends the connection of a request that nobody waits for: the answer may come at any time."""
        if self._request is request:
            self._request = None
            self.close()

    def retire(self) -> None:
        """Takes no more requests, and ends with the last answer."""
        self.is_retiring, self.room = True, 0
        if self._request is None:
            self.close()

    def sweep(self, now_s: float) -> None:
        """Ends the request whose deadline has passed, and the connection with it."""
        request = self._request
        if request is not None and request.deadline_at_s <= now_s:
            request.fail("timeout", "there was no answer in time")
            self.abandon(request)

    def close(self) -> None:
        """Ends it at once; what is on its way is broken."""
        if self._transport is not None:
            self._transport.abort()
        self._end("it was closed")

    # --- asyncio calls these ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It may be used now."""
        self._transport = cast("asyncio.Transport", transport)
        self.room = 1
        self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that lasts until the end has ended; any other is broken."""
        self.fault = exc
        answer = self._reader.end() if exc is None and self._request is not None else None
        if answer is not None and self._request is not None:
            self._request.succeed(_wanted(self._request, answer))
            self._request, self.has_answered = None, True
        self._end("the connection ended")

    def data_received(self, data: bytes) -> None:
        """Reads what there is of the answer; never raises."""
        request = self._request
        if request is None:
            self.close()  # nobody asked
            return
        try:
            answer = self._reader.feed(data)
        except BrokenAnswer as broken:
            request.fail("broken", str(broken))
            self.close()
            return
        if answer is not None:
            request.succeed(_wanted(request, answer))
            self._finish()

    def _finish(self) -> None:
        self._request, self.has_answered = None, True
        if not self._reader.is_clean or self.is_retiring:
            self.close()
            return
        self.room = 1
        if self._owner.has_waiting:
            self._owner.freed()

    def _end(self, reason: str) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        self.room = 0
        request, self._request = self._request, None
        self._owner.lost(self)
        if request is not None:
            request.fail("broken", reason)


def _request(authority: str, request: Request) -> bytes:
    """The bytes to send: an endpoint is opaque, so its path and query go out as they came."""
    check_headers(request.own)
    lines = "".join([f"{name}: {value}\r\n" for name, value in (*request.fixed.pairs, *request.own)])
    head = (
        f"POST {request.target.path_and_query} HTTP/1.1\r\nHost: {authority}\r\n{lines}"
        f"Content-Length: {len(request.body)}\r\n\r\n"
    )
    return head.encode("ascii") + request.body


def _wanted(request: Request, answer: Answer) -> Answer:
    """Without the body of a 2xx that nobody wants."""
    if request.wants_body or not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
        return answer
    return Answer(answer.status, answer.headers, b"")
