"""Exactly one code for each person of a message: with several devices, several workers, and workers that die."""

import asyncio
from collections.abc import Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.coupons import pools, upkeep
from gateway.delivery.coupons import CodeGiver
from gateway.delivery.rules.coupon import Coupons
from gateway.model.coupon import CodeState, CouponTerm, TakenCode
from gateway.model.delivery import Code
from gateway.model.ids import bucket_of_id, bucket_of_text, new_message_id
from gateway.model.limits import COUPON_LEASE_S
from gateway.model.work import ChunkKey
from gateway.store import coupon_codes, coupon_given, erasures, outcomes, partitions
from tests.coupons.conftest import Till
from tests.delivery.world import KeysOf

_LATE = "UPDATE coupon_codes SET taken_until = now() - interval '1 second' WHERE state = 1"


def _people(n: int, *, first_device: int = 0) -> dict[str, Sequence[int]]:
    return {f"u:person-{place}": [first_device + place] for place in range(n)}


async def test_everybody_gets_a_code_of_their_own(till: Till):
    """As many different codes as people, and the rest stays in the pool."""
    await till.generate(120)
    given = await till.give(_people(100))
    assert len(given) == 100
    assert len({one.code for one in given.values()}) == 100
    assert await till.states() == {CodeState.FREE: 20, CodeState.GIVEN: 100}


async def test_asking_again_changes_nothing(till: Till):
    """A group that is sent again after a crash shows the same codes."""
    await till.generate(40)
    first = await till.give(_people(20))
    again = await till.give(_people(20), giver=CodeGiver(till.db))
    assert again == first
    assert await till.states() == {CodeState.FREE: 20, CodeState.GIVEN: 20}


async def test_another_message_gives_another_code(till: Till):
    """One code for each campaign and person."""
    await till.generate(4)
    first = await till.give(_people(2))
    second = await till.give(_people(2), message=new_message_id(till.app.home))
    codes = [one.code for one in [*first.values(), *second.values()]]
    assert len(set(codes)) == 4


async def test_two_devices_of_a_person_show_the_same_code(till: Till):
    """Whether they are in one group or in two."""
    await till.generate(10)
    first = await till.give({"u:ada": [1, 2]})
    second = await till.give({"u:ada": [3]})
    assert first == second
    rows = await coupon_given.of_owners(
        till.db, app_id=till.app.id, buckets=till.app.buckets, message_id=till.message, owners=["u:ada"]
    )
    assert set(rows["u:ada"].devices) == {1, 2, 3}
    assert await till.states() == {CodeState.FREE: 9, CodeState.GIVEN: 1}


async def test_many_workers_with_the_same_people_give_each_one_code(till: Till):
    """Eight groups at once, every person in all of them, hardly more codes than people."""
    await till.generate(120)
    answers = await asyncio.gather(*(till.give(_people(60, first_device=100 * worker)) for worker in range(8)))
    by_person = {owner: {answer[owner].code for answer in answers if owner in answer} for owner in _people(60)}
    assert all(len(codes) == 1 for codes in by_person.values()), by_person
    assert len(set().union(*by_person.values())) == 60
    assert await till.states() == {CodeState.FREE: 60, CodeState.GIVEN: 60}


async def test_who_comes_when_none_is_left_gets_none(till: Till):
    """And whoever has one keeps it."""
    await till.generate(5)
    given = await till.give(_people(8))
    assert len(given) == 5
    assert (await till.give(_people(8))).keys() == given.keys()


async def test_a_closed_pool_gives_nothing_new(till: Till):
    """A pool that expired in the middle of a campaign: who has a code is shown it again, nobody gets another."""
    await till.generate(5)
    given = await till.give(_people(2))
    assert await till.give(_people(4), may_take=False) == given


async def test_codes_that_have_expired_are_not_given(till: Till):
    """A code's own time counts."""
    await till.load(["OLD,2026-01-01T00:00:00Z", "NEW,2099-01-01T00:00:00Z"])
    given = await till.give(_people(2))
    assert [one.code for one in given.values()] == ["NEW"]


