"""What the store costs per recipient of a campaign: plan, claim, read, record, with nothing sent in between.

Every function is the product's own; only the transport is missing, and whoever it would have reached counts as sent.
CPU of this process (Python) and of all of Postgres.

python -m benchmarks.micro.pipeline [--rows 200000] [--connections 1]
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks import audience
from benchmarks.peers.steeple_path import CONTENT, OwnTokens
from benchmarks.processes import cpu_s
from benchmarks.quiet import quiet_logs
from benchmarks.serving import Stopped
from benchmarks.sink import Sink
from gateway.config import Settings
from gateway.delivery import settle
from gateway.delivery.feed import Feed
from gateway.delivery.stored import StoredWork
from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.delivery import Code
from gateway.model.ids import bucket_of_id, new_id, new_message_id
from gateway.model.limits import GROUP_RECIPIENTS_MAX, GROUPS_IN_FLIGHT_MAX, LEASE_S
from gateway.model.message import MessageState
from gateway.model.work import Chunk, MessageKind
from gateway.policy.ending import SENT
from gateway.sending.plan import plan_due
from gateway.store import apps, messages, partitions
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate
from gateway.tenancy.apps import create_app
from gateway.tenancy.installation import ensure_installation, open_vault
from gateway.tenancy.keyring import Keyring
from gateway.transports import find
from gateway.transports.base import Wire
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient

_GROUPS_PER_TURN: Final = 4
"""As the engine does."""
_OWNER: Final = 1


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds per recipient; bytes of the outcomes' table per recipient."""

    recipients: int
    connections: int
    plan_s: float
    wall_us: float
    python_us: float
    postgres_us: float
    stored_bytes: float

    @property
    def total_us(self) -> float:
        """Python and Postgres together."""
        return self.python_us + self.postgres_us


class _Bench:
    """One database, one app, one message."""

    def __init__(self, db: Database, keyring: Keyring, app: App, feed: Feed, postgres_pid: int) -> None:
        self._db = db
        self._keyring = keyring
        self._app = app
        self._feed = feed
        self._work = StoredWork(db, keyring, owner=_OWNER, lease_s=LEASE_S)
        self._postgres_pid = postgres_pid
        self._sent = 0

    async def run(self, *, rows: int, connections: int) -> Pipeline:
        """Plans and settles one message to everybody."""
        message_id = await self._order()
        bytes_before = await self._outcome_bytes()
        python_s, postgres_s, wall_s = time.process_time(), cpu_s([self._postgres_pid]), time.perf_counter()
        await plan_due(self._db, self._keyring.app_by_id)
        plan_s = time.perf_counter() - wall_s
        await asyncio.gather(*(self._claim_and_settle() for _ in range(connections)))
        wall_s = time.perf_counter() - wall_s
        python_s, postgres_s = time.process_time() - python_s, cpu_s([self._postgres_pid]) - postgres_s
        if self._sent != rows:
            raise Stopped(f"{self._sent} of {rows} recipients of message {message_id} were settled.")
        return Pipeline(
            recipients=rows,
            connections=connections,
            plan_s=plan_s,
            wall_us=wall_s / rows * 1e6,
            python_us=python_s / rows * 1e6,
            postgres_us=postgres_s / rows * 1e6,
            stored_bytes=(await self._outcome_bytes() - bytes_before) / rows,
        )

    async def _order(self) -> int:
        app = self._app
        message_id = new_message_id(bucket_of_id(new_id(), home=app.home, spread=app.spread))
        order = messages.NewMessage(
            app_id=app.id, id=message_id, kind=MessageKind.CAMPAIGN, state=MessageState.SCHEDULED, content=CONTENT,
            audience=Audience(everybody=True), due_at=None, life_s=86_400,
        )  # fmt: skip
        await messages.insert(self._db, [order], at=datetime.now(UTC) - timedelta(seconds=1))
        return message_id

    async def _claim_and_settle(self) -> None:
        while claimed := await self._work.claim(GROUPS_IN_FLIGHT_MAX):
            for chunk in claimed:
                await self._settle_groups(chunk)

    async def _settle_groups(self, chunk: Chunk) -> None:
        """As the engine does, four groups of a chunk before others have their turn."""
        ready = await self._feed.prepared(chunk.key.app_id, chunk.key.message_id)
        assert ready is not None
        dice = random.Random(1)
        for _ in range(_GROUPS_PER_TURN):
            read_at = datetime.now(UTC)
            group = await self._feed.next_group(chunk, ready, limit=GROUP_RECIPIENTS_MAX)
            self._work.served(chunk, len(group.devices))
            fates = [SENT] * len(group.devices)
            result = settle.result_of(chunk, ready, group, fates, read_at=read_at, dice=dice)
            await self._work.settle(result)
            self._sent += result.codes.count(Code.SENT)
            chunk = settle.advanced(chunk, result)
            if result.is_finished:
                return
        await self._work.release(chunk)

    async def _outcome_bytes(self) -> int:
        return await self._db.fetchval(
            "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits"
            " WHERE inhparent = 'outcomes'::regclass"
        )


