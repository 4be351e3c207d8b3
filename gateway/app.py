"""The composition root: the only file that knows everybody.

`Base` is what every process has (database, keys, wire, providers); `serve_api`, `serve_worker` and `serve_loops` put a
role's rooms together on it and run until they are told to stop.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

import gateway
from gateway import worker
from gateway.analytics.ingest import Ingest
from gateway.analytics.opt_ins import OptIns
from gateway.api import routes
from gateway.api.server import listen
from gateway.api.services import Services
from gateway.config import Settings, cannot_listen, host_name
from gateway.coupons import upkeep
from gateway.delivery import closing
from gateway.delivery.ahead import Ahead
from gateway.delivery.board import LaneBoard, keep_exchanging
from gateway.delivery.engine import Engine
from gateway.delivery.feed import Feed
from gateway.delivery.leases import renewal_s
from gateway.delivery.pressure import Pressure
from gateway.delivery.reaper import Reaper
from gateway.delivery.send import GroupSender
from gateway.delivery.stored import StoredWork
from gateway.delivery.throttle import Throttle
from gateway.geo.locator import Locator
from gateway.model.errors import GatewayError, StoreUnavailable
from gateway.model.limits import CONNECTIONS_MAX
from gateway.sending import experiments
from gateway.sending.accept import Acceptor
from gateway.sending.approval import expire_unapproved
from gateway.sending.plan import plan_due
from gateway.store import (
    chunks,
    geofences,
    lanes,
    migrate,
    partitions,
    places,
    pressure,
    processes,
    provider_tokens,
    pruning,
    throttles,
)
from gateway.store.clock import DatabaseClock
from gateway.store.database import Database
from gateway.store.stops import LOOK_EVERY_S, Stops
from gateway.subscribers import erase, people, prompt_winners
from gateway.subscribers.enrol import Enroller
from gateway.subscribers.fences import Fences
from gateway.subscribers.tracking import Tracker
from gateway.telemetry import SSRF_BLOCKED, log
from gateway.tenancy.api_keys import ApiKeys
from gateway.tenancy.installation import open_vault
from gateway.tenancy.keyring import Keyring
from gateway.tenancy.provider_tokens import SharedTokens
from gateway.transports import find, names
from gateway.transports.base import Transport, Wire
from gateway.wire.ecdh import IN_USE
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from gateway.wire.vault import Vault
from gateway.worker import Loop

_POOL_MIN: Final = 2
"""Open from the start: making a connection takes long in a process that has just got a million messages to send."""
_POOL_MAX: Final = {"api": 10, "worker": 6, "loops": 4}
_DAY_S: Final = 86_400.0
_PROCESS_SILENT_S: Final = 120
_AHEAD_EVERY_S: Final = 2.0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Who this process is. `predecessor` is the process that it takes the place of, and that is known to be dead."""

    role: str
    process_id: int
    predecessor: int | None
    pid: int


class Base(msgspec.Struct, frozen=True, eq=False):
    """What every process of the gateway has."""

    settings: Settings
    place: Place
    db: Database
    vault: Vault
    keyring: Keyring
    transports: Mapping[str, Transport]
    clock: DatabaseClock
    board: LaneBoard
    dice: random.Random
    stops: Stops = msgspec.field(default_factory=Stops)


def egress_policy(settings: Settings) -> EgressPolicy:
    """Where this gateway may connect: what providers bring with them, and what the operator named.

    Raises `GatewayError` (setting_invalid) for an entry that cannot be read.
    """
    try:
        return EgressPolicy.of(
            defaults=[host for name in names() for host in find(name).hosts],
            allow=_listed(settings.egress_allow),
            resolve=_listed(settings.egress_resolve),
            sandbox=settings.sandbox,
            ca_file=Path(settings.egress_ca) if settings.egress_ca else None,
            on_refused=lambda rule: SSRF_BLOCKED.labels(rule).inc(),
        )
    except ValueError as fault:
        raise GatewayError("setting_invalid", f"Setting egress_allow or egress_resolve: {fault}") from None


