"""Hours at a bounded rate: does a process come to hold more and more?

Campaigns at fixed intervals and single messages in between, far below what the machine could do. Every few seconds each
process's memory, open files and lanes are noted; the verdict compares the second quarter of the time with the last.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from benchmarks.accept import run_client
from benchmarks.campaign import send
from benchmarks.processes import Level, level_of, open_files, resident_mb
from benchmarks.serving import Served, Shop, Stopped

RESULT: Final = Path(__file__).resolve().parent / "soak.json"
"""The last one, for the page of a later run."""
MEMORY_GROWTH_PERCENT_MAX: Final = 5.0
FILES_GROWTH_MAX: Final = 8.0
"""A connection more or less to the push service or to Postgres is no leak."""
LANES_GROWTH_MAX: Final = 0.0
_SAMPLES: Final = 200
_SAMPLE_S_MIN: Final = 0.25
_CAMPAIGN_EVERY_S: Final = 10.0
_CONNECTIONS: Final = 4
_LANES: Final = re.compile(r"^steeple_lanes\{([^}]*)\} ([0-9.e+]+)$", re.MULTILINE)
_PROCESS: Final = re.compile(r'process="([^"]*)"')


class Held(msgspec.Struct, frozen=True):
    """What one process held over the time."""

    memory_mb: Level
    files: Level
    lanes: Level

    @property
    def grown(self) -> list[str]:
        """What grew, by name; empty where nothing did."""
        found = {
            "memory": self.memory_mb.growth_percent >= MEMORY_GROWTH_PERCENT_MAX,
            "open files": self.files.growth > FILES_GROWTH_MAX,
            "lanes": self.lanes.growth > LANES_GROWTH_MAX,
        }
        return [name for name, is_more in found.items() if is_more]


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """The whole time."""

    at: datetime
    cpu: str
    """The machine's."""
    minutes: float
    sent: int
    held: dict[str, Held]
    """By process."""

    @property
    def per_s(self) -> float:
        """Messages a second, on average."""
        return self.sent / self.minutes / 60

    @property
    def grown(self) -> list[str]:
        """Each process that came to hold more, and of what."""
        return [f"{name}: {', '.join(one.grown)}" for name, one in self.held.items() if one.grown]


async def soak(
    served: Served, shop: Shop, *, minutes: float, recipients: int, persons: int, rate: float, cpu: str
) -> Soak:
    """A campaign to `recipients` every ten seconds, and `rate` single messages a second, for so many minutes."""
    seconds = minutes * 60
    at = datetime.now(UTC)
    samples = _Samples(served)
    watching = asyncio.create_task(samples.watch(every_s=max(_SAMPLE_S_MIN, seconds / _SAMPLES)))
    singles = asyncio.create_task(
        run_client(served, shop, persons=persons, connections=_CONNECTIONS, seconds=seconds, warm_up_s=1.0, rate=rate)
    )
    until_s = time.monotonic() + seconds
    campaigns = 0
    while (began_s := time.monotonic()) < until_s:
        await send(served, shop, recipients=recipients, is_alone=False)
        campaigns += 1
        await asyncio.sleep(max(0.0, began_s + _CAMPAIGN_EVERY_S - time.monotonic()))
        if watching.done():
            await watching  # it ends by an error only
    client = await singles
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    if client.refused:
        raise Stopped(f"{client.refused} single messages were refused.")
    return Soak(at=at, cpu=cpu, minutes=minutes, sent=campaigns * recipients + client.posted, held=samples.held())


def read_last() -> Soak | None:
    """The last result that was written down."""
    return msgspec.json.decode(RESULT.read_bytes(), type=Soak) if RESULT.exists() else None


def write(result: Soak) -> None:
    """Writes the result down."""
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


class _Samples:
    """What was seen of each process, at even distances."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._pids = {name: pid for name, pid in served.pids.items() if name != "postgres"}
        self._memory: dict[str, list[float]] = {name: [] for name in self._pids}
        self._files: dict[str, list[float]] = {name: [] for name in self._pids}
        self._lanes: dict[str, list[float]] = {name: [] for name in self._pids}

    async def watch(self, *, every_s: float) -> None:
        """Looks until it is cancelled. Raises `Stopped` when a process is not there any more."""
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(self._served.metrics_url) as answer:
                    lanes = lanes_by_process(await answer.text())
                self._look(lanes)
                await asyncio.sleep(every_s)

    def held(self) -> dict[str, Held]:
        """The levels of each process."""
        return {
            name: Held(level_of(self._memory[name]), level_of(self._files[name]), level_of(self._lanes[name]))
            for name in self._pids
        }

    def _look(self, lanes: Mapping[str, float]) -> None:
        for name, pid in self._pids.items():
            memory_mb = resident_mb(pid)
            if not memory_mb:
                raise Stopped(f"The process {name} ended during the soak.")
            self._memory[name].append(memory_mb)
            self._files[name].append(float(open_files(pid)))
            self._lanes[name].append(lanes.get(name, 0.0))


def lanes_by_process(metrics: str) -> dict[str, float]:
    """How many lanes each process has, out of the merged metrics."""
    found: dict[str, float] = {}
    for labels, value in _LANES.findall(metrics):
        process = _PROCESS.search(labels)
        if process is not None:
            found[process[1]] = found.get(process[1], 0.0) + float(value)
    return found
