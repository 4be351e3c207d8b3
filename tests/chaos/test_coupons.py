"""kill -9 in the middle of a campaign with coupons: no code twice, no person with two codes.

Judged by what devices decrypt, not by what the gateway thinks that it gave.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from gateway.model.ids import from_text
from tests.chaos.books import Book, judge, topic_of_message
from tests.chaos.gateway_process import Serve
from tests.chaos.processes import SandboxProcess, sandbox_process, until

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

_PEOPLE = 3_000
_DEVICES = 2 * _PEOPLE
_DONE_S = 120.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def opened(folder: Path) -> AsyncIterator[SandboxProcess]:
    """Push services whose devices read what they get."""
    async with sandbox_process(folder, "opened", decrypts=True) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def till(folder: Path, opened: SandboxProcess, session: aiohttp.ClientSession) -> AsyncIterator[Serve]:
    """A gateway with people who have two devices each, spread over four buckets."""
    serve = Serve(folder / "coupons", [opened], session)
    try:
        await serve.start()
        await serve.make_app()
        await serve.fetch("UPDATE apps SET spread = 4")
        await serve.stop()
        await serve.start()  # processes keep what they know of apps for a while
        for _ in range(_DEVICES // _PEOPLE):
            await serve.shop.fill(opened, _PEOPLE)
        yield serve
    finally:
        await serve.clean_up()


def _codes_of(ledger: Path, message: str) -> dict[str, set[str]]:
    """Every code that devices were shown of a message, by the device."""
    found: dict[str, set[str]] = {}
    for line in ledger.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry.get("message") == message:
            found.setdefault(entry["subscription"], set()).add(entry["payload"]["notification"]["title"])
    return found


def _pool_of(codes: int) -> str:
    return f"pool-{codes}"


async def _coupon_campaign(till: Serve, book: Book, *, codes: int) -> tuple[str, str]:
    """A message that gives a code to each person, of which a third has left; its id and its topic."""
    pool = _pool_of(codes)
    assert (await till.shop.call("POST", "/v1/coupons", {"pool": pool}))[0] == 201
    made = {"pattern": "WINTER-####-????", "count": codes}
    assert (await till.shop.call("POST", f"/v1/coupons/{pool}/generate", made))[0] == 201
    message = await till.shop.send(title="{{ coupon.code }}", coupon={"pool": pool}, category="transactional")
    topic = await topic_of_message(till, message)

    async def is_a_third() -> bool:
        return book.accepted(topic) >= _DEVICES // 3

    await until("a third of the campaign is out", is_a_third, within_s=_DONE_S, every_s=0.02)
    return message, topic


async def _person_of(till: Serve, devices: dict[str, set[str]]) -> dict[str, str]:
    rows = await till.fetch("SELECT id, person FROM subscriptions")
    people = {row["id"]: row["person"] for row in rows}
    return {device: people[from_text("sub", device) or -1] for device in devices}


async def _judge_codes(till: Serve, opened: SandboxProcess, message: str) -> int:
    """No code with two people, no person with two codes; how many codes devices were shown."""
    shown = _codes_of(opened.ledger, message)
    persons = await _person_of(till, shown)
    of_person: dict[str, set[str]] = {}
    of_code: dict[str, set[str]] = {}
    for device, codes in shown.items():
        of_person.setdefault(persons[device], set()).update(codes)
        for code in codes:
            of_code.setdefault(code, set()).add(persons[device])
    assert [person for person, codes in of_person.items() if len(codes) != 1] == []
    assert [code for code, people in of_code.items() if len(people) != 1] == []
    return len(of_code)


async def test_a_worker_is_killed_while_it_gives_codes(till: Serve, opened: SandboxProcess):
    """Both workers die, one after the other; everybody is reached, each person with one code on both devices."""
    book = Book(opened.ledger)
    codes = _PEOPLE + 4_500  # those that dead workers took come back a minute later
    message, topic = await _coupon_campaign(till, book, codes=codes)
    for _ in range(2):
        await till.kill(await till.pid_of("worker"))
    said = await till.shop.done(message, within_s=_DONE_S)
    assert said["counts"]["sent"] == _DEVICES, said
    assert await _judge_codes(till, opened, message) == _PEOPLE
    await judge(till, [book], [said], promised=[message])
    assert book.copies(topic).reached == _DEVICES
    await till.ready()
    (row,) = await till.fetch(
        """
        SELECT count(*) AS given FROM coupon_codes c JOIN coupon_pools p ON p.app_id = c.app_id AND p.id = c.pool_id
         WHERE c.state = 2 AND p.slug = $1
        """,
        _pool_of(codes),
    )
    assert row["given"] == _PEOPLE


async def test_postgres_is_killed_while_codes_are_given(till: Serve, opened: SandboxProcess):
    """What was committed holds, what was not is done again; a pool that is a little short gives out all it has."""
    book = Book(opened.ledger)
    short = _PEOPLE - 200
    message, _ = await _coupon_campaign(till, book, codes=short)
    await till.kill(till.postmaster)
    said = await till.shop.done(message, within_s=_DONE_S)
    given = await _judge_codes(till, opened, message)
    assert given <= short
    assert said["counts"]["sent"] + said["counts"]["skipped"] == _DEVICES, said
    assert said["skipped_by"].get("coupon", 0) >= 2 * (_PEOPLE - short)
    await till.ready()