def sdk_folder() -> Path:
    """Where the built page script lies: in the installed package, else beside it in a checkout."""
    installed = Path(__file__).parent / "_sdk"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "sdk-js" / "dist"


def _choose_encryption(settings: Settings) -> None:
    """The quickest way of agreeing on keys that this machine has and that passes its test."""
    name = IN_USE.use(
        settings.fast_ecdh, tell=lambda why: log("app").error("fast_ecdh_given_up", why=why)
    )  # fmt: skip
    log("app").info("encryption_chosen", by=name, why=IN_USE.why)


def _listed(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(",") if entry.strip()]


@asynccontextmanager
async def open_base(settings: Settings, place: Place) -> AsyncGenerator[Base]:
    """Opens what a process needs, closes it in the opposite order."""
    db = await Database.open(
        settings.database_url, size_min=_POOL_MIN, size_max=_POOL_MAX[place.role], name=f"steeple {place.role}"
    )
    try:
        clock = DatabaseClock()
        await clock.sync(db)
        vault = await open_vault(settings, db)
        _choose_encryption(settings)
        dice = random.SystemRandom()
        async with open_transports(settings, db, vault, clock, dice=dice) as transports:
            yield Base(
                settings, place, db, vault, Keyring(db, vault), transports, clock, LaneBoard(db, role=place.role), dice
            )
    finally:
        await db.close()


@asynccontextmanager
async def open_transports(
    settings: Settings, db: Database, vault: Vault, clock: DatabaseClock, *, dice: random.Random
) -> AsyncGenerator[Mapping[str, Transport]]:
    """Every provider, on connections and tokens that are closed in the end."""
    policy = egress_policy(settings)
    async with HttpClient(policy, connections_max=CONNECTIONS_MAX) as http:
        tokens = SharedTokens(db, vault, dice=dice)
        wire = Wire(egress=policy, http=http, clock=clock.now_s, tokens=tokens, settings=settings.providers, dice=dice)
        transports = {name: find(name)(wire) for name in names()}
        yield transports
        for transport in transports.values():
            await transport.aclose()
        await tokens.aclose()


def _work(base: Base, throttle: Throttle) -> StoredWork:
    def is_held(app_id: int, message_id: int) -> bool:
        return base.stops.has(app_id) or throttle.rests(app_id, message_id)

    return StoredWork(
        base.db, base.keyring, owner=base.place.process_id, lease_s=base.settings.lease_s, is_held=is_held
    )  # fmt: skip


def _pressure(base: Base) -> Pressure:
    # Longer than leases of chunks, so that what the dead had on the way is known before others send there.
    lease_s = base.settings.lease_s + renewal_s(base.settings.lease_s) + 1.0
    return Pressure(base.db, owner=base.place.process_id, lease_s=lease_s)


def _feed(base: Base, pressure: Pressure) -> Feed:
    return Feed(
        base.db, base.keyring, base.transports, pressure=pressure, clock=base.clock.now_s,
        preferences=f"{base.settings.url}/preferences",
    )  # fmt: skip


def _engine(base: Base, work: StoredWork, feed: Feed, throttle: Throttle, *, claims: bool) -> Engine:
    settings = base.settings
    return Engine(
        work=work,
        source=feed,
        sender=GroupSender(
            base.transports, base.board, clock=base.clock.now_s, dice=base.dice, is_stopped=base.stops.has
        ),
        clock=base.clock,
        owner=base.place.process_id,
        groups_max=settings.groups_in_flight,
        lease_s=settings.lease_s,
        dice=base.dice,
        claims=claims,
        throttle=throttle,
    )


