"""Following a message while it runs."""

import asyncio
import json
from typing import Any

from gateway.model.ids import from_text
from gateway.model.limits import PROGRESS_STREAMS_MAX
from tests.api.world import Shop


async def _sent(shop: Shop, **audience) -> str:
    return (await shop.call("POST", "/v1/messages", {"audience": audience or {"all": True}, "title": "x"})).body["id"]


def _open(shop: Shop, message: str):
    return shop.session.get(
        f"{shop.gateway.url}/v1/messages/{message}/progress", headers={"Authorization": f"Bearer {shop.key}"}
    )


async def _event(stream) -> tuple[str, dict[str, Any]]:
    """The next event's name and data."""
    async with asyncio.timeout(5):
        name = (await stream.content.readline()).decode().removeprefix("event: ").strip()
        data = json.loads((await stream.content.readline()).decode().removeprefix("data: "))
        assert await stream.content.readline() == b"\n"
        return name, data


async def test_each_change_is_an_event_and_the_end_is_told(shop: Shop):
    """The report at once, again when it changes, then `end` and a closed stream."""
    message = await _sent(shop)
    async with _open(shop, message) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["X-Request-Id"]
        name, first = await _event(stream)
        assert (name, first["id"], first["state"]) == ("progress", message, "accepted")
        await shop.gateway.services.database.execute(
            "UPDATE messages SET state = 4, planned_at = now(), finished_at = now(), tally = '{}'"
            " WHERE app_id = $1 AND id = $2",
            shop.app.id, from_text("msg", message),
        )  # fmt: skip
        name, last = await _event(stream)
        assert (name, last["state"], last["exact"]) == ("progress", "done", True)
        assert (await _event(stream))[0] == "end"
        assert await stream.content.read() == b""


async def test_a_message_that_is_not_there_has_no_progress(shop: Shop):
    """A refusal comes as a refusal, not as a stream."""
    answer = await shop.call("GET", "/v1/messages/msg_0000000000000/progress")
    assert (answer.status, answer.code) == (404, "not_found")


async def test_streams_are_bounded(make_gateway: Any, shop: Shop):
    """One more than there may be is told to come back; when one ends, there is room."""
    shop = Shop(await make_gateway(), shop.session, shop.app, shop.key)
    message = await _sent(shop)
    streams = [await _open(shop, message).__aenter__() for _ in range(PROGRESS_STREAMS_MAX)]
    try:
        full = await shop.call("GET", f"/v1/messages/{message}/progress")
        assert (full.status, full.code, full.headers["Retry-After"]) == (503, "overloaded", "5")
        streams.pop().close()
        async with asyncio.timeout(5):
            while True:
                async with _open(shop, message) as again:
                    if again.status == 200:
                        break
                await asyncio.sleep(0.1)
    finally:
        for stream in streams:
            stream.close()
