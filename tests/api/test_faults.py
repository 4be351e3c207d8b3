"""When it is our fault or the database's: the caller is told when to come back, and nothing of our inside."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader

from gateway.api.bodies import read_body
from gateway.model.errors import ERROR_CODES, GatewayError
from gateway.store.database import Database
from tests.api.world import Gateway, Shop, ask

_ORDER = {"audience": {"all": True}, "title": "x"}
_NOT_OVER_HTTP = {
    "setting_invalid": "stops a start",
    "master_key_missing": "stops a start; later it is a lost file",
    "draining": "for whoever closes a door while it is being walked through",
}


class _Broken:
    async def accept(self, *_args: object, **_options: object) -> None:
        raise RuntimeError("SELECT secret FROM stpl_sk_canary")


async def test_a_mistake_of_ours_tells_nothing_of_our_inside(changed: Any, shop: Shop):
    """500 in the one shape, with the id under which the log holds the reason; the next call is served."""
    broken = Shop(await changed(acceptor=_Broken()), shop.session, shop.app, shop.key)
    answer = await broken.call("POST", "/v1/messages", _ORDER)
    assert (answer.status, answer.code) == (500, "internal")
    assert answer.body["error"]["type"] == "internal"
    assert answer.headers["X-Request-Id"] == answer.body["error"]["request_id"]
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text
    assert (await broken.call("GET", "/v1/topics")).status == 200


async def test_a_mistake_releases_the_idempotency_key(changed: Any, shop: Shop):
    """What failed with a 500 may be repeated at once under the same key."""

    class _BrokenVault:
        def seal(self, *_args: object, **_options: object) -> bytes:
            raise RuntimeError

    headers = {"Idempotency-Key": "again"}
    broken = Shop(await changed(vault=_BrokenVault()), shop.session, shop.app, shop.key)
    wanted = {"name": "till", "scopes": ["read"]}
    assert (await broken.call("POST", "/v1/keys", wanted, headers=headers)).status == 500
    assert (await shop.call("POST", "/v1/keys", wanted, headers=headers)).status == 201


async def test_without_the_database_the_caller_is_told_when_to_come_back(changed: Any, dsn: str, shop: Shop):
    """503 with Retry-After, in the one shape; what needs no database goes on."""
    database = await Database.open(dsn, name="full", size_max=1)
    away = Shop(await changed(database=database), shop.session, shop.app, shop.key)
    async with database.transaction():
        answer = await away.call("GET", "/v1/topics")
        assert (answer.status, answer.code) == (503, "store_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (await away.page("GET", "/livez")).status == 200
        assert (await away.page("GET", "/version")).status == 200
    await database.close()


async def test_a_process_says_whether_it_should_get_requests(changed: Any, shop: Shop):
    """Ready, not ready and why, and not while it is stopping."""

    async def sick() -> list[str]:
        return ["no worker was heard"]

    assert (await shop.page("GET", "/readyz")).body == {"ready": True, "reasons": []}
    unready = Shop(await changed(is_ready=sick), shop.session, shop.app, shop.key)
    answer = await unready.page("GET", "/readyz")
    assert (answer.status, answer.body) == (503, {"ready": False, "reasons": ["no worker was heard"]})
    stopping = Shop(await changed(is_draining=lambda: True), shop.session, shop.app, shop.key)
    assert (await stopping.page("GET", "/readyz")).body["reasons"] == ["draining"]
    assert (await stopping.call("GET", "/v1/topics")).status == 200
    sent = (await stopping.call("POST", "/v1/messages", _ORDER)).body["id"]
    assert (await stopping.call("GET", f"/v1/messages/{sent}/progress")).code == "overloaded"


async def test_health_needs_no_key_and_tells_no_more(gateway: Gateway, shop: Shop):
    """Version and time of start; nothing of apps, settings or the database."""
    answer = await ask(shop.session, "GET", f"{gateway.url}/version")
    assert set(answer.body) == {"version", "started_at"}
    assert (await ask(shop.session, "GET", f"{gateway.url}/livez")).body == {"alive": True}


class _Request:
    """A request of which only the body is asked for."""

    def __init__(self, content: StreamReader) -> None:
        self.content = content


async def test_a_body_that_never_ends_is_given_up():
    """A client that sends a byte now and then holds a call for a bounded time."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    content = StreamReader(protocol, 2**16, loop=loop)
    content.feed_data(b"{")
    request: Any = _Request(content)
    with pytest.raises(GatewayError) as refusal:
        await read_body(request, 100, within_s=0.05)
    assert (refusal.value.status, refusal.value.code) == (408, "body_too_slow")


@pytest.mark.parametrize("code", [code for code in ERROR_CODES if code not in _NOT_OVER_HTTP])
def test_every_code_is_seen_in_some_test_of_the_api(code: str) -> None:
    """A code that nobody can get is a promise that nobody keeps."""
    here = Path(__file__).parent
    tests = [path for folder in (here, here.parent / "journeys") for path in folder.glob("test_*.py")]
    assert any(f'"{code}"' in path.read_text(encoding="utf-8") for path in tests)
