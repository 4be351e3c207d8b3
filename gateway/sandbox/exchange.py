"""One request and its answer, whatever version of HTTP carries them, and how faults on order get between the two.

The push services of the sandbox take an `Asked` and give a `Reply`; `answers.py` (HTTP/1.1) and `http2.py` put it on
the wire, spoilt where a fault says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from multidict import CIMultiDictProxy

from gateway.sandbox.faults import Fault, Strike, retry_after

_REDIRECTED_PATH = "/wpush/v2/redirected"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Line(Protocol):
    """A connection that carries many requests: what a service may know of it and tell it."""

    certificate: bytes | None
    """The client's, in DER; None when it showed none."""

    def open_up(self) -> None:
        """The client is known now: allow it as many streams at once as this service gives."""
        ...

    def order_streams(self, limit: int, *, for_s: float) -> None:
        """Set another limit of streams, for good (0) or for so long."""
        ...


class Asked(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A whole request. `host` is lower-case, with the port if there was one; `path` is without the query."""

    method: str
    host: str
    path: str
    headers: CIMultiDictProxy[str]
    body: bytes
    line: Line | None = None
    """None over HTTP/1.1."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer; `fault` says how it is spoilt on its way, `None` that it is not."""

    status: int
    headers: Mapping[str, str] = {}
    body: bytes = b""
    fault: Fault | None = None


Serve = Callable[[Asked], Awaitable[Reply]]


async def met(strike: Strike, asked: Fault | None = None) -> Fault | None:
    """The fault that this request meets, after having waited as ordered; `asked` is the one its own address names."""
    wait_s = strike.wait_s
    if asked is not None and asked.kind == "delay":
        wait_s, asked = wait_s + asked.latency_ms / 1000, None
    if wait_s > 0:
        await asyncio.sleep(wait_s)
    return strike.fault or asked


def spoilt(fault: Fault, *, now_s: float, otherwise: Reply | None = None) -> Reply:
    """The answer that a fault gives; `otherwise` is the right one, which some faults let through."""
    if otherwise is not None and fault.lets_answer_through:
        return msgspec.structs.replace(otherwise, fault=fault)
    now = datetime.fromtimestamp(now_s, UTC)
    return Reply(status=fault.status, headers=fault_headers(fault, now), body=fault.body.encode(), fault=fault)


def fault_headers(fault: Fault, now: datetime) -> dict[str, str]:
    """The headers of an answer that a fault gives."""
    headers = dict(fault.headers)
    if (wait := retry_after(fault, now=now)) is not None:
        headers["Retry-After"] = wait
    if fault.status in _REDIRECTS:
        headers.setdefault("Location", _REDIRECTED_PATH)
    return headers


def count_name(fault: Fault) -> str:
    """Under what the ledger counts this fault."""
    return f"fault_{(fault.reason or fault.status) if fault.kind == 'status' else fault.kind}"
