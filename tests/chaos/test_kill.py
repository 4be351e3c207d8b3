"""kill -9 of each process in the middle of a send to 20,000: nobody is forgotten, few are told twice."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import pytest

from tests.chaos.books import Book, judge, topic_of_message
from tests.chaos.conftest import DEVICES
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import gone, send_signal, until

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

DONE_S = 90.0
HEALED_S = 30.0


async def a_third_is_out(serve: Serve, book: Book) -> tuple[str, str]:
    """A message to everybody, of which a third has left; its id and its topic."""
    message = await serve.shop.send()
    topic = await topic_of_message(serve, message)

    async def is_a_third() -> bool:
        return book.accepted(topic) >= DEVICES // 3

    await until("a third of the send is out", is_a_third, within_s=DONE_S, every_s=0.02)
    assert book.accepted(topic) < DEVICES, "the send was over before anything could be killed"
    return message, topic


async def nothing_was_lost(serve: Serve, book: Book, message: str, topic: str) -> int:
    """The message is done, everybody was reached, all invariants hold; the copies beyond the first."""
    said = await serve.shop.done(message, within_s=DONE_S)
    assert said["counts"]["sent"] == said["counts"]["audience"] == DEVICES, said
    assert book.copies(topic).reached == DEVICES
    return await judge(serve, [book], [said], promised=[message])


async def test_nothing_happens_twice_when_nothing_is_killed(serve: Serve, book: Book):
    """Without any fault everybody gets the message once."""
    message, topic = await a_third_is_out(serve, book)
    await nothing_was_lost(serve, book, message, topic)


async def test_a_worker_is_killed(serve: Serve, book: Book):
    """The other worker and the successor finish; at most the dead one's groups in flight are sent again."""
    message, topic = await a_third_is_out(serve, book)
    await serve.kill(await serve.pid_of("worker"))
    await nothing_was_lost(serve, book, message, topic)
    await serve.ready(within_s=HEALED_S)


@pytest.mark.nightly
async def test_the_api_is_killed(serve: Serve, book: Book):
    """A campaign does not need the API; the API is back by itself."""
    message, topic = await a_third_is_out(serve, book)
    await serve.kill(await serve.pid_of("api"))
    await serve.ready(within_s=HEALED_S)
    await nothing_was_lost(serve, book, message, topic)


@pytest.mark.nightly
async def test_the_loops_are_killed(serve: Serve, book: Book):
    """Sending needs no loops; the next message is planned by their successor."""
    message, topic = await a_third_is_out(serve, book)
    await serve.kill(await serve.pid_of("loops"))
    await nothing_was_lost(serve, book, message, topic)
    await serve.ready(within_s=HEALED_S)


@pytest.mark.nightly
async def test_all_workers_are_killed(serve: Serve, book: Book):
    """F2: their successors go on without an operator."""
    message, topic = await a_third_is_out(serve, book)
    dead = await serve.pids_of("worker")
    await asyncio.gather(*map(serve.kill, dead))
    await nothing_was_lost(serve, book, message, topic)
    await serve.ready(within_s=HEALED_S)


@pytest.mark.nightly
async def test_workers_are_killed_again_and_again(serve: Serve, book: Book):
    """F3, scaled: a SIGKILL every two seconds; it always goes on, and the copies stay within their bound."""
    message, topic = await a_third_is_out(serve, book)
    kills, before = 0, book.accepted(topic)
    while kills < 6 and (await serve.shop.message(message))["state"] != "done":
        await serve.kill(await serve.pid_of("worker"))
        kills += 1
        await asyncio.sleep(2.0)
        assert book.accepted(topic) >= before
        before = book.accepted(topic)
    assert kills >= 2
    await nothing_was_lost(serve, book, message, topic)
    await serve.ready(within_s=HEALED_S)


async def test_postgres_is_killed(serve: Serve, book: Book):
    """F6: workers keep what they know and write it when the database is back, so that nobody is told twice.

    Meanwhile the gateway says that it is not ready.
    """
    message, topic = await a_third_is_out(serve, book)
    watching = asyncio.create_task(until("readiness is refused", inverted(serve.is_ready), within_s=10, every_s=0.01))
    await serve.kill(serve.postmaster)
    await watching
    extras = await nothing_was_lost(serve, book, message, topic)
    assert extras == 0, "a living worker forgot what it had sent"
    await serve.ready(within_s=HEALED_S)


@pytest.mark.nightly
async def test_postgres_panics(serve: Serve, book: Book):
    """F14: one process of Postgres aborts, as after an error of fsync; the postmaster ends all others and recovers."""
    message, topic = await a_third_is_out(serve, book)
    before = serve.postmaster
    (row,) = await serve.fetch("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
    send_signal(row["pid"], signal.SIGABRT)
    await gone(row["pid"], within_s=10)
    assert await nothing_was_lost(serve, book, message, topic) == 0
    assert serve.postmaster == before, "Postgres was to recover by itself"
    await serve.ready(within_s=HEALED_S)


@pytest.mark.nightly
async def test_postgres_restarts(serve: Serve, book: Book):
    """F7: a fast shutdown of Postgres by its operator is no more than a pause."""
    message, topic = await a_third_is_out(serve, book)
    before = serve.postmaster
    send_signal(before, signal.SIGINT)
    await gone(before, within_s=30)
    await nothing_was_lost(serve, book, message, topic)
    assert serve.postmaster != before
    await serve.ready(within_s=HEALED_S)


@pytest.mark.nightly
async def test_the_supervisor_is_killed(serve: Serve, book: Book):
    """Started again on the same data it takes over the database; the old processes finish their groups and end."""
    message, topic = await a_third_is_out(serve, book)
    orphans = [pid for _, pid in await serve.pids()]
    postgres = serve.postmaster
    await serve.kill_supervisor()
    await serve.start()
    assert serve.postmaster == postgres, "the running Postgres was not taken over"
    for pid in orphans:
        await gone(pid, within_s=HEALED_S)
    await nothing_was_lost(serve, book, message, topic)


async def test_a_stop_and_a_start_send_nothing_twice(serve: Serve, book: Book):
    """F4: SIGTERM in the middle of a send ends it in order, with exit code 0; after the next start it goes on."""
    message, topic = await a_third_is_out(serve, book)
    assert await serve.stop() == 0
    at_rest = book.accepted(topic)
    assert at_rest < DEVICES, "the send was over before the stop"
    await serve.start()
    await nothing_was_lost(serve, book, message, topic)


def inverted(ask: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[bool]]:
    """The opposite answer."""

    async def answer() -> bool:
        return not await ask()

    return answer
