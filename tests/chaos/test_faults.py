"""Faults that are no single death: a worker that sleeps through its lease, orders without answers, slow services."""

import asyncio
import signal

import aiohttp
import pytest

from tests.chaos.books import Book, topic_of_message
from tests.chaos.customer import Customer
from tests.chaos.gateway_process import LEASE_S, Serve
from tests.chaos.processes import SandboxProcess, send_signal, until
from tests.chaos.test_kill import HEALED_S, a_third_is_out, nothing_was_lost

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]


async def test_a_worker_sleeps_through_its_lease(serve: Serve, book: Book):
    """F5: the others take its chunks over, and what it writes when it wakes is refused: the figures stay exact."""
    message, topic = await a_third_is_out(serve, book)
    sleeper = await serve.pid_of("worker")
    send_signal(sleeper, signal.SIGSTOP)
    serve.note_loss(sleeper, for_s=LEASE_S + 3)
    try:
        await asyncio.sleep(LEASE_S + 3)
    finally:
        send_signal(sleeper, signal.SIGCONT)

    async def was_refused() -> bool:
        return await serve.metric("steeple_leases_lost_total") > 0

    await until("what the sleeper wrote was refused", was_refused, within_s=20, every_s=0.2)
    await nothing_was_lost(serve, book, message, topic)
    assert sleeper in await serve.pids_of("worker"), "it woke up and went on"


async def test_what_got_a_202_is_sent_once_per_key(serve: Serve, book: Book, session: aiohttp.ClientSession):
    """Orders come while the API, a worker and Postgres die: each 202 is kept, each key is one message."""
    customer = Customer(serve, session, name="orders")
    ordering = asyncio.create_task(customer.run(every_s=0.05))
    for victim in ("api", "worker", "postgres", "api"):
        await asyncio.sleep(1.5)
        await serve.kill(serve.postmaster if victim == "postgres" else await serve.pid_of(victim))
    await asyncio.sleep(2.0)
    customer.stop()
    await ordering
    await serve.ready(within_s=HEALED_S)
    assert customer.repeats > 0, "the faults were not felt: nothing was proved"
    assert len(set(customer.promised.values())) == len(customer.promised)
    await every_promise_is_kept(serve, book, customer)


async def every_promise_is_kept(serve: Serve, book: Book, customer: Customer) -> None:
    """Each message of the customer's list is done and reached its one device, and there is no message besides."""
    for message in customer.promised.values():
        said = await serve.shop.done(message, within_s=60)
        assert said["counts"]["sent"] == said["counts"]["audience"] == 1, said
        assert book.copies(await topic_of_message(serve, message)).reached == 1
    titles = await serve.fetch(
        "SELECT content->>'title' AS title, count(*) AS n FROM messages"
        " WHERE content->>'title' LIKE 'Order %' GROUP BY 1"
    )
    assert {row["n"] for row in titles} == {1}, "a key made two messages"
    assert len(titles) == len(customer.promised)


async def test_fifty_clients_use_one_key(serve: Serve, session: aiohttp.ClientSession):
    """F43: one message; every other call gets the same answer, or is told to ask again."""
    body = {"audience": {"users": ["u1"]}, "title": "Fifty at once"}
    headers = {**serve.shop.headers, "Idempotency-Key": "fifty"}

    async def order() -> tuple[int, str | None]:
        async with session.post(f"{serve.url}/v1/messages", json=body, headers=headers) as answer:
            said = await answer.json()
            assert answer.status == 202 or int(answer.headers["Retry-After"]) >= 0
            return answer.status, said.get("id")

    answers = await asyncio.gather(*(order() for _ in range(50)))
    assert {status for status, _ in answers} <= {202, 409}
    assert len({number for status, number in answers if status == 202}) == 1
    made = await serve.fetch("SELECT count(*) AS n FROM messages WHERE content->>'title' = 'Fifty at once'")
    assert made[0]["n"] == 1


@pytest.mark.nightly
async def test_a_stop_waits_for_slow_services_without_a_second_copy(
    serve: Serve, book: Book, sandbox: SandboxProcess, session: aiohttp.ClientSession
):
    """A stop while push services take seconds to answer is as clean as any other: no copies, exit code 0."""
    await sandbox.order_faults(session, {"kind": "delay", "latency_ms": 3000, "jitter_ms": 1000})
    try:
        message = await serve.shop.send()
        topic = await topic_of_message(serve, message)

        async def has_begun() -> bool:
            return book.accepted(topic) > 100

        await until("the slow send has begun", has_begun, within_s=30)
        assert await serve.stop() == 0
    finally:
        await sandbox.order_faults(session)
    await serve.start()

    async def is_done() -> bool:
        # Whoever was put off while the services were slow waits for minutes; here they need not.
        await serve.lanes_forgotten()
        return (await serve.shop.message(message))["state"] == "done"

    await until("it is done", is_done, within_s=60, every_s=1.0)
    assert await nothing_was_lost(serve, book, message, topic) == 0