async def test_a_code_taken_by_a_worker_that_died_comes_back(till: Till):
    """It was taken, and entered with nobody, when the process was killed."""
    await till.generate(1)
    await _take(till, "u:ada")
    assert await till.give({"u:bob": [2]}) == {}
    assert await upkeep.reap(till.db) == 0, "not before its lease is over"
    await till.db.execute(_LATE)
    assert await upkeep.reap(till.db) == 1
    assert await till.states() == {CodeState.FREE: 1}
    assert (await till.give({"u:bob": [2]})).keys() == {"u:bob"}


async def test_a_code_entered_by_a_worker_that_died_stays(till: Till):
    """It was entered with the person, but not confirmed: it is theirs, and nobody else's."""
    await till.generate(2)
    taken = await _take(till, "u:ada")
    await _enter(till, taken)
    await till.db.execute(_LATE)
    await upkeep.reap(till.db)
    assert await till.states() == {CodeState.FREE: 1, CodeState.GIVEN: 1}
    assert (await till.give({"u:ada": [1]}))["u:ada"].code == taken.code


async def test_a_worker_that_slept_through_its_lease_takes_nobodys_code(till: Till):
    """It took a code, slept, the code went to somebody else, and it enters it all the same: its person gets another."""
    await till.generate(2)
    taken = await _take(till, "u:ada")
    await till.db.execute(_LATE)
    await upkeep.reap(till.db)
    others = await till.give({"u:bob": [2], "u:eve": [3]})
    assert taken.code in {one.code for one in others.values()}
    await _enter(till, taken)
    assert await till.give({"u:ada": [1]}) == {}, "both codes are somebody else's"
    await till.generate(1)
    mine = await till.give({"u:ada": [1]})
    assert mine["u:ada"].code not in {one.code for one in others.values()}


async def _take(till: Till, owner: str) -> TakenCode:
    for bucket in till.app.buckets:
        taken = await coupon_codes.take(
            till.db, app_id=till.app.id, bucket=bucket, pool_id=till.pool.id, after="", message_id=till.message,
            owners=[(owner, _bucket(till, owner))], lease_s=COUPON_LEASE_S,
        )  # fmt: skip
        if taken:
            return taken[0]
    raise AssertionError("the pool is empty")


async def _enter(till: Till, taken: TakenCode) -> None:
    await coupon_given.insert(
        till.db, app_id=till.app.id, message_id=till.message, pool_id=till.pool.id,
        rows=[(_bucket(till, taken.owner), taken, 1)],
    )  # fmt: skip


def _bucket(till: Till, owner: str) -> int:
    return bucket_of_text(owner.encode(), home=till.app.home, spread=till.app.spread)


async def test_a_person_who_is_forgotten_is_named_nowhere(till: Till):
    """Their code stays given; neither its row nor what leads to it says to whom."""
    await till.generate(2)
    await till.give({"u:ada": [1], "u:bob": [2]})
    await erasures.forget_step(till.db, till.app, ["ada"], [1], owners=["u:ada"], limit=100)
    names = await till.db.fetch("SELECT owner FROM coupon_codes UNION ALL SELECT owner FROM coupon_given")
    said = [row["owner"] for row in names]
    assert sum("ada" in owner for owner in said) == 0, said
    assert said.count("u:bob") == 2
    assert await till.states() == {CodeState.GIVEN: 2}


# --- after the message ------------------------------------------------------------------------------------------------


