"""Measures Steeple on this machine: `make bench`, `steeple bench`, `python -m benchmarks.load`.

Needs nginx; Node.js and npm for one of the peers. Takes about a quarter of an hour, `--quick` one or two minutes. The
raw figures go to artefacts/bench/; a full run also writes benchmarks/RESULTS.md.
"""

import argparse
import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks import accept, audience, campaign, contest, machine
from benchmarks.figures import Figures
from benchmarks.micro import parts, pipeline
from benchmarks.quiet import quiet_logs
from benchmarks.report import text_of
from benchmarks.serving import Stopped, served
from benchmarks.sink import Sink, SinkMissing, running_sink

PARTS: Final = ("plan", "campaign", "accept", "store", "parts", "peers")
_ROOT: Final = Path(__file__).resolve().parent.parent
_RESULTS: Final = _ROOT / "benchmarks" / "RESULTS.md"
_QUICK: Final = {
    "planning": 20_000, "recipients": 5_000, "rounds": 1, "accept_s": 3.0, "warm_up_s": 1.0, "persons": 500,
    "part_messages": 500, "part_rounds": 1, "peer_messages": 1_000, "peer_rounds": 1,
}  # fmt: skip
_FULL: Final = {
    "planning": 1_000_000, "recipients": 100_000, "rounds": 3, "accept_s": 20.0, "warm_up_s": 5.0, "persons": 20_000,
    "part_messages": 2_000, "part_rounds": 5, "peer_messages": 12_000, "peer_rounds": 5,
}  # fmt: skip


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything."""

    planning: int
    recipients: int
    rounds: int
    accept_s: float
    warm_up_s: float
    persons: int
    part_messages: int
    part_rounds: int
    peer_messages: int
    peer_rounds: int
    connections: int
    rate: float


class Bench:
    """One run. Each part is measured alone: nothing else of ours runs meanwhile."""

    def __init__(self, folder: Path, sink: Sink, sizes: Sizes, wanted: list[str], peers: list[str]) -> None:
        self._folder = folder
        self._sink = sink
        self._sizes = sizes
        self._wanted = wanted
        self._peers = peers
        self._planned_app = 0

    async def run(self, figures: Figures) -> None:
        """Fills in the figures, part by part."""
        if {"plan", "campaign", "accept", "store"} & set(self._wanted):
            await self._with_gateway(figures)
        if "store" in self._wanted:
            _say("the store, nothing sent")
            figures.store = await pipeline.measure(
                self._folder / "data", app_id=self._planned_app, rows=self._sizes.planning, connections=4
            )
        if "parts" in self._wanted:
            _say("the steps of a worker")
            figures.parts = await parts.measure(
                self._sink, messages=self._sizes.part_messages, rounds=self._sizes.part_rounds
            )
        if "peers" in self._wanted:
            figures.contest = await self._contest()

    async def _with_gateway(self, figures: Figures) -> None:
        sizes = self._sizes
        async with served(self._folder / "data", self._sink, workers=None) as gateway:
            if "plan" in self._wanted or "store" in self._wanted:
                _say(f"filling an app with {sizes.planning:,} subscriptions")
                shop = await gateway.new_shop("planning")
                self._planned_app = shop.app.id
                await audience.fill(gateway.db, shop.app, self._sink, rows=sizes.planning)
                if "plan" in self._wanted:
                    _say("planning")
                    figures.planning = await campaign.plan(
                        gateway, shop, recipients=sizes.planning, rounds=sizes.rounds
                    )
            if "campaign" in self._wanted:
                shop = await gateway.new_shop("campaign")
                await audience.fill(gateway.db, shop.app, self._sink, rows=sizes.recipients)
                for number in range(1, sizes.rounds + 1):
                    _say(f"a message to {sizes.recipients:,}, {number} of {sizes.rounds}")
                    figures.campaigns.append(await campaign.send(gateway, shop, recipients=sizes.recipients))
            if "accept" in self._wanted:
                shop = await gateway.new_shop("accept")
                await audience.fill(gateway.db, shop.app, self._sink, rows=sizes.persons, persons=sizes.persons)
                for rate in (None, sizes.rate):
                    _say("single sends" + ("" if rate is None else f", {rate:,.0f}/s offered"))
                    figures.accepting.append(
                        await accept.accept(
                            gateway, shop, persons=sizes.persons, connections=sizes.connections,
                            seconds=sizes.accept_s, warm_up_s=sizes.warm_up_s, rate=rate,
                        )
                    )  # fmt: skip

    async def _contest(self) -> contest.Contest:
        sizes = self._sizes
        async with served(self._folder / "peers", self._sink, workers=1) as gateway:
            shop = await gateway.new_shop("contest")
            await audience.fill(gateway.db, shop.app, self._sink, rows=sizes.peer_messages)
            found, missing = await contest.contestants(
                self._peers, self._folder, self._sink, messages=sizes.peer_messages, gateway=(gateway, shop)
            )
            _say(f"{len(found)} contestants, {sizes.peer_rounds} rounds")
            return await contest.compete(found, rounds=sizes.peer_rounds, missing=missing)


def _say(what: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="steeple bench", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run, and about how fast")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument(
        "--peers", nargs="+", choices=contest.NAMES, default=list(contest.NAMES), metavar="PEER",
        help=", ".join(contest.NAMES),
    )  # fmt: skip
    for name, value in _FULL.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=f"default {value:,}")
    parser.add_argument("--connections", type=int, default=32, help="of the load client of single sends")
    parser.add_argument("--rate", type=float, default=1_000.0, help="single sends offered a second in the paced run")
    parser.add_argument("--results", type=Path, help="where to write the page (default: RESULTS.md, for a full run)")
    parser.add_argument("--raw", type=Path, help="where to write the raw figures (default: artefacts/bench)")
    parser.add_argument("--json", action="store_true", help="print the raw figures instead of the page")
    return parser.parse_args(given)


def _sizes(asked: argparse.Namespace) -> Sizes:
    defaults = _QUICK if asked.quick else _FULL
    given = {name: getattr(asked, name) for name in defaults if getattr(asked, name) is not None}
    return msgspec.convert({**defaults, **given, "connections": asked.connections, "rate": asked.rate}, Sizes)


def _is_full(asked: argparse.Namespace) -> bool:
    """Whether this run may stand in RESULTS.md: every part, every peer, no size changed."""
    return (
        not asked.quick
        and set(asked.only) == set(PARTS)
        and set(asked.peers) == set(contest.NAMES)
        and all(getattr(asked, name) is None for name in _FULL)
    )


def _write(figures: Figures, asked: argparse.Namespace) -> None:
    page = text_of(figures)
    raw = asked.raw or _ROOT / "artefacts" / "bench" / f"{figures.at:%Y-%m-%dT%H%M%SZ}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2))
    results = asked.results or (_RESULTS if _is_full(asked) else None)
    if results is not None:
        results.write_text(page, encoding="utf-8")
    print(msgspec.json.encode(figures).decode() if asked.json else page)
    _say(f"raw figures: {raw}" + ("" if results is None else f"; page: {results}"))


def main(given: list[str] | None = None) -> int:
    """Runs what was asked for; 1 where it cannot be measured, with a sentence why."""
    asked = _arguments(given)
    sizes = _sizes(asked)
    quiet_logs()
    figures = Figures(
        at=datetime.now(UTC),
        machine=machine.describe(),
        load_before=machine.load(),
        options=msgspec.structs.asdict(sizes),
    )
    try:
        with tempfile.TemporaryDirectory(prefix="steeple-bench-") as made:
            folder = Path(made)
            folder.chmod(0o711)  # Postgres and nginx are other users when we are root
            with running_sink(folder / "sink") as sink, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(Bench(folder, sink, sizes, asked.only, asked.peers).run(figures))
    except (Stopped, SinkMissing) as fault:
        print(f"Not measured: {fault}", file=sys.stderr)
        return 1
    _write(figures, asked)
    return 0


if __name__ == "__main__":
    sys.exit(main())
