"""How long a large shop waits to hear how many an audience has: estimated, and counted.

python -m benchmarks.filters [--rows 1000000] [--data-dir DIR] [--write]

Without --data-dir a Postgres of its own is filled and thrown away; with it the folder is kept, and used again as it is.
With --write what was found goes to FILTERS.md beside this file, too.
Times are those of the gateway's own functions, statements and all, without HTTP (about a millisecond).
"""

import argparse
import asyncio
import contextlib
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from benchmarks.machine import describe
from benchmarks.shoppers import TOPICS, fill
from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.ids import new_id
from gateway.model.place import Geo, Near
from gateway.policy.filter_reading import read_where
from gateway.policy.sampling import Estimated
from gateway.sending.estimate import Estimate, estimate, exact
from gateway.store import apps
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate

RESULTS: Final = Path(__file__).with_name("FILTERS.md")
_HEAD: Final = """\
# Estimates and exact counts

Written by `python -m benchmarks.filters --write`; do not edit. How long a shop of a million devices waits to hear how
many an audience has: from a sample (25 times, each of other places; the last one is shown, and of how many the margin
was true), and counted (3 times), by the gateway's own functions, with the pages in memory. An estimate is to take less
than 100 ms, and a count less than 1.5 s; margins are those of 98 in 100 estimates.

"""
_TABLE: Final = """\
| audience | estimate ms, median | worst | count ms, best | median | devices | estimated | margin | holds \
| people | estimated | margin | holds |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""
_SPREAD: Final = 32
_ESTIMATES: Final = 25
_COUNTS: Final = 3
_WARMING: Final = 50
"""Estimates before the first that counts: a server that has just started has nothing in its memory."""
_DICE: Final = random.Random(2)


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


async def measure(db: Database, app: App, name: str, audience: Audience) -> str:
    """One line of the table."""
    now, dice = datetime.now(UTC), random.Random(1)
    times, guesses = await _timed(_ESTIMATES, lambda: estimate(db, app, audience, now=now, dice=dice))
    counts, (truth, *_) = await _timed(_COUNTS, lambda: exact(db, app, audience, now=now))
    return _line(name, times, counts, guesses, truth)


async def _timed(times: int, ask: Callable[[], Awaitable[Estimate]]) -> tuple[list[float], list[Estimate]]:
    """Milliseconds of each, and the answers; one more before them is not counted."""
    took_ms: list[float] = []
    answers: list[Estimate] = []
    await ask()
    for _ in range(times):
        started_s = time.perf_counter()
        answers.append(await ask())
        took_ms.append((time.perf_counter() - started_s) * 1000)
    return took_ms, answers


def _line(name: str, times: list[float], counts: list[float], guesses: list[Estimate], truth: Estimate) -> str:
    guess = guesses[-1]
    devices = _held([one.devices for one in guesses], truth.devices)
    people = _held([one.people for one in guesses], truth.people)
    return (
        f"| {name:21} | {statistics.median(times):6.1f} | {max(times):6.1f} | {min(counts):6.0f}"
        f" | {statistics.median(counts):6.0f} | {truth.devices.value:9,} | {guess.devices.value:9,}"
        f" | {guess.devices.margin:7,} | {devices} | {truth.people.value:9,}"
        f" | {guess.people.value:9,} | {guess.people.margin:7,} | {people} |"
    )


def _held(guesses: list[Estimated], truth: Estimated) -> str:
    """Of how many the margin was true."""
    return f"{sum(abs(guess.value - truth.value) <= guess.margin for guess in guesses)} of {len(guesses)}"


async def run(folder: Path, rows: int) -> list[str]:
    """Fills, measures, prints; the lines of what it found."""
    machine = describe()
    async with shop(folder, rows) as (db, app):
        version = await db.fetchval("SELECT split_part(version(), ' ', 2)")
        versions = f"PostgreSQL {version}, Python {platform.python_version()}, asyncpg {asyncpg.__version__}"
        found = [
            f"{machine.cpu}, {machine.cores} cores, {machine.memory_gb} GB, kernel {machine.kernel}.",
            f"{versions}; load before the run {os.getloadavg()[0]:.1f}; {rows:,} devices in {_SPREAD} buckets.",
            "",
            _TABLE,
        ]
        print("\n".join(found), flush=True)
        await _timed(_WARMING, lambda: estimate(db, app, Audience(everybody=True), now=datetime.now(UTC), dice=_DICE))
        for name, audience in AUDIENCES.items():
            found.append(await measure(db, app, name, audience))
            print(found[-1], flush=True)
    return found


def main() -> None:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    folder = asked.data_dir or Path(tempfile.mkdtemp(prefix="steeple-bench-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    try:
        found = asyncio.run(run(folder, asked.rows))
        if asked.write:
            RESULTS.write_text(_HEAD + "\n".join(found) + "\n", encoding="utf-8")
    finally:
        if asked.data_dir is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
