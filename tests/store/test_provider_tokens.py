"""Shared access tokens as they lie in the store: one owner at a time, on the database's time."""

import pytest

from gateway.store import provider_tokens
from gateway.store.database import Database

NAME, OTHER = b"n" * 32, b"o" * 32
ANN, BOB = 1, 2


async def lease(db: Database, *, owner: int = ANN, made_no: int = 0, lease_s: float = 60) -> int | None:
    return await provider_tokens.lease(db, NAME, owner=owner, made_no=made_no, lease_s=lease_s)


async def publish(db: Database, *, owner: int = ANN, made_no: int = 0, age_s: float = 5, left_s: float = 3595):
    return await provider_tokens.publish(
        db, NAME, owner=owner, made_no=made_no, sealed=b"sealed", age_s=age_s, left_s=left_s
    )


async def test_one_owner_at_a_time(database: Database):
    """Two processes that find a token due in the same moment make one."""
    assert await lease(database, owner=ANN) == 0
    assert await lease(database, owner=BOB) is None


async def test_a_lease_that_ran_out_passes_on(database: Database):
    """An owner that died keeps nobody from a token."""
    await lease(database, owner=ANN, lease_s=-1)

    assert await lease(database, owner=BOB) == 0
    assert await publish(database, owner=ANN) is None
    assert await publish(database, owner=BOB) is not None


async def test_who_saw_an_older_token_is_told_to_look_again(database: Database):
    """A process that decided on what it read before the last renewal does not renew once more."""
    await lease(database)
    await publish(database)

    assert await lease(database, made_no=0) is None
    assert await lease(database, made_no=1) == 0


async def test_a_published_token_has_the_databases_times(database: Database):
    """Ages are what the database counts, whatever clock the maker has."""
    await lease(database)
    times = await publish(database)
    seen = await provider_tokens.read(database, NAME)

    assert times is not None
    assert seen is not None
    assert times[1] - times[0] == pytest.approx(3600, abs=0.01)
    assert (seen.sealed, seen.made_no, seen.made_at_s, seen.expires_at_s) == (b"sealed", 1, *times)
    assert 5 <= seen.age_s < 8
    assert 3592 < seen.left_s <= 3595
    assert seen.leased_s <= 0
    assert seen.paused_s <= 0


async def test_a_failure_is_a_pause_for_everybody(database: Database):
    """A token endpoint that is down is not asked by each process in turn."""
    await lease(database)
    assert await provider_tokens.fail(database, NAME, owner=ANN, made_no=0, pause_s=60)

    assert await lease(database, owner=BOB) is None
    seen = await provider_tokens.read(database, NAME)
    assert seen is not None
    assert 57 < seen.paused_s <= 60
    assert seen.sealed is None


async def test_failures_in_a_row_are_counted_until_a_token_is_made(database: Database):
    """Pauses can grow with them, and begin anew afterwards."""
    for failures in range(3):
        assert await lease(database) == failures
        await provider_tokens.fail(database, NAME, owner=ANN, made_no=0, pause_s=-1)
    assert await lease(database) == 3
    await publish(database)

    assert await lease(database, made_no=1) == 0


async def test_who_lost_the_lease_reports_no_failure(database: Database):
    """A process that comes back late does not pause the others."""
    await lease(database, owner=ANN, lease_s=-1)
    await lease(database, owner=BOB)

    assert not await provider_tokens.fail(database, NAME, owner=ANN, made_no=0, pause_s=60)


async def test_names_do_not_meet(database: Database):
    """Another account's token is another row."""
    await lease(database)
    await publish(database)

    assert await provider_tokens.read(database, OTHER) is None
    assert await provider_tokens.lease(database, OTHER, owner=BOB, made_no=0, lease_s=60) == 0


async def test_what_ended_an_hour_ago_is_forgotten(database: Database):
    """Accounts that are used no more leave nothing behind; one that is being renewed stays."""
    await lease(database, lease_s=-4000)
    await publish(database, left_s=-3700)
    assert await provider_tokens.prune(database) == 1

    await lease(database)
    await publish(database, left_s=-3500)
    assert await provider_tokens.prune(database) == 0

    await database.execute("UPDATE provider_tokens SET expires_at = now() - interval '1 day'")
    await lease(database, made_no=1)
    assert await provider_tokens.prune(database) == 0
