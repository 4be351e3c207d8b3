"""Several at once: a big sender beside a small one, clicks in the middle of a send, a worker that stands still."""

import asyncio
import signal
import statistics
import time

import pytest

from tests.chaos.books import Book, judge, topic_of_message
from tests.chaos.conftest import DEVICES
from tests.chaos.gateway_process import GROUPS_IN_FLIGHT, Serve
from tests.chaos.processes import SandboxProcess, send_signal, until
from tests.chaos.shop import Shop
from tests.chaos.test_kill import DONE_S, a_third_is_out, nothing_was_lost

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(180)]

_UNDER_WAY_MAX = 2 * GROUPS_IN_FLIGHT * 500
_SINGLES = 5
_SOON_S = 1.0


@pytest.mark.nightly
async def test_clicks_in_the_middle_of_a_send(serve: Serve, book: Book):
    """F39: pause, resume and cancel, each clicked twice: what was under way goes out, no more; counts are exact."""
    message, topic = await a_third_is_out(serve, book)
    shop = serve.shop
    await _twice(shop, message, "pause")
    before = book.accepted(topic)
    await _at_rest(serve, book, topic)
    paused = book.accepted(topic)
    assert paused - before <= _UNDER_WAY_MAX
    assert (await shop.message(message))["state"] == "paused"
    await _twice(shop, message, "resume")

    async def goes_on() -> bool:
        return book.accepted(topic) > paused

    await until("it goes on", goes_on, within_s=20)
    await _twice(shop, message, "cancel")
    before = book.accepted(topic)
    said = await shop.done(message, within_s=DONE_S, state="cancelled")
    assert book.accepted(topic) - before <= _UNDER_WAY_MAX
    assert said["counts"]["sent"] == book.copies(topic).reached
    assert said["counts"]["sent"] + said["counts"]["cancelled"] == DEVICES
    assert await judge(serve, [book], [said], promised=[message]) == 0


async def _twice(shop: Shop, message: str, click: str) -> None:
    answers = await asyncio.gather(*(shop.call("POST", f"/v1/messages/{message}/{click}") for _ in range(2)))
    assert {status for status, _ in answers} <= {200, 202, 409}, answers
    assert any(status < 300 for status, _ in answers), answers


async def _at_rest(serve: Serve, book: Book, topic: str) -> None:
    async def is_at_rest() -> bool:
        before = book.accepted(topic)
        await asyncio.sleep(0.5)
        rows = await serve.fetch("SELECT count(*) AS n FROM chunks WHERE state = 1")
        return rows[0]["n"] == 0 and book.accepted(topic) == before

    await until("nobody holds a chunk", is_at_rest, within_s=20)


async def test_a_small_sender_does_not_wait_for_a_big_one(serve: Serve, book: Book, sandbox: SandboxProcess):
    """F42, scaled: while one shop sends to all its devices, another's single pushes leave within a second.

    Its campaign to a few does not wait for the end of the big one either.
    """
    small = await serve.open_shop("small")
    await small.fill(sandbox, 20, users="s")
    big = [await serve.shop.send() for _ in range(3)]
    topics = [await topic_of_message(serve, one) for one in big]
    await _reached(serve, book, big[0], DEVICES // 4)
    waits: list[float] = []
    singles: list[str] = []
    for number in range(_SINGLES):
        began_s = time.monotonic()
        singles.append(await small.send(audience={"users": [f"s{number}"]}))
        await _reached(serve, book, singles[-1], 1)
        waits.append(time.monotonic() - began_s)
    campaign = await small.send()
    await _reached(serve, book, campaign, 20)
    assert sum(map(book.accepted, topics)) < 3 * DEVICES, "the big send was over: nothing was proved"
    assert statistics.median(waits) < _SOON_S, waits
    for one, topic in zip(big, topics, strict=True):
        await nothing_was_lost(serve, book, one, topic)
    said = [await small.done(one, within_s=20) for one in [*singles, campaign]]
    assert await judge(serve, [book], said, promised=[*singles, campaign]) == 0


async def _reached(serve: Serve, book: Book, message: str, n: int) -> None:
    topic = await topic_of_message(serve, message)

    async def are_out() -> bool:
        return book.accepted(topic) >= n

    await until(f"{n} of {message} are out", are_out, within_s=20, every_s=0.01)


@pytest.mark.nightly
async def test_a_worker_stands_still_until_all_is_done(serve: Serve, book: Book):
    """F38: its event loop turns no more, so its leases run out. The others finish; it wakes and is refused."""
    message, topic = await a_third_is_out(serve, book)
    still = await serve.pid_of("worker")
    send_signal(still, signal.SIGSTOP)
    serve.note_loss(still, for_s=DONE_S)
    try:
        await serve.shop.done(message, within_s=DONE_S)
    finally:
        send_signal(still, signal.SIGCONT)
    await nothing_was_lost(serve, book, message, topic)
    await asyncio.sleep(3.0)
    await nothing_was_lost(serve, book, message, topic)