async def serve_api(base: Base, stop: asyncio.Event) -> None:
    """The HTTP API, with a small delivery engine for the single messages that it accepts."""
    settings = base.settings
    under = _pressure(base)
    throttle = Throttle(base.db, clock=base.clock.now_s)
    engine = _engine(base, _work(base, throttle), _feed(base, under), throttle, claims=False)
    acceptor = Acceptor(
        base.db, sender=engine, born_claimed_lease_s=settings.born_claimed_lease_s, clock=base.clock.now,
        is_stopped=base.stops.has,
    )  # fmt: skip
    outcomes = OptIns(base.db, clock=base.clock.now)
    ingest, tracker = Ingest(base.db, base.keyring), Tracker(base.db)
    locator = Locator.of(settings)
    services = Services(
        settings=settings,
        database=base.db,
        keyring=base.keyring,
        api_keys=ApiKeys(base.db),
        enroller=Enroller(base.db, base.keyring, base.transports, locator),
        fences=Fences(base.db),
        acceptor=acceptor,
        transports=base.transports,
        vault=base.vault,
        ingest=ingest,
        opt_ins=outcomes,
        tracker=tracker,
        sdk_folder=sdk_folder(),
        started_at=base.clock.now(),
        is_ready=_Readiness(base.db).why_not,
        is_draining=stop.is_set,
        clock=base.clock.now,
        stops=base.stops,
    )
    host, port = settings.bind_address
    try:
        runner = await listen(
            routes.build(services),
            host=host,
            port=port,
            url=settings.url,
            trusted_proxies=settings.trusted_proxies,
            reuse_port=True,
            shutdown_s=settings.drain_s,
        )
    except OSError as fault:
        raise cannot_listen(fault, settings.bind, setting="bind") from None
    async with _housekeeping(base, engine):
        await stop.wait()
        until_s = asyncio.get_running_loop().time() + settings.drain_s
        await runner.cleanup()
        await acceptor.aclose()
        await engine.drain(max(1.0, until_s - asyncio.get_running_loop().time()))
        await under.aclose()
        await ingest.aclose()
        await outcomes.aclose()
        await tracker.aclose()
        locator.close()


async def serve_worker(base: Base, stop: asyncio.Event) -> None:
    """One delivery process."""
    under = _pressure(base)
    throttle = Throttle(base.db, clock=base.clock.now_s)
    work, feed = _work(base, throttle), _feed(base, under)
    engine = _engine(base, work, feed, throttle, claims=True)
    ahead = Ahead(
        base.db, feed, work, base.transports, owner=base.place.process_id, is_idle=lambda: engine.is_idle
    )  # fmt: skip
    async with _housekeeping(base, engine):
        running = asyncio.create_task(engine.run())
        preparing = asyncio.create_task(worker.run([Loop("make_ahead", _AHEAD_EVERY_S, ahead.run)], stop))
        await stop.wait()
        await engine.drain(base.settings.drain_s)
        await under.aclose()
        await asyncio.gather(running, preparing)


async def serve_loops(base: Base, stop: asyncio.Event) -> None:
    """Planning, and what has to be done now and then."""
    async with _housekeeping(base, None):
        await worker.run(loops_of(base), stop)


def loops_of(base: Base) -> list[Loop]:
    """Every loop of the loops process."""
    db, keyring = base.db, base.keyring
    return [
        Loop("plan", 0.2, lambda: plan_due(db, keyring.app_by_id, now=base.clock.now())),
        Loop("decide_experiments", 1.0, lambda: experiments.decide_due(db, keyring.app_by_id, now=base.clock.now())),
        Loop("release_expired_leases", 1.0, Reaper(db, lease_s=base.settings.lease_s).run),
        Loop("copy_people", 1.0, lambda: people.fan_out(db, keyring.app_by_id)),
        Loop("finish_erasures", 60.0, lambda: erase.finish_erasures(db, keyring.app_by_id)),
        Loop("close_messages", 1.0, closing.Closer(db, keyring).run),
        Loop("make_partitions", 3600.0, lambda: partitions.ensure(db, today=base.clock.now().date())),
        Loop("drop_partitions", _DAY_S, lambda: partitions.drop_older(db, than=_oldest_day(base))),
        Loop(
            "forget_positions",
            60.0,
            lambda: places.forget_old_positions(db, days=base.settings.location_days),
        ),
        Loop("forget_visits", 60.0, lambda: geofences.forget_old_visits(db, days=base.settings.location_days)),
        Loop("decide_prompts", 60.0, lambda: prompt_winners.decide_due(db, keyring.app_by_id)),
        Loop("expire_unapproved", 5.0, lambda: expire_unapproved(db)),
        Loop("prune", 60.0, lambda: pruning.prune(db)),
        Loop("prune_lanes", 3600.0, lambda: lanes.prune(db)),
        Loop("prune_stretch_leases", 3600.0, lambda: pressure.prune(db)),
        Loop("prune_throttles", 3600.0, lambda: throttles.prune(db)),
        Loop("prune_provider_tokens", 3600.0, lambda: provider_tokens.prune(db)),
        Loop("free_taken_coupons", 5.0, lambda: upkeep.reap(db)),
        Loop("settle_coupons", 10.0, lambda: upkeep.settle_ended(db, keyring.app_by_id)),
        Loop("watch_coupon_pools", 10.0, lambda: upkeep.watch_pools(db, keyring.app_by_id)),
        Loop("empty_deleted_pools", 60.0, lambda: upkeep.empty_deleted(db, keyring.app_by_id)),
        Loop("forget_processes", 60.0, lambda: processes.forget_silent(db, silent_s=_PROCESS_SILENT_S)),
    ]


