"""kill -9 in the middle of a campaign with coupons: no code twice, no person with two codes.

Judged by what devices decrypt, not by what the gateway thinks that it gave.
"""

from typing import Any

import pytest

from gateway.model.limits import COUPON_LEASE_S
from tests.chaos.books import judge, topic_of_message
from tests.chaos.crowd.conftest import DEVICES, PEOPLE, Crowd
from tests.chaos.gateway_process import LEASE_S
from tests.chaos.processes import until

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(240)]

_DONE_S = 120.0


def _codes_of(crowd: Crowd, message: str) -> dict[str, set[str]]:
    """Every code that devices were shown of a message, by the device."""
    found: dict[str, set[str]] = {}
    for entry in crowd.shown(message):
        found.setdefault(entry["subscription"], set()).add(entry["payload"]["notification"]["title"])
    return found


def _pool_of(codes: int) -> str:
    return f"pool-{codes}"


async def _coupon_campaign(crowd: Crowd, *, codes: int) -> tuple[str, str]:
    """A message that gives a code to each person, of which a third has left; its id and its topic."""
    till, pool = crowd.serve, _pool_of(codes)
    assert (await till.shop.call("POST", "/v1/coupons", {"pool": pool}))[0] == 201
    made = {"pattern": "WINTER-####-????", "count": codes}
    assert (await till.shop.call("POST", f"/v1/coupons/{pool}/generate", made))[0] == 201
    message = await till.shop.send(title="{{ coupon.code }}", coupon={"pool": pool}, category="transactional")
    topic = await topic_of_message(till, message)

    async def is_a_third() -> bool:
        return crowd.book.accepted(topic) >= DEVICES // 3

    await until("a third of the campaign is out", is_a_third, within_s=_DONE_S, every_s=0.02)
    return message, topic


async def _done(crowd: Crowd, message: str) -> dict[str, Any]:
    """The message, done. Codes of those who may not need them come back after so long as leases last in these tests."""

    async def is_done() -> dict[str, Any] | None:
        await crowd.serve.fetch(
            """
            UPDATE coupon_codes SET taken_until = now() WHERE (app_id, bucket, pool_id, code) IN
                (SELECT app_id, bucket, pool_id, code FROM coupon_codes
                  WHERE state = 1 AND taken_until < now() + $1 * interval '1 second' FOR UPDATE SKIP LOCKED)
            """,
            float(COUPON_LEASE_S - LEASE_S),
        )
        said = await crowd.serve.shop.message(message)
        return said if said["state"] == "done" and said["exact"] else None

    said = await until(f"{message} is done", is_done, within_s=_DONE_S, every_s=0.5)
    assert said is not None
    return said


async def _judge_codes(crowd: Crowd, message: str) -> int:
    """No code with two people, no person with two codes; how many codes devices were shown."""
    shown = _codes_of(crowd, message)
    persons = await crowd.person_of()
    of_person: dict[str, set[str]] = {}
    of_code: dict[str, set[str]] = {}
    for device, codes in shown.items():
        of_person.setdefault(persons[device], set()).update(codes)
        for code in codes:
            of_code.setdefault(code, set()).add(persons[device])
    assert [person for person, codes in of_person.items() if len(codes) != 1] == []
    assert [code for code, people in of_code.items() if len(people) != 1] == []
    return len(of_code)


async def test_a_worker_is_killed_while_it_gives_codes(crowd: Crowd):
    """Both workers die, one after the other; everybody is reached, each person with one code on both devices."""
    till = crowd.serve
    codes = PEOPLE + 4_500  # those that dead workers took come back later
    message, topic = await _coupon_campaign(crowd, codes=codes)
    for _ in range(2):
        await till.kill(await till.pid_of("worker"))
    said = await till.shop.done(message, within_s=_DONE_S)
    assert said["counts"]["sent"] == DEVICES, said
    assert await _judge_codes(crowd, message) == PEOPLE
    await judge(till, [crowd.book], [said], promised=[message])
    assert crowd.book.copies(topic).reached == DEVICES
    await till.ready()
    (row,) = await till.fetch(
        """
        SELECT count(*) AS given FROM coupon_codes c JOIN coupon_pools p ON p.app_id = c.app_id AND p.id = c.pool_id
         WHERE c.state = 2 AND p.slug = $1
        """,
        _pool_of(codes),
    )
    assert row["given"] == PEOPLE


async def test_postgres_is_killed_while_codes_are_given(crowd: Crowd):
    """What was committed holds, what was not is done again; a pool that is a little short gives out all it has."""
    till = crowd.serve
    short = PEOPLE - 200
    message, _ = await _coupon_campaign(crowd, codes=short)
    await till.kill(till.postmaster)
    await until("the database is back", till.is_ready, within_s=_DONE_S)
    said = await _done(crowd, message)
    given = await _judge_codes(crowd, message)
    assert given == short, "codes were left lying"
    assert said["counts"]["sent"] + said["counts"]["skipped"] == DEVICES, said
    assert said["skipped_by"].get("coupon", 0) >= 2 * (PEOPLE - short)
    await till.ready()
