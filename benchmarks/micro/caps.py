"""What frequency caps cost a recipient: the rule alone, on everybody of an app who got six campaigns in the last day.

python -m benchmarks.micro.caps [--rows 100000] [--campaigns 6]
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.processes import cpu_s
from benchmarks.quiet import quiet_logs
from gateway.delivery.group import Prepared
from gateway.delivery.pressure import Pressure
from gateway.delivery.rules.caps import Caps
from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.delivery import Code, Device
from gateway.model.ids import bucket_of_id
from gateway.model.limits import GROUP_RECIPIENTS_MAX, LEASE_S
from gateway.model.message import Content, Message
from gateway.model.terms import Terms
from gateway.model.work import Chunk, ChunkKey
from gateway.policy.caps import Kind
from gateway.store import outcomes, partitions
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate

_PER_BUCKET: Final = 50_000
_ALLOWED: Final = 100
"""More than anybody got, so that everybody is counted and nobody held."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Microseconds per recipient."""

    recipients: int
    wall_us: float
    python_us: float
    postgres_us: float


class _Keys:
    """The one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def app_by_id(self, _app_id: int) -> App:
        """It."""
        return self._app


def _app(rows: int) -> App:
    spread = 1
    while spread * _PER_BUCKET < rows:
        spread *= 2
    caps = [{"per": "P1D", "max": _ALLOWED, "category": "marketing"}]
    return App(
        id=1, public_id=1, name="bench", home=0, spread=spread, origins=(), link_hosts=(), subject="",
        settings={"caps": caps}, created_at=datetime.now(UTC),
    )  # fmt: skip


def _by_bucket(app: App, rows: int) -> dict[int, list[int]]:
    step = (1 << 62) // rows
    found: dict[int, list[int]] = {}
    for number in range(rows):
        one = number * step + number % 7
        found.setdefault(bucket_of_id(one, home=app.home, spread=app.spread), []).append(one)
    return found


def _groups(ids: Sequence[int], *, shift: int = 0) -> list[Sequence[int]]:
    """Groups as they are settled; `shift`: each campaign's groups begin somewhere else."""
    cuts = [0, *range(shift or GROUP_RECIPIENTS_MAX, len(ids), GROUP_RECIPIENTS_MAX), len(ids)]
    return [ids[start:end] for start, end in itertools.pairwise(cuts) if start < end]


async def _send_campaigns(db: Database, app: App, people: dict[int, list[int]], *, campaigns: int) -> None:
    day = datetime.now(UTC).date()
    for number in range(1, campaigns + 1):
        for bucket, ids in people.items():
            rows = [
                (ChunkKey(app.id, bucket, number << 10, 0, part[0], 0), day, int(Kind.MARKETING), list(part),
                 bytes([Code.SENT]) * len(part))
                for part in _groups(ids, shift=number * 70)
            ]  # fmt: skip
            await outcomes.insert_outcomes(db, rows)


def _ready(app: App) -> Prepared:
    now = datetime.now(UTC)
    message = Message(
        app_id=app.id, id=99 << 10, content=Content(title="x"), audience=Audience(everybody=True), planned_at=now,
        expires_at=now + timedelta(days=1), terms=Terms(category="marketing"),
    )  # fmt: skip
    nobody: Any = None
    return Prepared(message, now.date(), {}, nobody, nobody, 3600, "x")


async def measure(db: Database, postgres_pid: int, *, rows: int, campaigns: int) -> Cost:
    """One more campaign to everybody, as far as its caps go; each outcome is read once."""
    app = _app(rows)
    people = _by_bucket(app, rows)
    await _send_campaigns(db, app, people, campaigns=campaigns)
    keys: Any = _Keys(app)
    pressure = Pressure(db, owner=1, lease_s=LEASE_S)
    rule, ready, now = Caps(db, keys, pressure), _ready(app), datetime.now(UTC)
    groups = [(bucket, part) for bucket, ids in people.items() for part in _groups(ids)]
    devices = [[Device(one, "stub", 1, b"", 0, None, None) for one in part] for _, part in groups]
    python_s, postgres_s, wall_s = time.process_time(), cpu_s([postgres_pid]), time.perf_counter()
    for (bucket, part), group in zip(groups, devices, strict=True):
        key = ChunkKey(app.id, bucket, ready.message.id, 0, part[0], 0)
        chunk = Chunk(
            key=key, hi=part[-1], cursor=part[0] - 1, ids=None, strikes=0, claim_no=1, expected=0, seen=0, tally={}
        )
        decision = await rule.decide(ready, chunk, group, now=now)
        assert not decision.fates, "nobody has had enough"
        for stay in decision.stays:
            stay.left()
    wall_s, python_s = time.perf_counter() - wall_s, time.process_time() - python_s
    postgres_s = cpu_s([postgres_pid]) - postgres_s
    await pressure.aclose()
    return Cost(
        recipients=rows,
        wall_us=wall_s / rows * 1e6,
        python_us=python_s / rows * 1e6,
        postgres_us=postgres_s / rows * 1e6,
    )


async def alone(folder: Path, *, rows: int, campaigns: int) -> Cost:
    """The same on a Postgres of its own."""
    server = EmbeddedPostgres(folder / "data")
    await server.start()
    try:
        assert server.pid is not None
        await migrate(server.dsn)
        db = await Database.open(server.dsn, size_max=2, statement_timeout_s=600.0)
        try:
            await partitions.ensure(db, today=datetime.now(UTC).date())
            return await measure(db, server.pid, rows=rows, campaigns=campaigns)
        finally:
            await db.close()
    finally:
        await server.stop()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--campaigns", type=int, default=6)
    chosen = parser.parse_args()
    quiet_logs()
    with tempfile.TemporaryDirectory(prefix="steeple-bench-") as folder:
        Path(folder).chmod(0o711)
        cost = asyncio.run(alone(Path(folder), rows=chosen.rows, campaigns=chosen.campaigns))
    print(
        f"{cost.recipients:,} recipients, {chosen.campaigns} campaigns in the last day: "
        f"{cost.wall_us:.2f} us each ({cost.python_us:.2f} Python, {cost.postgres_us:.2f} Postgres)"
    )


if __name__ == "__main__":
    main()
