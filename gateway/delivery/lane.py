"""Lanes: one credential at one push service, with a health of its own.

A service that is down, a key that is refused or a request to slow down concerns one lane; everybody else goes on. A
lane that stands still keeps its messages: recipients on it are put off, uncounted, and one of them is tried when the
time is up. Lanes that stand are shared by all processes through the store (`LaneBoard`).
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, Literal

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.model.limits import LANE_IN_FLIGHT_MAX, RETRY_BASE_S, RETRY_BASE_THROTTLED_S, RETRY_CAP_S
from gateway.policy.circuit import CredentialHealth, Verdict
from gateway.store import lanes
from gateway.store.database import Database
from gateway.telemetry import LANES_STANDING, log

LaneKey = tuple[int, int, str]
"""(app, credential, origin of the push service)."""

State = Literal["running", "parked", "stopped"]
"""parked: the service wants less or is away. stopped: our credential or setting is at fault."""

_STATE_NUMBER: Final[dict[State, int]] = {"running": 0, "parked": 1, "stopped": 2}
_WORKED_LATELY_S: Final = 900.0
_FRUITLESS_MAX: Final = 50
"""Pushes in a row without one success, after which the lane is parked."""
_PROBE_WAIT_S: Final = 1.0
_LANES_MAX: Final = 20_000
_DOUBLINGS_MAX: Final = 10


class Lane:
    """Decides whether a push may go now, and learns from each answer. Times are monotonic seconds."""

    def __init__(self, key: LaneKey, *, on_change: Callable[["Lane"], None], clock: Callable[[], float]) -> None:
        self.key = key
        self.state: State = "running"
        self.reason = ""
        self.until_s = 0.0
        self.slots = asyncio.Semaphore(LANE_IN_FLIGHT_MAX)
        self.health = CredentialHealth()
        self._on_change = on_change
        self._clock = clock
        self._worked_at_s = float("-inf")
        self._fruitless = 0
        self._stops = 0
        self._is_probing = False

    @property
    def works(self) -> bool:
        """Whether anything got through lately."""
        return self._clock() - self._worked_at_s < _WORKED_LATELY_S

    @property
    def verdict(self) -> Verdict:
        """What a doubtful answer on this lane means at the moment."""
        return self.health.verdict

    def held_s(self) -> float:
        """0 when a push may go; else how long to put it off. When the wait is over, one push goes first."""
        if self.state == "running":
            return 0.0
        left_s = self.until_s - self._clock()
        if left_s > 0:
            return left_s
        if self._is_probing:
            return _PROBE_WAIT_S
        self._is_probing = True
        return 0.0

    def note(self, outcome: Outcome) -> None:
        """Learns from one answer."""
        match outcome:
            case Rejected(is_unsent=True):
                self.give_up_probe()
            case Accepted() | Gone() | Rejected():
                self._worked()
            case Retry(reason, after_s, "lane"):
                self._stand("parked", reason, after_s, base_s=RETRY_BASE_THROTTLED_S if reason == "throttled" else 1.0)
            case Retry(reason, _, _):
                self._fruitless += 1
                if self._is_probing or self._fruitless >= _FRUITLESS_MAX:
                    self._stand("parked", reason, None, base_s=RETRY_BASE_S)
            case Misconfigured(reason):
                self._stand("stopped", reason, None, base_s=RETRY_BASE_THROTTLED_S)
            case Suspect(reason):
                self.health.record(is_doubtful=True)
                if self._is_probing or self.health.verdict is Verdict.CREDENTIAL:
                    self._stand("stopped", reason, None, base_s=RETRY_BASE_THROTTLED_S)

    def give_up_probe(self) -> None:
        """The push that was to go first ended without an answer of the service."""
        self._is_probing = False

    def learn(self, state: State, reason: str, left_s: float) -> None:
        """Takes over what another process found out."""
        if left_s > 0 and self._clock() + left_s > self.until_s:
            self.state, self.reason, self.until_s = state, reason, self._clock() + left_s

    def forget(self) -> None:
        """Another process saw it run again."""
        if self.state != "running" and self._clock() < self.until_s:
            self.until_s = self._clock()

    def _worked(self) -> None:
        self.health.record(is_doubtful=False)
        self._worked_at_s = self._clock()
        self._fruitless = 0
        if self.state != "running" and self._is_probing:
            self.state, self.reason, self._stops, self._is_probing = "running", "", 0, False
            self.health.reset()
            self._on_change(self)

    def _stand(self, state: State, reason: str, asked_s: float | None, *, base_s: float) -> None:
        was_standing = self.state != "running" and not self._is_probing
        self._is_probing = False
        self._fruitless = 0
        if was_standing and asked_s is None:
            return  # an answer to a push that was under way when the lane was stopped says nothing new
        wait_s = min(RETRY_CAP_S, base_s * 2 ** min(self._stops, _DOUBLINGS_MAX)) if asked_s is None else asked_s
        self._stops += 1
        self.state, self.reason = state, reason
        self.until_s = max(self.until_s, self._clock() + max(wait_s, RETRY_BASE_S))
        self._on_change(self)


class LaneBoard:
    """All lanes of this process, and what the processes tell each other of those that stand."""

    def __init__(self, db: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._clock = clock
        self._lanes: dict[LaneKey, Lane] = {}
        self._changed: dict[LaneKey, Lane] = {}
        self._told: set[LaneKey] = set()

    def of(self, key: LaneKey) -> Lane:
        """The lane, made at its first use."""
        lane = self._lanes.get(key)
        if lane is None:
            if len(self._lanes) >= _LANES_MAX:
                self._lanes = {k: kept for k, kept in self._lanes.items() if kept.state != "running"}
            lane = self._lanes[key] = Lane(key, on_change=self._note_change, clock=self._clock)
        return lane

    async def exchange(self) -> None:
        """Tells the others what changed here, and hears what changed there. Call it every second or two."""
        for key in list(self._changed):
            lane = self._changed.pop(key)
            try:
                await self._tell(key, lane)
            except BaseException:
                self._changed.setdefault(key, lane)  # it is still news when the database is back
                raise
        at, rows = await lanes.standing(self._db)
        there = {(row.app_id, row.credential_id, row.origin) for row in rows}
        for row in rows:
            left_s = (row.until - at).total_seconds()
            lane = self.of((row.app_id, row.credential_id, row.origin))
            lane.learn("stopped" if row.state == _STATE_NUMBER["stopped"] else "parked", row.reason, left_s)
        for key in self._told - there:
            self.of(key).forget()
        self._told = there

    async def _tell(self, key: LaneKey, lane: Lane) -> None:
        app_id, credential_id, origin = key
        if lane.state == "running":
            if await lanes.clear(self._db, app_id=app_id, credential_id=credential_id, origin=origin):
                log("delivery").info("lane_runs_again", app=app_id, credential=credential_id, origin=origin)
            return
        is_news = await lanes.stop(
            self._db,
            app_id=app_id,
            credential_id=credential_id,
            origin=origin,
            state=_STATE_NUMBER[lane.state],
            reason=lane.reason,
            for_s=max(lane.until_s - self._clock(), 0.0),
        )
        if is_news:
            say = log("delivery").error if lane.state == "stopped" else log("delivery").warning
            say(f"lane_{lane.state}", app=app_id, credential=credential_id, origin=origin, reason=lane.reason)

    def _note_change(self, lane: Lane) -> None:
        self._changed[lane.key] = lane
        for state in ("parked", "stopped"):
            LANES_STANDING.labels(state).set(sum(one.state == state for one in self._lanes.values()))


async def keep_exchanging(board: LaneBoard, *, every_s: float = 1.0, dice: random.Random) -> None:
    """Runs `exchange` until cancelled; a database that is away changes nothing about what this process knows."""
    while True:
        try:
            await board.exchange()
        except Exception as fault:  # noqa: BLE001 - it is tried again in a moment, whatever it was
            log("delivery").warning("lanes_not_exchanged", fault=type(fault).__name__)
        await asyncio.sleep(every_s * dice.uniform(0.8, 1.2))
