"""One run: its parts one after the other. Each is measured alone: nothing else of ours runs meanwhile."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks import accept, audience, campaign, contest, latency, soak
from benchmarks.contestants import ENTRIES
from benchmarks.figures import Figures, Variant
from benchmarks.micro import parts, pipeline
from benchmarks.serving import Served, Shop, served
from benchmarks.sink import Sink
from benchmarks.sizes import Sizes

PARTS: Final = ("plan", "campaign", "latency", "accept", "store", "parts", "peers")
"""What a run measures; `soak` is asked for by name, because it takes its time."""
SOAK: Final = "soak"


class Bench:
    """One run in a folder of its own."""

    def __init__(self, folder: Path, sink: Sink, sizes: Sizes, wanted: Sequence[str], peers: Sequence[str]) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._sink = sink
        self._sizes = sizes
        self._wanted = wanted
        self._peers = peers
        self._shop: Shop | None = None

    async def run(self, figures: Figures) -> None:
        """Fills in the figures, part by part."""
        if {"plan", "campaign"} & set(self._wanted):
            await self._plainly(figures)
        if {"campaign", "latency", "accept"} & set(self._wanted):
            await self._fast(figures)
        if "store" in self._wanted:
            await self._store(figures)
        if "parts" in self._wanted:
            say("the steps of a worker")
            figures.parts = await parts.measure(
                self._sink, messages=self._sizes.part_messages, rounds=self._sizes.part_rounds
            )
        if "peers" in self._wanted:
            figures.contest = await self._contest()

    async def soak(self, cpu: str) -> soak.Soak:
        """The soak alone."""
        sizes = self._sizes
        async with served(self._data, self._sink, workers=None) as gateway:
            shop = await gateway.new_shop("soak")
            await audience.fill(
                gateway.db, shop.app, self._sink, rows=sizes.soak_recipients, persons=sizes.soak_recipients // 2
            )
            say(f"a soak of {sizes.minutes:g} minutes")
            return await soak.soak(
                gateway, shop, minutes=sizes.minutes, recipients=sizes.soak_recipients,
                persons=sizes.soak_recipients // 2, rate=sizes.single_rate, cpu=cpu,
            )  # fmt: skip

    async def _plainly(self, figures: Figures) -> None:
        """What is measured with `cryptography` alone."""
        sizes = self._sizes
        async with served(self._data, self._sink, workers=None) as gateway:
            shop = await self._filled(gateway)
            if "plan" in self._wanted:
                say("planning")
                figures.planning = await campaign.plan(
                    gateway, shop, recipients=sizes.recipients, rounds=sizes.plan_rounds
                )
            if "campaign" in self._wanted:
                await self._campaigns(gateway, shop, figures, "cryptography", rounds=sizes.rounds)

    async def _fast(self, figures: Figures) -> None:
        """What is measured with the extra `fast`, if it is there."""
        async with served(self._data, self._sink, workers=None, agreement="fast") as gateway:
            shop = await self._filled(gateway)
            if "campaign" in self._wanted:
                await audience.get_to_know(gateway, shop)
                await self._campaigns(gateway, shop, figures, "fast", "composed", rounds=self._sizes.turns)
                say("planning a message at everybody's own hour")
                await audience.send_round_the_world(gateway, shop)
                figures.planning_by_zone = await campaign.plan(
                    gateway, shop, recipients=self._sizes.recipients, rounds=self._sizes.plan_rounds,
                    order=campaign.LOCAL,
                )  # fmt: skip
                await audience.forget_rules(gateway, shop)
                await self._campaigns(gateway, shop, figures, "ahead", rounds=self._sizes.rounds)
            if "latency" in self._wanted:
                await self._latency(gateway, shop, figures)
            if "accept" in self._wanted:
                await self._accept(gateway, shop, figures)

    async def _filled(self, gateway: Served) -> Shop:
        """The app with everybody, made once; some of them are persons with one device each."""
        if self._shop is None:
            sizes = self._sizes
            say(f"filling an app with {sizes.recipients:,} subscriptions")
            self._shop = await gateway.new_shop("everybody")
            persons = min(sizes.persons, sizes.recipients)
            await audience.fill(gateway.db, self._shop.app, self._sink, rows=sizes.recipients, persons=persons)
        return self._shop

    async def _campaigns(self, gateway: Served, shop: Shop, figures: Figures, *variants: Variant, rounds: int) -> None:
        """One of each in every round: a machine that is slower for some minutes is so for all that are compared."""
        sizes = self._sizes
        for number in range(1, rounds + 1):
            for variant in variants:
                say(f"a message to {sizes.recipients:,}, {variant}, {number} of {rounds}")
                in_s = sizes.ahead_s if variant == "ahead" else None
                message = campaign.COMPOSED if variant == "composed" else campaign.MESSAGE
                sent = await campaign.send(gateway, shop, recipients=sizes.recipients, in_s=in_s, message=message)
                figures.campaigns.setdefault(variant, []).append(sent)

    async def _latency(self, gateway: Served, shop: Shop, figures: Figures) -> None:
        sizes = self._sizes
        persons = min(sizes.persons, sizes.recipients)
        say("single messages, nothing else")
        figures.latencies.append(
            await latency.idle(gateway, shop, persons=persons, rate=sizes.single_rate, seconds=sizes.idle_s)
        )
        say(f"single messages beside a campaign to {sizes.recipients:,}")
        beside, _ = await latency.beside_campaign(
            gateway, shop, persons=persons, rate=sizes.single_rate, recipients=sizes.recipients, seconds=sizes.beside_s
        )
        figures.latencies.append(beside)

    async def _accept(self, gateway: Served, shop: Shop, figures: Figures) -> None:
        sizes = self._sizes
        for rate in (None, sizes.rate):
            say("single sends" + ("" if rate is None else f", {rate:,.0f}/s offered"))
            figures.accepting.append(
                await accept.accept(
                    gateway, shop, persons=min(sizes.persons, sizes.recipients), connections=sizes.connections,
                    seconds=sizes.accept_s, warm_up_s=sizes.warm_up_s, rate=rate,
                )
            )  # fmt: skip

    async def _store(self, figures: Figures) -> None:
        if self._shop is None:
            async with served(self._data, self._sink, workers=None) as gateway:
                await self._filled(gateway)
        assert self._shop is not None
        say("the store, nothing sent")
        figures.store = await pipeline.measure(
            self._data, app_id=self._shop.app.id, rows=self._sizes.recipients, connections=4
        )

    async def _contest(self) -> contest.Contest:
        sizes = self._sizes
        if all(ENTRIES[name].language != "gateway" for name in self._peers):
            return await self._compete(None)
        async with served(self._folder / "peers", self._sink, workers=1) as gateway:
            shop = await gateway.new_shop("contest")
            await audience.fill(gateway.db, shop.app, self._sink, rows=sizes.peer_messages)
            return await self._compete((gateway, shop))

    async def _compete(self, gateway: tuple[Served, Shop] | None) -> contest.Contest:
        sizes = self._sizes
        found, missing = await contest.contestants(
            self._peers, self._folder, self._sink, messages=sizes.peer_messages, gateway=gateway
        )
        say(f"{len(found)} contestants, {sizes.peer_rounds} rounds; missing: {', '.join(missing) or 'nobody'}")
        return await contest.compete(found, rounds=sizes.peer_rounds, missing=missing)


def say(what: str) -> None:
    """Tells whoever waits what is being done."""
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)