def _oldest_day(base: Base) -> date:
    return (base.clock.now() - timedelta(days=pruning.HISTORY_DAYS)).date()


@asynccontextmanager
async def _housekeeping(base: Base, engine: Engine | None) -> AsyncGenerator[None]:
    """What every process does beside its work: be heard, keep the time, exchange lanes; at first, free the dead."""
    if base.place.predecessor is not None:
        await chunks.release_owned(base.db, owner=base.place.predecessor)
        await pressure.free_owned(base.db, owner=base.place.predecessor)
        await processes.forget(base.db, process_id=base.place.predecessor)
    await _look_for_stops(base)
    tasks = [asyncio.create_task(_be_heard(base, engine)), asyncio.create_task(_keep_looking_for_stops(base))]
    if engine is not None:
        tasks.append(asyncio.create_task(keep_exchanging(base.board, dice=base.dice)))
        if not engine.claims:
            tasks.append(asyncio.create_task(engine.run()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Others share rates and recipients among those who are heard of, and need not wait for its silence.
        with contextlib.suppress(StoreUnavailable):
            await processes.forget(base.db, process_id=base.place.process_id)


async def _be_heard(base: Base, engine: Engine | None) -> None:
    place = base.place
    while True:
        try:
            await base.clock.sync(base.db)
            # A worker whose claim loop stands still is not heard: readiness asks for just that.
            if engine is None or not engine.claims or base.clock.now_s() - engine.claimed_at_s < _PROCESS_SILENT_S / 4:
                await processes.hear(
                    base.db,
                    process_id=place.process_id,
                    role=place.role,
                    host=host_name(),
                    pid=place.pid,
                    version=gateway.__version__,
                )
        except StoreUnavailable:
            pass
        await asyncio.sleep(5.0 * base.dice.uniform(0.8, 1.2))


async def _look_for_stops(base: Base) -> None:
    with contextlib.suppress(StoreUnavailable):  # nothing is sent either while the database is away
        await base.stops.look(base.db)


async def _keep_looking_for_stops(base: Base) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            await _look_for_stops(base)
        except Exception as fault:  # noqa: BLE001 - a process that no longer looks would send for a stopped app
            log("app").error("stops_not_read", exc_info=fault)


class _Readiness:
    """Whether this process should get requests; the answer about migrations is kept for a minute."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pending_until_s = 0.0
        self._is_pending = False

    async def why_not(self) -> list[str]:
        """Reasons in words; none when it is ready."""
        if not await self._db.ping():
            return ["the database does not answer within half a second"]
        reasons: list[str] = []
        try:
            if time.monotonic() > self._pending_until_s:
                self._is_pending = bool(await migrate.pending(self._db))
                self._pending_until_s = time.monotonic() + 60.0
            if self._is_pending:
                reasons.append("the database has not been migrated to this version")
            if not await processes.count_heard(self._db, role="worker", within_s=30):
                reasons.append("no worker has looked for work in the last 30 seconds")
        except StoreUnavailable as fault:
            reasons.append(fault.message)
        return reasons
