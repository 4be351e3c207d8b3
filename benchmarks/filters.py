"""How long a large shop waits to hear how many an audience has: estimated, and counted.

python -m benchmarks.filters [--rows 1000000] [--data-dir DIR]

Without --data-dir a Postgres of its own is filled and thrown away; with it the folder is kept, and used again as it is.
Times are those of the gateway's own functions, statements and all, without HTTP (about a millisecond).
"""

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from benchmarks.machine import describe
from benchmarks.shoppers import TOPICS, fill
from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.ids import new_id
from gateway.model.place import Geo, Near
from gateway.policy.filter_reading import read_where
from gateway.sending.estimate import Estimate, estimate, exact
from gateway.store import apps
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate

_SPREAD: Final = 32
_ESTIMATES: Final = 25
_COUNTS: Final = 3


def _where(said: dict[str, Any]) -> Audience:
    return Audience(where=read_where(said, "where"))


_MIXED: Final = {
    "all": [
        {"topic": "news"},
        {"country": ["NL", "BE"]},
        {"attribute": "points", "over": 1000},
        {"event": "order_placed", "none_within": "P30D"},
        {"none": [{"tag": "theme", "is": "dark"}]},
    ]
}
AUDIENCES: Final = {
    "everybody": Audience(everybody=True),
    "a topic (60 %)": Audience(topics=parse_topics("news")),
    "a topic (1 %)": Audience(topics=parse_topics("vip")),
    "a device's tag": _where({"tag": "visits", "is": 7}),
    "a person's tag": _where({"tag": "segment_rfm", "is": "loyal"}),
    "a country (47 %)": _where({"country": "NL"}),
    "a country (1 %)": _where({"country": "LU"}),
    "an attribute (2 %)": _where({"attribute": "plan", "is": "gold"}),
    "a number above": _where({"attribute": "points", "over": 4000}),
    "near (10 km)": Audience(geo=Geo(near=Near(lat=52.37, lon=4.9, radius_km=10))),
    "near (60 km)": Audience(geo=Geo(near=Near(lat=52.37, lon=4.9, radius_km=60))),
    "done within 30 days": _where({"event": "order_placed", "done_within": "P30D"}),
    "3 visits in 90 days": _where({"event": "visit", "count": {"over": 2}, "within": "P90D"}),
    "mixed, with an event": _where(_MIXED),
}


@contextlib.asynccontextmanager
async def shop(folder: Path, rows: int) -> AsyncGenerator[tuple[Database, App]]:
    """A Postgres with the shop in it; filled unless it is."""
    server = EmbeddedPostgres(folder / "data")
    await server.start()
    await migrate(server.dsn)
    db = await Database.open(server.dsn)
    try:
        yield db, await _filled(db, server.dsn, rows)
    finally:
        await db.close()
        await server.stop()


async def _filled(db: Database, dsn: str, rows: int) -> App:
    held = await db.fetchval("SELECT id FROM apps WHERE name = 'bench'")
    if held is not None:
        app = await apps.get(db, held)
        assert app is not None
        return app
    made = await apps.insert(
        db, public_id=new_id(), name="bench", home=7, origins=[], link_hosts=[], subject="mailto:a@b.example",
        settings={},
    )  # fmt: skip
    assert made is not None
    app = msgspec.structs.replace(made, spread=_SPREAD)
    await db.execute("UPDATE apps SET spread = $2 WHERE id = $1", app.id, _SPREAD)
    for slug, number in TOPICS.items():
        await db.execute("INSERT INTO topics (app_id, id, slug, name) VALUES ($1, $2, $3, $3)", app.id, number, slug)
    await fill(dsn, app, rows, now=datetime.now(UTC))
    return app


async def measure(db: Database, app: App, name: str, audience: Audience) -> None:
    """One line of the table."""
    now, dice = datetime.now(UTC), random.Random(1)
    times, guess = await _timed(_ESTIMATES, lambda: estimate(db, app, audience, now=now, dice=dice))
    counts, truth = await _timed(_COUNTS, lambda: exact(db, app, audience, now=now))
    print(_line(name, times, counts, guess, truth), flush=True)


async def _timed(times: int, ask: Callable[[], Awaitable[Estimate]]) -> tuple[list[float], Estimate]:
    """Milliseconds of each, and the last answer."""
    took_ms: list[float] = []
    answer = await ask()
    for _ in range(times):
        started_s = time.perf_counter()
        answer = await ask()
        took_ms.append((time.perf_counter() - started_s) * 1000)
    return took_ms, answer


def _line(name: str, times: list[float], counts: list[float], guess: Estimate, truth: Estimate) -> str:
    held = "yes" if abs(guess.devices.value - truth.devices.value) <= guess.devices.margin else "NO"
    return (
        f"| {name:21} | {statistics.median(times):6.1f} | {max(times):6.1f} | {min(counts):6.0f}"
        f" | {statistics.median(counts):6.0f} | {truth.devices.value:9,} | {guess.devices.value:9,}"
        f" | {guess.devices.margin:7,} | {held} | {truth.people.value:9,} | {guess.people.value:9,} |"
    )


async def run(folder: Path, rows: int) -> None:
    """Fills, measures, prints."""
    machine = describe()
    async with shop(folder, rows) as (db, app):
        version = await db.fetchval("SELECT split_part(version(), ' ', 2)")
        print(f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB, kernel {machine.kernel}")
        print(f"PostgreSQL {version}, load {os.getloadavg()[0]:.1f}, {rows:,} devices in {_SPREAD} buckets\n")
        print(
            "| audience | estimate ms, median | worst | count ms, best | median | devices | estimated | margin | holds"
            " | people | estimated |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|---|")
        for name, audience in AUDIENCES.items():
            await measure(db, app, name, audience)


def main() -> None:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--data-dir", type=Path)
    asked = parser.parse_args()
    folder = asked.data_dir or Path(tempfile.mkdtemp(prefix="steeple-bench-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    try:
        asyncio.run(run(folder, asked.rows))
    finally:
        if asked.data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