async def _ended(till: Till, codes_of: dict[int, Code]) -> None:
    """The message is over, and this became of its devices."""
    await partitions.ensure(till.db, today=date(2026, 12, 1))
    await till.db.execute(
        "INSERT INTO messages (app_id, bucket, id, kind, state, content, audience, expires_at, planned_at, finished_at,"
        " tally) VALUES ($1, $2, $3, 1, 4, '{}', '{}', now(), '2026-12-01T09:00:00Z', now() - interval '1 hour', '{}')",
        till.app.id, till.app.home, till.message,
    )  # fmt: skip
    for device, code in codes_of.items():
        bucket = bucket_of_id(device, home=till.app.home, spread=till.app.spread)
        key = ChunkKey(till.app.id, bucket, till.message, 0, device, 0)
        await outcomes.insert_outcomes(till.db, [(key, date(2026, 12, 1), 0, [device], bytes([code]))])


@pytest.mark.parametrize(
    "code",
    [Code.FAILED_REJECTED, Code.GONE, Code.EXPIRED, Code.CANCELLED, Code.SKIPPED_LEFT],
    ids=lambda code: code.name,
)
async def test_a_code_whose_send_failed_for_good_comes_back(till: Till, code: Code):
    """Failed, gone, expired, cancelled: the next message can give it."""
    await till.generate(3)
    given = await till.give(_people(3))
    await _ended(till, {0: Code.SENT, 1: code})
    assert await upkeep.settle_ended(till.db, till.app_of) == 1
    assert await till.states() == {CodeState.FREE: 2, CodeState.GIVEN: 1}
    report = await pools.report(till.db, till.app, "winter")
    assert (report.left, report.given, report.messages[0].sent) == (2, 1, 1)
    left = await till.db.fetchval("SELECT code FROM coupon_codes WHERE state = 2")
    assert left == given["u:person-0"].code
    assert await upkeep.settle_ended(till.db, till.app_of) == 0, "once"


async def test_a_code_that_reached_one_device_of_a_person_stays(till: Till):
    """The other device being gone changes nothing."""
    await till.generate(1)
    await till.give({"u:ada": [1 << 61, 7]})
    await _ended(till, {1 << 61: Code.GONE, 7: Code.SENT})
    await upkeep.settle_ended(till.db, till.app_of)
    assert await till.states() == {CodeState.GIVEN: 1}


async def test_a_code_that_was_redeemed_never_comes_back(till: Till):
    """Whatever the push service said of its message."""
    await till.generate(1)
    given = await till.give({"u:ada": [1]})
    await till.db.execute("UPDATE coupon_codes SET state = 4, redeemed_at = now()")
    await _ended(till, {1: Code.FAILED_ATTEMPTS})
    await upkeep.settle_ended(till.db, till.app_of)
    assert await till.states() == {CodeState.REDEEMED: 1}
    assert given


async def test_a_walk_that_ends_in_the_middle_goes_on(till: Till, monkeypatch: pytest.MonkeyPatch):
    """Page after page, each remembered; in the end nothing is forgotten or done twice."""
    monkeypatch.setattr(upkeep, "COUPON_WALK_ROWS", 3)
    monkeypatch.setattr(upkeep, "COUPON_WALK_PAGES_MAX", 1)
    await till.generate(20)
    await till.give(_people(20))
    await _ended(till, dict.fromkeys(range(0, 20, 2), Code.SENT))
    rounds = 0
    while await upkeep.settle_ended(till.db, till.app_of):
        rounds += 1
        assert rounds < 30
    assert rounds > 3
    assert await till.states() == {CodeState.FREE: 10, CodeState.GIVEN: 10}


async def test_codes_of_the_dead_are_waited_for(till: Till):
    """A worker died with codes in its hand: the pool is empty until their lease ends; nobody is skipped for that."""
    await till.generate(3)
    coupons = Coupons(till.db, KeysOf(till.app))
    chunk: Any = SimpleNamespace(key=SimpleNamespace(app_id=till.app.id))
    term = CouponTerm(pool=till.pool.slug)
    assert not await coupons.may_come_back(term, chunk)
    await till.db.execute("UPDATE coupon_codes SET state = 1, taken_until = now() + interval '1 minute'")
    assert await coupons.may_come_back(term, chunk)
