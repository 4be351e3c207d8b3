"""What comes over a bare socket: broken HTTP, smuggling, floods, and clients that never finish."""

import asyncio
import json
import time

import pytest

from gateway.model.limits import HEADER_READ_S
from tests.api.world import Gateway, Shop

_BROKEN = {
    "a length and chunks": (
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "two lengths": b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
    "a signed length": b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde",
    "a folded header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n 2\r\n\r\n",
    "a space before the colon": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A : 1\r\n\r\n",
    "an odd transfer encoding": b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
    "a NUL in a header": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    "two hosts": b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "ten thousand headers": b"GET /livez HTTP/1.1\r\nHost: x\r\n"
    + b"".join(b"X-%d: 1\r\n" % n for n in range(10_000))
    + b"\r\n",
    "a header of 9 kB": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 9_000 + b"\r\n\r\n",
    "a path of 9 kB": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "a version of its own": b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
}


async def _say(gateway: Gateway, raw: bytes, *, within_s: float = 5.0) -> bytes:
    """Everything that comes back until the connection is closed."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(raw)
        async with asyncio.timeout(within_s):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("raw", _BROKEN.values(), ids=_BROKEN)
async def test_broken_http_is_refused_in_our_shape(gateway: Gateway, raw: bytes):
    """400 and the connection closed, with a body that a program can read and that repeats nothing of what was sent."""
    said = await _say(gateway, raw)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0].endswith(b" 400 Bad Request"), said[:200]
    assert said.count(b"HTTP/1.") == 1
    assert b"X-Request-Id: req_" in head
    error = json.loads(body)["error"]
    assert error["code"] == "http_unreadable"
    assert error["message"] == "The request breaks the rules of HTTP."
    assert b"aiohttp" not in said
    assert b"Python" not in said


async def test_a_foreign_host_leads_nowhere(gateway: Gateway):
    """Links are made from the setting, never from the Host header or an absolute request line."""
    raw = b"GET http://evil.example/nowhere HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    said = await _say(gateway, raw)
    assert b"evil.example" not in said
    assert b"https://push.example/docs#errors-route_not_found" in said


async def test_an_upgrade_is_not_followed(gateway: Gateway):
    """No websocket, and what follows the refused upgrade is not a second request."""
    raw = (
        b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    said = await _say(gateway, raw)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"101" not in said.split(b"\r\n")[0]


async def test_an_expectation_that_cannot_be_met_is_refused_in_our_shape(gateway: Gateway):
    """Only 100-continue is known."""
    raw = b"GET /livez HTTP/1.1\r\nHost: x\r\nExpect: the-unexpected\r\nConnection: close\r\n\r\n"
    said = await _say(gateway, raw)
    assert said.startswith(b"HTTP/1.1 417 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "header_invalid"


async def test_headers_that_never_end_are_given_up(gateway: Gateway):
    """Half a header holds a socket for seconds, not for an hour."""
    began = time.monotonic()
    said = await _say(gateway, b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ", within_s=HEADER_READ_S + 5)
    assert said == b""
    assert HEADER_READ_S - 1 < time.monotonic() - began < HEADER_READ_S + 4


async def test_a_thousand_half_open_requests_stop_nobody(make_gateway, shop: Shop):
    """While clients hold sockets with half a request, a real one is served; those beyond the bound are closed."""
    gateway: Gateway = await make_gateway()
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    held = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(980)))
    try:
        for _, writer in held:
            writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuth")
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {shop.key}"}
        async with shop.session.get(f"{gateway.url}/v1/topics", headers=headers) as answer:
            assert answer.status == 200
        assert time.monotonic() - began < 2
        more = await asyncio.gather(*(asyncio.open_connection(host, int(port)) for _ in range(100)))
        held += more
        ends = await asyncio.gather(*(_is_closed(reader) for reader, _ in more))
        assert sum(ends) >= 70
    finally:
        for _, writer in held:
            writer.close()


async def _is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(1):
            return await reader.read(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "route_not_found"),
        ("GET", "/v1/nothing", 404, "route_not_found"),
        ("POST", "/v1/messages/", 404, "route_not_found"),
        ("GET", "//v1/topics", 404, "route_not_found"),
        ("GET", "/v1/%2e%2e/topics", 404, "route_not_found"),
        ("GET", "/sdk/v1/..%2f..%2fpyproject.toml", 404, "not_found"),
        ("GET", "/docs/..%2froutes.py", 404, "not_found"),
        ("PUT", "/v1/messages", 405, "method_not_allowed"),
        ("DELETE", "/v1/topics", 405, "method_not_allowed"),
        ("TRACE", "/livez", 405, "method_not_allowed"),
        ("OPTIONS", "/v1/messages", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_there_is_told_in_our_shape(gateway: Gateway, method: str, path: str, status: int, code: str):
    """Every path and every method gets an answer that a program can read."""
    said = await _say(gateway, f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()), said[:300]
    assert json.loads(body)["error"]["code"] == code
    assert b"X-Content-Type-Options: nosniff" in head
    assert b"Server: steeple" in head
    assert status != 405 or b"\r\nAllow: " in head


async def test_a_head_request_has_no_body(gateway: Gateway):
    """As a GET, without what follows the head."""
    said = await _say(gateway, b"HEAD /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b""


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [("job-17:retry.2", True), ("x" * 64, True), ("x" * 65, False), ("two words", False), ("é", False)],
)
async def test_a_request_id_is_kept_if_it_is_plain(shop: Shop, sent: str, is_kept: bool):  # noqa: FBT001 - a case
    """A caller's own id comes back on the answer and in a refusal; an odd one is replaced."""
    answer = await shop.call("GET", "/v1/nothing", headers={"X-Request-Id": sent})
    given = answer.headers["X-Request-Id"]
    assert (given == sent) is is_kept
    assert answer.body["error"]["request_id"] == given
    assert is_kept or given.startswith("req_")


async def test_a_client_that_waits_for_permission_gets_it(shop: Shop):
    """100-continue: the head is taken, then the body, then the answer."""
    body = b'{"title": "x", "audience": {"all": true}}'
    raw = (
        f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {shop.key}\r\nExpect: 100-continue\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    said = await _say(shop.gateway, raw + body)
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 ")
