"""The board of all lanes of a process, and what the processes tell each other through the store.

Told are lanes that stand or are slowed, and that they run freely again. Everything else (requests in flight, what was
achieved) is a process's own and shown in its metrics.

Whoever was put off because a lane stood is due when a process hears that it runs again, or that somebody resumed it:
not before, as until then this process would only put them off once more.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from gateway.delivery import lane_figures
from gateway.delivery.lane import SITE_LIMITED, Lane, LaneKey
from gateway.model.ids import bucket_of_id
from gateway.model.limits import LANES_MAX
from gateway.policy.pace import Slowdown
from gateway.policy.standstill import SEVERAL, mark_of
from gateway.store import chunks, lanes, processes, reached
from gateway.store.database import Database
from gateway.store.lanes import LaneRow, Slowed, State
from gateway.telemetry import log
from gateway.transports.base import Pace, Transport

_WEIGHTS: Final = {"worker": 1.0, "api": 0.1}
"""How the roles that send share a rate: an API process sends a few messages at once, never a campaign."""
_HEARD_WITHIN_S: Final = 30
_LOOK_AROUND_EVERY_S: Final = 5.0
_OTHER: Final = ("other", "other")
_WAKE_ROUNDS: Final = 5
"""Exchanges after which nobody is in hand any more who was put off before the lane was known to run."""


class LaneBoard:
    """Gives out lanes. `role` is this process's, for its share of a rate."""

    def __init__(self, db: Database, *, role: str = "worker", clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._role = role
        self._clock = clock
        self._lanes: dict[LaneKey, Lane] = {}
        self._changed: dict[LaneKey, Lane] = {}
        self._told: dict[LaneKey, LaneRow] = {}
        self._told_at: tuple[datetime, float] | None = None
        self._share = 1.0
        self._looked_around_at_s = float("-inf")
        self._inquiries: list[Lane] = []
        self._waking: dict[LaneKey, int] = {}
        """Lanes that go on, and in how many more rounds those who wait for them are woken."""

    def of(self, key: LaneKey, transport: Transport | None = None) -> Lane:
        """The lane, made at its first use at the pace of its transport."""
        lane = self._lanes.get(key)
        return self._made(key, transport) if lane is None else lane

    async def exchange(self) -> None:
        """Tells the others what changed here, and hears what changed there. Call it every second or two."""
        is_time = self._clock() - self._looked_around_at_s >= _LOOK_AROUND_EVERY_S
        if is_time or self._changed:
            self._measure()
        while self._inquiries:
            await self._inquire(self._inquiries[0])
            self._inquiries.pop(0)
        for key in list(self._changed):
            lane = self._changed.pop(key)
            try:
                await self._tell(lane)
            except BaseException:
                self._changed.setdefault(key, lane)  # it is still news when the database is back
                raise
        await self._hear()
        await self._wake()
        if is_time:
            self._share_with(await processes.roles_heard(self._db, within_s=_HEARD_WITHIN_S))
            self._looked_around_at_s = self._clock()

    def _measure(self) -> None:
        elsewhere: list[State] = [_state_of(row) for key, row in self._told.items() if key not in self._lanes]
        lane_figures.measure(self._lanes.values(), elsewhere, self._clock())

    # --- lanes --------------------------------------------------------------------------------------------------------

    def _made(self, key: LaneKey, transport: Transport | None) -> Lane:
        if len(self._lanes) >= LANES_MAX:
            self._make_room()
        pace, label = (
            (Pace(), _OTHER) if transport is None else (transport.pace, lane_figures.label_of(key[2], transport))
        )
        lane = Lane(
            key,
            on_change=self._note_change,
            clock=self._clock,
            pace=pace,
            label=label,
            on_inquiry=self._inquiries.append,
        )
        lane.rate.set_share(self._share)
        self._lanes[key] = lane
        row = self._told.get(key)
        if row is not None:
            self._teach(lane, row)
        return lane

    def _make_room(self) -> None:
        """Forgets lanes that run freely, and if that is not enough the oldest: what stands is known to the store."""
        self._lanes = {key: lane for key, lane in self._lanes.items() if _has_something_to_remember(lane)}
        for key in list(self._lanes)[: max(0, len(self._lanes) - LANES_MAX * 9 // 10)]:
            del self._lanes[key]

    def _note_change(self, lane: Lane) -> None:
        self._changed[lane.key] = lane

    def _share_with(self, heard: Mapping[str, int]) -> None:
        """This process's part of every rate."""
        own = _WEIGHTS.get(self._role, 1.0)
        weights = {role: n for role, n in heard.items() if role in _WEIGHTS}
        weights[self._role] = max(1, weights.get(self._role, 0))
        share = own / sum(n * _WEIGHTS.get(role, 1.0) for role, n in weights.items())
        if share != self._share:
            self._share = share
            for lane in self._lanes.values():
                lane.rate.set_share(share)

    # --- telling ------------------------------------------------------------------------------------------------------

    async def _tell(self, lane: Lane) -> None:
        app_id, credential_id, origin = lane.key
        slowed = self._slowed(lane)
        if lane.state == "running":
            self._waking[lane.key] = _WAKE_ROUNDS
        else:
            self._waking.pop(lane.key, None)
        if lane.state == "running" and slowed is None:
            if await lanes.clear(self._db, app_id=app_id, credential_id=credential_id, origin=origin):
                self._say("info", "lane_runs_again", lane)
            return
        is_limited = lane.rate.is_site_limited
        reason = lane.reason or (SITE_LIMITED if is_limited else "throttled")
        told = await lanes.tell(
            self._db,
            app_id=app_id,
            credential_id=credential_id,
            origin=origin,
            state=lanes.STATES.index(lane.state),
            reason=reason,
            for_s=max(lane.until_s - self._clock(), 0.0) if lane.state != "running" else 0.0,
            slowed=slowed,
            is_limited=is_limited,
        )
        if told.is_news:
            level = {"running": "info", "parked": "warning", "stopped": "error"}[lane.state]
            event = "lane_runs_again" if lane.state == "running" else f"lane_{lane.state}"
            self._say(level, event, lane, reason=reason, **_rounded(slowed))
        if told.is_alarm:
            self._say("error", "lane_site_limited", lane, **_rounded(slowed))

    def _slowed(self, lane: Lane) -> Slowed | None:
        now_s = self._clock()
        if lane.rate.per_s(now_s) is None or (found := lane.rate.slowdown) is None:
            return None
        return Slowed(found.rate, found.before, found.peak, found.since_s - now_s)

    @staticmethod
    def _say(level: str, event: str, lane: Lane, **fields: object) -> None:
        app_id, credential_id, origin = lane.key
        getattr(log("delivery"), level)(event, app=app_id, credential=credential_id, origin=origin, **fields)

    async def _inquire(self, lane: Lane) -> None:
        """Finds out who those are that something was said against a lane by."""
        app_id, credential_id, _ = lane.key
        devices = lane.witnesses.latest
        lies = await reached.spread_of(self._db, app_id)
        if lies is None or not devices:
            lane.answer(set(), is_anybody_known=False)
            return
        home, spread = lies
        known = await reached.those_reached(self._db, app_id=app_id, home=home, spread=spread, devices=devices)
        buckets = sorted({bucket_of_id(one, home=home, spread=spread) for one in devices})
        lane.answer(
            known,
            is_anybody_known=bool(known)
            or await reached.is_anybody_reached(self._db, app_id=app_id, buckets=buckets, credential_id=credential_id),
        )

    # --- hearing ------------------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        at, rows = await lanes.standing(self._db)
        self._told_at = (at, self._clock())
        before, self._told = self._told, {(row.app_id, row.credential_id, row.origin): row for row in rows}
        for key, row in self._told.items():
            lane = self._lanes.get(key)
            if lane is not None:
                self._teach(lane, row)
        for key in before.keys() - self._told.keys() - self._changed.keys():
            lane = self._lanes.get(key)
            if lane is not None:
                lane.forget()
        self._waking |= dict.fromkeys(filter(self._goes_on, _standing(before)), _WAKE_ROUNDS)
        for key, row in self._told.items():
            if row.state == lanes.RUNNING and self._is_lifted(row):
                await lanes.lift(self._db, app_id=key[0], credential_id=key[1], origin=key[2])

    def _goes_on(self, key: LaneKey) -> bool:
        """Whether a lane that stood does so no longer, as far as is known here."""
        row = self._told.get(key)
        return key not in self._changed and (row is None or row.state == lanes.RUNNING)

    async def _wake(self) -> None:
        """Makes due who waits for lanes that go on."""
        self._waking = {key: left for key, left in self._waking.items() if self._goes_on(key)}
        marks: dict[int, set[int]] = {}
        for app_id, credential_id, origin in self._waking:
            marks.setdefault(app_id, {SEVERAL}).add(mark_of(credential_id, origin))
        woken = {app_id: await chunks.wake(self._db, app_id=app_id, lanes=sorted(of)) for app_id, of in marks.items()}
        self._waking = {
            key: left if woken.get(key[0]) == chunks.WAKE_MAX else left - 1
            for key, left in self._waking.items()
            if left > 1 or woken.get(key[0]) == chunks.WAKE_MAX
        }

    def _teach(self, lane: Lane, row: LaneRow) -> None:
        assert self._told_at is not None, "rows were heard before"
        at, heard_at_s = self._told_at
        left_s = (row.until - at).total_seconds() - (self._clock() - heard_at_s)
        if row.state != lanes.RUNNING:
            lane.learn(_state_of(row), row.reason, left_s)
        elif lane.key not in self._changed:
            lane.learn_end()
        if row.slowed is not None:
            lane.learn_rate(_slowdown(row.slowed, heard_at_s), is_site_limited=row.limited_at is not None)

    def _is_lifted(self, row: LaneRow) -> bool:
        return row.slowed is None or _slowdown(row.slowed, self._clock()).at(self._clock()) is None


def _standing(told: Mapping[LaneKey, LaneRow]) -> list[LaneKey]:
    return [key for key, row in told.items() if row.state != lanes.RUNNING]


def _state_of(row: LaneRow) -> State:
    return lanes.STATES[row.state]


def _slowdown(slowed: Slowed, heard_at_s: float) -> Slowdown:
    return Slowdown(slowed.rate, slowed.before, slowed.peak, heard_at_s + slowed.in_s)


def _rounded(slowed: Slowed | None) -> dict[str, float]:
    return {} if slowed is None else {"per_minute": round(slowed.rate * 60)}


def _has_something_to_remember(lane: Lane) -> bool:
    return lane.state != "running" or lane.in_flight > 0 or lane.rate.slowdown is not None


async def keep_exchanging(board: LaneBoard, *, every_s: float = 1.0, dice: random.Random) -> None:
    """Runs `exchange` until cancelled; a database that is away changes nothing about what this process knows."""
    while True:
        try:
            await board.exchange()
        except Exception as fault:  # noqa: BLE001 - it is tried again in a moment, whatever it was
            log("delivery").warning("lanes_not_exchanged", fault=type(fault).__name__)
        await asyncio.sleep(every_s * dice.uniform(0.8, 1.2))
