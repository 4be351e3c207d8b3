"""Push services that are away, slow, silent, broken, hostile or angry: real processes, real sockets, two services."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.chaos.books import judge, topic_of_message
from tests.chaos.processes import until
from tests.chaos.shop import Shop
from tests.chaos.street import Street, street
from tests.chaos.weather import Weather

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(120)]

_CONNECTIONS_MAX = 3 * 256
"""Of all processes together to one push service: three of them send."""
_MIB = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def the_street(folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Street]:
    """One for all tests of this file; each has a shop of its own in it."""
    async with street(folder, session) as running:
        yield running


async def _healed(the_street: Street, shop: Shop, message: str, *, within_s: float) -> dict[str, Any]:
    """The message, done; whoever waits for a lane or another try gets it now and then without waiting."""

    async def is_done() -> dict[str, Any] | None:
        said = await shop.message(message)
        if said["state"] == "done" and said["exact"]:
            return said
        await the_street.serve.lanes_forgotten()
        return None

    said = await until(f"{message} is done", is_done, within_s=within_s, every_s=1.5)
    assert said is not None
    return said


async def test_a_service_is_down(the_street: Street):
    """F15: connections are refused for a while. Who lives elsewhere is reached meanwhile, these later, some expire."""
    shop = await the_street.shop("down", stormy=400, calm=400)
    await the_street.proxy.turn(Weather(sky="refusing"))
    lasting = await shop.send()
    brief = await shop.send(ttl=6)
    await shop.came_to(lasting, "sent", 400, within_s=15)
    gone = await shop.done(brief, within_s=30)
    assert gone["counts"]["expired"] == gone["counts"]["sent"] == 400, gone
    assert (await shop.message(lasting))["counts"]["pending"] == 400
    await the_street.proxy.turn(Weather())
    said = await _healed(the_street, shop, lasting, within_s=45)
    assert await judge(the_street.serve, the_street.books, [said, gone], promised=[lasting, brief]) == 0


@pytest.mark.nightly
async def test_a_slow_service_slows_nobody_else(the_street: Street):
    """F18: half a minute for each answer. Requests under way are bounded, memory stays flat, another shop is served."""
    slow = await the_street.shop("slow", stormy=4_000)
    quick = await the_street.shop("quick", calm=2_000)
    before = await _memory_bytes(the_street)
    await the_street.stormy.order_faults(the_street.session, {"kind": "delay", "latency_ms": 30_000})
    waiting = await slow.send()
    await asyncio.sleep(1.0)
    began_s = time.monotonic()
    said = await quick.done(await quick.send(), within_s=30)
    took_s = time.monotonic() - began_s
    assert said["counts"]["sent"] == 2_000
    assert the_street.proxy.connections_peak <= _CONNECTIONS_MAX
    assert await _memory_bytes(the_street) - before < 150 * _MIB
    assert took_s < 6.0, f"{took_s:.1f} s for what takes one"
    await slow.call("POST", f"/v1/messages/{waiting}/cancel")


async def _memory_bytes(the_street: Street) -> int:
    """What all delivery processes hold in memory together."""
    pids = [pid for _, pid in await the_street.serve.pids()]
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in pids)


@pytest.mark.nightly
async def test_a_service_wants_less(the_street: Street):
    """F17: 429 for a third, then for everybody. Requests fall within two seconds; in the end nobody is missing.

    What is refused and sent again is at most a fifth of what there is to send.
    """
    shop = await the_street.shop("less", stormy=5_000)
    tired = {"kind": "status", "status": 429, "retry_after_s": 1}
    before = (await the_street.stormy.counted(the_street.session)).get("fault_429", 0)
    await the_street.stormy.order_faults(the_street.session, {**tired, "probability": 0.3})
    message = await shop.send()
    await asyncio.sleep(4.0)
    await the_street.stormy.order_faults(the_street.session, tired)
    await asyncio.sleep(2.0)
    in_storm = (await the_street.stormy.counted(the_street.session)).get("fault_429", 0)
    await asyncio.sleep(3.0)
    refused = (await the_street.stormy.counted(the_street.session)).get("fault_429", 0)
    assert refused - in_storm < 300, f"{refused - in_storm} requests in three seconds of refusals"
    await the_street.fine()
    said = await _healed(the_street, shop, message, within_s=60)
    assert said["counts"]["sent"] == 5_000
    assert refused - before < 0.2 * 5_000, f"{refused - before} refused requests for 5,000 recipients"
    assert await judge(the_street.serve, the_street.books, [said], promised=[message]) == 0


@pytest.mark.nightly
async def test_a_service_never_answers(the_street: Street):
    """F19: it takes connections and is silent. After ten seconds each request is tried again under the same topic."""
    shop = await the_street.shop("silent", stormy=60, calm=60)
    await the_street.proxy.turn(Weather(sky="silent"))
    message = await shop.send()
    await shop.came_to(message, "sent", 60, within_s=30)

    async def deadlines_have_passed() -> bool:
        return await the_street.serve.metric("steeple_retries_total", 'reason="timeout"') > 0

    await until("deadlines have passed", deadlines_have_passed, within_s=20, every_s=0.5)
    assert (await shop.message(message))["counts"]["pending"] == 60
    await the_street.proxy.turn(Weather())
    said = await _healed(the_street, shop, message, within_s=45)
    assert said["counts"]["sent"] == 120
    assert await judge(the_street.serve, the_street.books, [said], promised=[message]) == 0


@pytest.mark.nightly
async def test_answers_are_cut(the_street: Street):
    """F20: it takes the push and resets the connection. Each is tried again, and counted apart from refusals."""
    shop = await the_street.shop("cut", stormy=300)
    await the_street.stormy.order_faults(the_street.session, {"kind": "reset", "after_accept": True, "times": 40})
    message = await shop.send()
    said = await _healed(the_street, shop, message, within_s=45)
    assert said["counts"]["sent"] == 300
    assert await judge(the_street.serve, the_street.books, [said], promised=[message]) == 0
    assert await the_street.serve.metric("steeple_retries_total", 'reason="broken"') >= 40


@pytest.mark.nightly
async def test_nobody_vouches_for_the_certificate(the_street: Street):
    """F25: a wrong name, and an authority that nobody knows. Nothing is sent, the lanes stop, nobody is dropped."""
    shop = await the_street.shop("unvouched")
    query = {"n": "20", "vapid_public_key": shop.app["vapid_public_key"], "vapid_key_id": shop.app["vapid_key_id"]}
    for sandbox, host in (
        (the_street.calm, f"stranger.example:{the_street.stranger_port}"),
        (the_street.stormy, f"localhost:{the_street.stormy.tls_port}"),
    ):
        async with the_street.session.post(f"{sandbox.origin}/sandbox/mint", params=query) as minted:
            lines = (await minted.read()).replace(sandbox.origin.encode(), f"https://{host}".encode())
        assert await shop.take(lines) == 20
    message = await shop.send()

    async def have_stopped() -> bool:
        rows = await the_street.serve.fetch("SELECT state FROM lanes WHERE reason LIKE '%tls%'")
        return len(rows) == 2

    await until("both lanes stand", have_stopped, within_s=20)
    said = await shop.message(message)
    assert said["counts"]["pending"] == 40
    assert await _kept(the_street, shop) == 40
    topic = await topic_of_message(the_street.serve, message)
    assert all(book.accepted(topic) == 0 for book in the_street.books)
    await shop.call("POST", f"/v1/messages/{message}/cancel")


@pytest.mark.nightly
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_lead_nowhere(the_street: Street, status: int):
    """F27: the place that an endpoint points to gets no visit; that push is rejected, and the device kept."""
    shop = await the_street.shop(f"redirected {status}", stormy=10)
    visits: list[bytes] = []

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await reader.read(100))
        writer.close()

    async with await asyncio.start_server(visited, "127.0.0.1", 0) as trap:
        there = f"http://127.0.0.1:{trap.sockets[0].getsockname()[1]}/"
        rule = {"kind": "status", "status": status, "headers": {"Location": there}}
        await the_street.stormy.order_faults(the_street.session, rule)
        said = await shop.done(await shop.send(), within_s=20)
    assert visits == []
    assert said["counts"]["failed"] == 10, said
    assert await _kept(the_street, shop) == 10


@pytest.mark.nightly
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "huge", "status": 201, "body_bytes": 10 * _MIB, "times": 20},
        {"kind": "dribble", "dribble_ms": 1000, "times": 20},
    ],
    ids=lambda fault: fault["kind"],
)
async def test_endless_answers_end(the_street: Street, fault: dict[str, Any]):
    """F28: ten megabytes, or a byte a second. It is cut short, memory stays flat, everybody is settled."""
    shop = await the_street.shop(f"endless {fault['kind']}", stormy=100)
    before = await _memory_bytes(the_street)
    await the_street.stormy.order_faults(the_street.session, fault)
    said = await _healed(the_street, shop, await shop.send(), within_s=50)
    counts = said["counts"]
    assert counts["sent"] + counts["failed"] == 100
    assert counts["sent"] >= 80
    assert await _memory_bytes(the_street) - before < 60 * _MIB
    assert await judge(the_street.serve, the_street.books, [said]) == 0


@pytest.mark.nightly
@pytest.mark.parametrize("status", [401, 403])
async def test_our_key_is_refused(the_street: Street, status: int):
    """F30: every push is refused for our key. The lane stops early, nobody is dropped, all are reached afterwards."""
    shop = await the_street.shop(f"wrong key {status}", stormy=3_000)
    await the_street.stormy.order_faults(the_street.session, {"kind": "status", "status": status})
    refused = f"fault_{status}"
    before = (await the_street.stormy.counted(the_street.session)).get(refused, 0)
    message = await shop.send()
    await asyncio.sleep(6.0)
    tried = (await the_street.stormy.counted(the_street.session))[refused] - before
    # Each of two workers finds out by itself, and 64 requests of each group are under way until it does.
    assert tried <= 2 * 200 + 2 * 4 * 64, f"{tried} requests until the lane stood still"
    assert await _kept(the_street, shop) == 3_000
    assert (await shop.message(message))["counts"]["pending"] == 3_000
    await the_street.fine()
    said = await _healed(the_street, shop, message, within_s=50)
    assert said["counts"]["sent"] == 3_000
    assert await judge(the_street.serve, the_street.books, [said], promised=[message]) == 0


async def test_a_tenth_of_the_devices_is_gone(the_street: Street):
    """F31: they are dropped, once; the next message contacts none of them; the counts say so."""
    shop = await the_street.shop("tenth", stormy=900)
    await shop.fill(the_street.stormy, 100, prefix="gone-", users="g")
    await the_street.stormy.order_faults(the_street.session, {"kind": "status", "status": 410, "token_prefix": "gone-"})
    before = (await the_street.stormy.counted(the_street.session)).get("fault_410", 0)
    first = await shop.done(await shop.send(), within_s=30)
    second = await shop.done(await shop.send(), within_s=30)
    assert (first["counts"]["sent"], first["counts"]["gone"]) == (900, 100)
    assert (second["counts"]["sent"], second["counts"]["audience"]) == (900, 900)
    assert (await the_street.stormy.counted(the_street.session))["fault_410"] - before == 100
    assert await judge(the_street.serve, the_street.books, [first, second], declared_gone=["gone-"]) == 0


async def test_a_poisoned_recipient_fails_alone(the_street: Street):
    """F37: broken keys, half a row, no sense where the address was: these fail, everybody else is reached."""
    shop = await the_street.shop("poison", stormy=300)
    poisons = (b"", b"\1", b"\xff" * 90, b"\1" + b"\0" * 200, b"\1" + b"x" * 1_000_000)
    for number, poison in enumerate(poisons):
        await the_street.serve.fetch(
            "UPDATE subscriptions SET wire = $1 WHERE id = (SELECT id FROM subscriptions WHERE person = $2 AND app_id ="
            " (SELECT id FROM apps WHERE name = 'poison'))",
            poison,
            f"s{number}",
        )
    said = await shop.done(await shop.send(), within_s=30)
    assert said["counts"]["failed"] == len(poisons), said
    assert said["counts"]["sent"] == 300 - len(poisons)


_FOUL = {
    "latency": Weather(delay_s=0.3),
    "slices": Weather(slice_bytes=7),
    "starved": Weather(rate=20_000),
    "cut": Weather(answer_bytes_max=40),
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", _FOUL)
async def test_foul_weather_on_the_way(the_street: Street, name: str):
    """Latency, slices, starvation and cut answers between gateway and service: everybody is reached in the end.

    Where an answer is cut the push was taken: the copy that follows is one that nobody could have known to be one.
    """
    shop = await the_street.shop(f"foul {name}", stormy=200)
    await the_street.proxy.turn(_FOUL[name])
    message = await shop.send()
    await asyncio.sleep(2.5)
    await the_street.proxy.turn(Weather())
    said = await _healed(the_street, shop, message, within_s=50)
    assert said["counts"]["sent"] == 200
    if name != "cut":
        assert await judge(the_street.serve, the_street.books, [said], promised=[message]) == 0


async def _kept(the_street: Street, shop: Shop) -> int:
    rows = await the_street.serve.fetch(
        "SELECT count(*) AS n FROM subscriptions WHERE state = 0 AND app_id = (SELECT id FROM apps WHERE name = $1)",
        shop.app["name"],
    )
    return rows[0]["n"]