async def measure(data_dir: Path, *, app_id: int, rows: int, connections: int) -> Pipeline:
    """One message to everybody of an app that `audience.fill` filled, in a data directory that nobody serves from."""
    async with _opened(data_dir, connections) as (db, keyring, pid):
        app = await apps.get(db, app_id)
        assert app is not None
        return await _measure(db, keyring, app, pid, rows=rows, connections=connections)


async def _measure(
    db: Database, keyring: Keyring, app: App, postgres_pid: int, *, rows: int, connections: int
) -> Pipeline:
    provider = find("webpush")
    policy = EgressPolicy.of(defaults=provider.hosts)
    async with HttpClient(policy, connections_max=1) as http:
        wire = Wire(egress=policy, http=http, clock=time.time, tokens=OwnTokens(), dice=random.SystemRandom())
        feed = Feed(db, keyring, {provider.name: provider(wire)})
        return await _Bench(db, keyring, app, feed, postgres_pid).run(rows=rows, connections=connections)


@asynccontextmanager
async def _opened(data_dir: Path, connections: int) -> AsyncGenerator[tuple[Database, Keyring, int]]:
    server = EmbeddedPostgres(data_dir)
    await server.start()
    try:
        assert server.pid is not None
        await migrate(server.dsn)
        db = await Database.open(
            server.dsn, size_min=connections + 1, size_max=connections + 1, statement_timeout_s=600.0
        )
        try:
            vault = await open_vault(Settings(data_dir=str(data_dir)), db)
            await ensure_installation(db, vault)
            await partitions.ensure(db, today=datetime.now(UTC).date())
            # What else is due in this database has no say in the figures.
            await db.execute("UPDATE messages SET state = 5 WHERE state < 4")
            await db.execute("UPDATE chunks SET state = 2 WHERE state < 2")
            yield db, Keyring(db, vault), server.pid
        finally:
            await db.close()
    finally:
        await server.stop()


async def _alone(folder: Path, rows: int, connections: int) -> Pipeline:
    async with _opened(folder / "data", connections) as (db, keyring, pid):
        vault = await open_vault(Settings(data_dir=str(folder / "data")), db)
        made = await create_app(db, vault, name="bench", origins=[], subject="mailto:push@shop.example")
        await audience.fill(db, made.app, Sink(0, 443, folder), rows=rows)
        return await _measure(db, keyring, made.app, pid, rows=rows, connections=connections)


def main() -> None:
    """Reads the arguments, measures in a Postgres of its own, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=1)
    asked = parser.parse_args()
    quiet_logs()
    with (
        tempfile.TemporaryDirectory(prefix="steeple-bench-") as made,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        folder = Path(made)
        folder.chmod(0o711)
        found = runner.run(_alone(folder, asked.rows, asked.connections))
    print(f"load {os.getloadavg()[0]:.1f}, groups of {GROUP_RECIPIENTS_MAX}, planned in {found.plan_s:.2f} s")
    print(f"us per recipient: Postgres {found.postgres_us:.2f} + Python {found.python_us:.2f} = {found.total_us:.2f}")
    print(f"wall {found.wall_us:.2f} us; {found.stored_bytes:.1f} bytes of outcomes per recipient")


if __name__ == "__main__":
    main()
