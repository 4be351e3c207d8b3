"""Access tokens that processes share: two of these objects on one database are two processes of a gateway."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.model.errors import StoreUnavailable
from gateway.model.limits import TOKEN_LOOK_AGAIN_S
from gateway.store.database import Database
from gateway.tenancy.provider_tokens import SharedTokens
from gateway.transports.base import Token
from gateway.wire.exchange import WireFailure
from gateway.wire.vault import Vault, generate_master_key

NAME = "provider/account"
HOUR_S = 3600.0


class Maker:
    """Makes numbered tokens; can be slow, and can fail."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.tries = 0
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.began = asyncio.Event()
        self.wall_clock_off_s = 0.0

    async def __call__(self) -> Token:
        self.tries += 1
        self.began.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.made.append(f"secret-{len(self.made) + 1}")
        now_s = time.time() + self.wall_clock_off_s
        return Token(text=self.made[-1], made_at_s=now_s, expires_at_s=now_s + HOUR_S)


class Flaky:
    """The database, which can be away; counts what it is asked."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.is_away = False
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailable
        return getattr(self._db, name)


class Process:
    """One process: its tokens, its clock, its way to the database."""

    def __init__(self, database: Database, vault: Vault, maker: Maker, *, lease_s: float = 15.0) -> None:
        self.now_s = 1000.0
        self.db = Flaky(database)
        queryable: Any = self.db
        self.tokens = SharedTokens(queryable, vault, clock=lambda: self.now_s, lease_s=lease_s)
        self.maker = maker

    async def text(self, *, refused: str | None = None, age_s_min: float = 0.0, name: str = NAME) -> str:
        token = await self.tokens.get(name, self.maker, renew_after_s=3300, refused=refused, age_s_min=age_s_min)
        return token.text


@pytest.fixture
def maker() -> Maker:
    return Maker()


@pytest.fixture
async def processes(database: Database, vault: Vault, maker: Maker) -> AsyncIterator[tuple[Process, Process]]:
    pair = (Process(database, vault, maker), Process(database, vault, maker))
    yield pair
    for one in pair:
        await one.tokens.aclose()


async def pass_s(database: Database, seconds: float, *those: Process) -> None:
    """Time goes by: at the database, and for these processes."""
    await database.execute(
        "UPDATE provider_tokens SET made_at = made_at - $1 * interval '1 second',"
        " expires_at = expires_at - $1 * interval '1 second', leased_until = leased_until - $1 * interval '1 second',"
        " paused_until = paused_until - $1 * interval '1 second'",
        seconds,
    )
    for one in those:
        one.now_s += seconds


async def settled(one: Process) -> None:
    """What was begun ahead of need has come to its end."""
    await asyncio.gather(*one.tokens._running.values(), return_exceptions=True)


async def test_one_process_makes_and_all_send_the_same(processes: tuple[Process, Process], maker: Maker):
    """However many pushes of however many processes ask at once, the provider sees one request and one token."""
    ann, bob = processes

    texts = await asyncio.gather(*(one.text() for one in (ann, bob) for _ in range(50)))

    assert set(texts) == {"secret-1"}
    assert maker.tries == 1


async def test_a_token_at_hand_costs_nothing(processes: tuple[Process, Process]):
    """Each push asks: there must be no question to the database in it, and no task."""
    ann, _ = processes
    await ann.text()
    asked = ann.db.asked

    for _ in range(100):
        ask = ann.text()
        with pytest.raises(StopIteration) as ended:
            ask.send(None)
        assert ended.value.value == "secret-1"

    assert ann.db.asked == asked


async def test_renewal_is_ahead_and_nobody_waits_for_it(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """Pushes go on with the old token while one process fetches the next; then both have it."""
    ann, bob = processes
    await ann.text()
    await bob.text()
    await pass_s(database, 3301, ann, bob)
    maker.gate.clear()

    assert await ann.text() == "secret-1"
    await maker.began.wait()
    assert await bob.text() == "secret-1"
    await settled(bob)
    assert await bob.text() == "secret-1"
    maker.gate.set()
    await settled(ann)

    assert await ann.text() == "secret-2"
    bob.now_s += TOKEN_LOOK_AGAIN_S
    await bob.text()
    await settled(bob)
    assert await bob.text() == "secret-2"
    assert maker.tries == 2


async def test_a_token_near_its_end_is_renewed_whatever_its_user_says(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """A provider that hands out shorter lives than usual does not see one end in mid-air."""
    ann, _ = processes
    await ann.tokens.get(NAME, maker, renew_after_s=99_999)
    await pass_s(database, 3241, ann)

    await ann.tokens.get(NAME, maker, renew_after_s=99_999)
    await settled(ann)

    assert maker.tries == 2


async def test_an_owner_that_dies_leaves_its_task_to_the_next(database: Database, vault: Vault, maker: Maker):
    """A process is killed while it fetches the token: another one does it once the lease has run out."""
    ann, bob = (Process(database, vault, maker, lease_s=0.3) for _ in range(2))
    maker.gate.clear()
    asked = asyncio.create_task(ann.text())
    await maker.began.wait()
    waiting = asyncio.create_task(bob.text())
    await ann.tokens.aclose()
    maker.gate.set()

    assert await waiting == "secret-1"
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert maker.tries == 2


async def test_an_owner_that_comes_back_too_late_takes_what_the_others_have(
    database: Database, vault: Vault, maker: Maker
):
    """A process stood still beyond its lease: its token is not shared, it takes the one that is."""
    slow = Maker()
    slow.gate.clear()
    ann, bob = Process(database, vault, slow, lease_s=0.2), Process(database, vault, maker)
    waiting = asyncio.create_task(ann.text())
    await slow.began.wait()

    assert await bob.text() == "secret-1"
    slow.made.append("taken")
    slow.gate.set()

    assert await waiting == "secret-1"
    assert slow.made == ["taken", "secret-2"]


async def test_a_refused_token_is_renewed_once(processes: tuple[Process, Process], maker: Maker):
    """A whole lane hears 401 in the same second, in two processes: one request for a new token."""
    ann, bob = processes
    await ann.text()
    await bob.text()

    texts = await asyncio.gather(*(one.text(refused="secret-1") for one in (ann, bob) for _ in range(50)))

    assert set(texts) == {"secret-2"}
    assert maker.tries == 2
    assert await ann.text() == await bob.text() == "secret-2"


async def test_what_is_refused_but_no_longer_shared_is_no_reason_to_renew(
    processes: tuple[Process, Process], maker: Maker
):
    """A process that slept through a renewal takes the new token that is there."""
    ann, bob = processes
    await ann.text()
    await bob.text()
    await ann.text(refused="secret-1")

    assert await bob.text(refused="secret-1") == "secret-2"
    assert await ann.text(refused="secret-0") == "secret-2"
    assert maker.tries == 2


async def test_a_young_token_is_not_renewed_however_often_it_is_refused(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """Providers that count renewals are not asked too often: the same text comes back."""
    ann, bob = processes
    await ann.text()

    assert await ann.text(refused="secret-1", age_s_min=1200) == "secret-1"
    await pass_s(database, 1201, ann, bob)
    assert await bob.text(refused="secret-1", age_s_min=1200) == "secret-2"
    assert maker.tries == 2


async def test_a_refusal_during_a_renewal_waits_for_it(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """The renewal ahead has begun when the old token is refused: no second one is begun."""
    ann, _ = processes
    await ann.text()
    await pass_s(database, 3301, ann)
    maker.gate.clear()
    await ann.text()
    await maker.began.wait()

    waiting = asyncio.create_task(ann.text(refused="secret-1"))
    await asyncio.sleep(0)
    maker.gate.set()

    assert await waiting == "secret-2"
    assert maker.tries == 2


async def test_the_old_token_serves_while_the_next_cannot_be_had(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """The token endpoint is down for half an hour before anybody notices; the log says so without the token."""
    ann, _ = processes
    await ann.text()
    await pass_s(database, 3301, ann)
    maker.fault = WireFailure("timeout", "accounts.example: no answer")

    with capture_logs() as logs:
        assert await ann.text() == "secret-1"
        await settled(ann)
        assert await ann.text() == "secret-1"

    assert [line["event"] for line in logs] == ["token_renewal_failed"]
    assert "secret" not in str(logs)


async def test_without_a_token_the_failure_is_said(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """Once the old one has ended, everybody hears why there is none, and the endpoint is asked once."""
    ann, _ = processes
    await ann.text()
    await pass_s(database, 3601, ann)
    maker.fault = ValueError("clock wrong")

    answers = await asyncio.gather(*(ann.text() for _ in range(20)), return_exceptions=True)

    assert {str(answer) for answer in answers} == {"clock wrong"}
    for _ in range(3):
        with pytest.raises(ValueError, match="clock wrong"):
            await ann.text()
    assert maker.tries == 2


async def test_a_refused_token_is_not_gone_on_with(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """The provider does not take the old one and there is no new one: that is a failure, not the old one again."""
    ann, _ = processes
    await ann.text()
    maker.fault = ValueError("account disabled")

    with pytest.raises(ValueError, match="account disabled"):
        await ann.text(refused="secret-1")


async def test_all_processes_keep_the_pause_after_a_failure(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """A token endpoint in trouble is asked by one process after growing pauses, not by each at its own pace."""
    ann, bob = processes
    maker.fault = ValueError("down")
    with pytest.raises(ValueError, match="down"):
        await ann.text()
    with pytest.raises(WireFailure) as paused:
        await bob.text()
    assert paused.value.kind == "unreachable"
    assert maker.tries == 1

    pauses: list[float] = []
    for _ in range(8):
        pauses.append(
            await database.fetchval("SELECT extract(epoch FROM paused_until - now())::float8 FROM provider_tokens")
        )
        await pass_s(database, pauses[-1] + 0.1, ann, bob)
        with pytest.raises(ValueError, match="down"):
            await bob.text()
    assert maker.tries == 9
    assert all(later > earlier for earlier, later in itertools.pairwise(pauses[:6]))
    assert max(pauses) <= 60 * 1.2

    maker.fault = None
    await pass_s(database, 100, ann, bob)
    assert await ann.text() == await bob.text() == "secret-1"


async def test_the_clock_of_the_database_decides(database: Database, vault: Vault, maker: Maker):
    """A machine whose clock is two hours off makes a token that is as old and lives as long as any."""
    ann, bob = Process(database, vault, maker), Process(database, vault, maker)
    maker.wall_clock_off_s = -7200.0
    bob.now_s = 5e9

    token = await ann.tokens.get(NAME, maker, renew_after_s=3300)

    assert abs(token.made_at_s - time.time()) < 5
    assert abs(token.expires_at_s - time.time() - HOUR_S) < 5
    assert await bob.text() == token.text
    assert maker.tries == 1


async def test_a_token_that_has_ended_is_never_given(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """After an idle night the first push waits for a new token."""
    ann, bob = processes
    await ann.text()
    await bob.text()
    await pass_s(database, 3600, ann, bob)

    assert await bob.text() == "secret-2"
    assert await ann.text() == "secret-2"


async def test_a_token_that_has_ended_is_not_gone_on_with_while_the_next_is_made(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """A process without a token of its own finds an ended one in the store, and waits for the one being made."""
    ann, bob = processes
    await ann.text()
    await pass_s(database, 3600, ann, bob)
    maker.gate.clear()
    maker.began.clear()
    making = asyncio.create_task(ann.text())
    await maker.began.wait()
    waiting = asyncio.create_task(bob.text())
    assert not (await asyncio.wait([waiting], timeout=0.3))[0]
    maker.gate.set()

    assert await waiting == await making == "secret-2"


async def test_who_gives_up_waiting_leaves_the_token_to_the_others(processes: tuple[Process, Process], maker: Maker):
    """A push that runs into its deadline does not cost the rest of the lane theirs."""
    ann, _ = processes
    maker.gate.clear()
    first, second = (asyncio.create_task(ann.text()) for _ in range(2))
    await maker.began.wait()
    first.cancel()
    await asyncio.sleep(0)
    maker.gate.set()

    assert await second == "secret-1"
    assert maker.tries == 1


async def test_without_the_database_the_token_at_hand_goes_on(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """A restart of Postgres at the moment of renewal stops no push; one that has no token hears why."""
    ann, bob = processes
    await ann.text()
    await pass_s(database, 3301, ann)
    ann.db.is_away = bob.db.is_away = True

    assert await ann.text() == "secret-1"
    await settled(ann)
    assert await ann.text() == "secret-1"
    with pytest.raises(WireFailure) as away:
        await bob.text()
    assert away.value.kind == "unreachable"
    assert maker.tries == 1


async def test_tokens_lie_sealed_each_for_its_own_name(
    database: Database, processes: tuple[Process, Process], maker: Maker
):
    """Whoever reads the database finds no token; whoever copies a row to another account gets nothing with it."""
    ann, bob = processes
    await ann.text()
    await ann.text(name="provider/another")
    stored = await database.fetch("SELECT name_hash, sealed FROM provider_tokens")
    assert all(b"secret" not in row["sealed"] and b"provider" not in row["name_hash"] for row in stored)

    await database.execute("UPDATE provider_tokens SET sealed = $1", stored[0]["sealed"])
    assert {await bob.text(), await bob.text(name="provider/another")} & {"secret-3"}
    assert maker.tries == 3


async def test_another_master_key_means_another_token(database: Database, vault: Vault, maker: Maker):
    """After the master key was changed nothing has to be sealed anew: the next token is made."""
    await Process(database, vault, maker).text()

    assert await Process(database, Vault(generate_master_key()), maker).text() == "secret-2"


async def test_accounts_that_are_used_no_more_are_forgotten(database: Database, processes: tuple[Process, Process]):
    """Whoever makes a token takes away what ended long ago."""
    ann, _ = processes
    await ann.text(name="provider/old")
    await pass_s(database, 2 * HOUR_S + 1, ann)

    await ann.text()

    assert await database.fetchval("SELECT count(*) FROM provider_tokens") == 1
