"""The one HTTP client of the package: POSTs to permitted hosts over connections that are kept and shared.

It does what a sender needs, and has nothing that the other side could use against us: no redirects (they would carry
the body and our signature elsewhere), no cookies, no proxy from the environment, no decompression, no unbounded body,
one deadline over all of it. Where to connect is decided in `egress`.
"""

import random
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from gateway.model.limits import SEND_DEADLINE_S
from gateway.wire.egress import EgressPolicy, Lookup, Target
from gateway.wire.exchange import ANYONE, Answer, Fields, Peer, check_headers
from gateway.wire.http1 import Http1Client


class HttpClient:
    """HTTP/2 where the other side speaks it, else HTTP/1.1. Make it inside the event loop that uses it."""

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        connections_max: int,
        deadline_s: float = SEND_DEADLINE_S,
        lookup: Lookup | None = None,
        dice: random.Random | None = None,
    ) -> None:
        self._dice = dice or random.Random()  # noqa: S311 - spreads reconnects, keeps no secret
        self._http1 = Http1Client(policy, connections_max=connections_max, deadline_s=deadline_s, lookup=lookup)

    async def post(
        self,
        target: Target,
        fixed: Fields,
        own: Sequence[tuple[str, str]],
        body: bytes,
        *,
        peer: Peer = ANYONE,
        deadline_s: float | None = None,
        wants_body: bool = False,
    ) -> Answer:
        """The answer to one POST, whatever its status; a redirect is an answer like any other.

        `fixed` are headers that many requests share, `own` those of this one. `deadline_s` covers waiting for room on
        a connection, connecting, sending and the whole answer. The body of a 2xx is kept only if it is wanted.

        Raises:
            WireFailure: there was no whole answer; `kind` says why.
        """
        del peer
        check_headers(own)
        answer = await self._http1.post(target, dict([*fixed.pairs, *own]), body, deadline_s=deadline_s)
        if wants_body or not 200 <= answer.status < 300:  # noqa: PLR2004 - RFC 9110 section 15.3
            return answer
        return Answer(answer.status, answer.headers, b"")

    async def aclose(self) -> None:
        """Closes every connection."""
        await self._http1.aclose()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closes every connection."""
        await self.aclose()
