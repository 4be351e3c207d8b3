"""Lanes: one credential at one push service, with a health, a speed and a breaker of its own.

A service that is down, a key that is refused or a request to slow down concerns one lane; everybody else goes on. A
lane that stands still keeps its messages: recipients on it are put off, uncounted, and one of them is tried when the
time is up. A lane that is slow lets in as many as go within a second and puts the others off, so that it holds up no
other lane of their group.

Before a lane is stopped for what single devices got it is asked who they are (`policy.inquiry`): anybody may register
addresses that get errors, a thousand of them.

Lanes that stand or are slowed are shared by all processes through the store (`delivery.board`).
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.delivery.slots import Slots
from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.model.limits import (
    INQUIRY_S,
    LANE_PUT_OFF_S_MAX,
    LANE_RATE_MIN,
    LANE_WAIT_S_MAX,
    RETRY_BASE_S,
    RETRY_BASE_THROTTLED_S,
    RETRY_CAP_S,
)
from gateway.policy.circuit import CredentialHealth, Verdict
from gateway.policy.inquiry import Witnesses
from gateway.policy.pace import InFlight, Rate, Slowdown
from gateway.policy.standstill import mark_of
from gateway.store.lanes import State
from gateway.telemetry import LANE_THROTTLES
from gateway.transports.base import Pace

LaneKey = tuple[int, int, str]
"""(app, credential, origin of the push service)."""

_FRUITLESS_MAX: Final = 50
"""Pushes in a row without one success, after which the lane is parked."""
_FRUITLESS_STRANGERS_MAX: Final = 800
"""The same where all that were asked about are strangers: twice as many each time, up to here."""
_PROBE_WAIT_S: Final = 1.0
_DOUBLINGS_MAX: Final = 10
_WANT_LESS: Final = frozenset({"throttled", "unavailable"})
"""What a service says to everybody when it has too much to do."""
_PACED_PAUSE_S: Final = 10.0
"""Pause after a 429 without a time on a lane that is slowed already: its rate is about right, it needs no minute."""
SITE_LIMITED: Final = "site_limited"
"""Reason of a lane that its service has throttled at a low rate for minutes."""
_AS_USUAL: Final = Pace()


class Lane:
    """Decides whether a push may go now, and learns from each answer. Times are monotonic seconds.

    state: parked, as the service wants less or is away; stopped, as our credential or setting is at fault.

    A push is let in by `try_enter` or, where that says no, by `enter`; then `leave` has to follow. What became of it is
    told to `note`.
    """

    def __init__(
        self,
        key: LaneKey,
        *,
        on_change: Callable[["Lane"], None],
        clock: Callable[[], float],
        pace: Pace = _AS_USUAL,
        label: tuple[str, str] = ("other", "other"),
        on_inquiry: Callable[["Lane"], None] | None = None,
    ) -> None:
        """`on_inquiry`: somebody is to find out who `witnesses` are, and tell `answer`; None: nobody can."""
        self.key = key
        self.mark = mark_of(key[1], key[2])
        self.label = label
        self.state: State = "running"
        self.reason = ""
        self.until_s = 0.0
        self.health = CredentialHealth()
        self.rate = Rate(rate_max=pace.rate_max, ramp_s=pace.ramp_s)
        self._room = InFlight(pace.in_flight_max)
        self._slots = Slots(self._room)
        self._on_change = on_change
        self._clock = clock
        self._has_worked = False
        self._failures = 0
        self._fruitless = 0
        self._stops = 0
        self._is_probing = False
        self._line_ends_s = 0.0
        self._on_inquiry = on_inquiry
        self.witnesses = Witnesses()
        self._inquiry: tuple[State, str] | None = None
        self._inquiry_until_s = 0.0
        self._held_until_s = 0.0
        self._fruitless_max = _FRUITLESS_MAX
        self._has_accepted = False

    # --- letting in ---------------------------------------------------------------------------------------------------

    def try_enter(self) -> bool:
        """Whether a push may go at once; then `leave` has to follow. Nothing has happened otherwise: see `enter`."""
        slots = self._slots
        if self.state != "running" or slots.taken >= self._room.limit or slots.queue or self._held_until_s:
            return False
        if not self.rate.is_open and self.rate.reserve(self._clock(), wait_s_max=0.0) > 0:
            return False
        slots.taken += 1
        return True

    async def enter(self) -> float:
        """Waits for a turn, about a second at most. 0 when the push may go; else how long to put it off.

        After 0 `leave` has to follow. Cancelled while waiting, nothing is kept.
        """
        now_s = self._clock()
        held_s = self._standing_s(now_s)
        if held_s > 0:
            return held_s
        wait_s = self.rate.reserve(now_s, wait_s_max=LANE_WAIT_S_MAX)
        if wait_s > LANE_WAIT_S_MAX:
            return self._behind_others_s(now_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if not await self._slots.take():
            now_s = self._clock()
            return self._standing_s(now_s) or self._behind_others_s(now_s)
        held_s = self.held_s()
        if held_s > 0:
            self._slots.give_back()
        return held_s

    def leave(self) -> None:
        """The push that was let in has its answer, or was not sent after all."""
        self._slots.give_back()

    def held_s(self) -> float:
        """0 when a push may go; else how long to put it off. When the wait is over, one push goes first."""
        held_s = self._standing_s(self._clock())
        if held_s == 0 and self.state != "running":
            self._is_probing = True
        return held_s

    def give_up_probe(self) -> None:
        """The push that was to go first ended without an answer of the service."""
        self._is_probing = False

    @property
    def in_flight(self) -> int:
        """Pushes that were let in and have not left."""
        return self._slots.taken

    @property
    def in_flight_max(self) -> int:
        """How many may be at the moment."""
        return self._room.limit

    def _standing_s(self, now_s: float) -> float:
        if self.state == "running":
            return max(0.0, self._held_until_s - now_s)
        return max(self.until_s - now_s, _PROBE_WAIT_S if self._is_probing else 0.0)

    def _behind_others_s(self, now_s: float) -> float:
        """When it will be the turn of a push that was put off, if those put off before it come first.

        It reserves nothing: they only shall not all come back at once.
        """
        own = self.rate.own_per_s(now_s)
        per_s = max(self.rate.achieved(now_s), LANE_RATE_MIN) if own is None else own
        self._line_ends_s = max(self._line_ends_s, now_s + LANE_WAIT_S_MAX) + 1.0 / per_s
        self._line_ends_s = min(self._line_ends_s, now_s + LANE_PUT_OFF_S_MAX)
        return self._line_ends_s - now_s

    # --- learning -----------------------------------------------------------------------------------------------------

    @property
    def works(self) -> bool:
        """Whether a push that just failed may be at fault itself: others got through since the failure before it."""
        return self._has_worked and self._failures <= 1

    @property
    def verdict(self) -> Verdict:
        """What a doubtful answer on this lane means at the moment."""
        return self.health.verdict

    def note(self, outcome: Outcome, device: int = 0) -> None:
        """Learns from one answer, that this device got."""
        match outcome:
            case Accepted():
                self._accepted()
                self._worked()
            case Gone():
                self._worked()
            case Rejected(is_unsent=True):
                self.give_up_probe()
            case Rejected():
                self._worked()
            case Retry(reason, after_s, "lane"):
                self._failures += 1
                self._held_up(reason, after_s)
            case Retry(scope="device"):
                self.give_up_probe()
            case Retry(reason):
                self._failed(reason, device)
            case Misconfigured(reason):
                self._stand("stopped", reason, None, base_s=RETRY_BASE_THROTTLED_S)
            case Suspect(reason):
                self._doubted(reason, device)

    def _accepted(self) -> None:
        """Whatever was said before does not count: a push got through."""
        if self._has_accepted and not self.witnesses:
            return  # nearly every push
        self._has_accepted = True
        self._fruitless_max = _FRUITLESS_MAX
        self._held_until_s = 0.0
        self._inquiry = None
        self.witnesses.clear()

    def _worked(self) -> None:
        self.health.record(is_doubtful=False)
        self._has_worked = True
        self._failures = self._fruitless = 0
        now_s = self._clock()
        self.rate.count(now_s)
        slots = self._slots
        is_full = bool(slots.queue) or slots.taken + 1 >= self._room.limit
        # More at once makes a service that takes a second no quicker, and would fill this process with its pushes.
        if self._room.good(is_full=is_full and slots.taken <= self.rate.achieved(now_s) * LANE_WAIT_S_MAX):
            slots.wake()
        if self.state != "running" and self._is_probing:
            self._run()

    def _run(self) -> None:
        self.state, self.reason, self._stops, self._is_probing = "running", "", 0, False
        self.health.reset()
        self._on_change(self)

    def _failed(self, reason: str, device: int) -> None:
        """One push failed: the device's trouble, unless it is everybody's."""
        now_s = self._clock()
        self.witnesses.add(device)
        self.rate.count(now_s)
        if reason != "throttled":
            self._room.bad(now_s)
        self._failures += 1
        self._fruitless += 1
        if self._is_probing:
            self._stand("parked", reason, None, base_s=RETRY_BASE_S)
        elif self._fruitless >= self._fruitless_max:
            self._suspect("parked", reason)

    def _held_up(self, reason: str, asked_s: float | None) -> None:
        """The service cannot be reached, or wants less of everybody."""
        now_s = self._clock()
        self._room.cut(now_s)
        if reason not in _WANT_LESS:
            self._stand("parked", reason, asked_s, base_s=RETRY_BASE_S)
            return
        LANE_THROTTLES.labels(*self.label).inc()
        self.rate.count(now_s)
        is_under_way = self._was_under_way
        is_paced = self.rate.per_s(now_s) is not None and self.state == "running"
        base_s = RETRY_BASE_S if reason != "throttled" else _PACED_PAUSE_S if is_paced else RETRY_BASE_THROTTLED_S
        is_probe = self._is_probing
        self._stand("parked", reason, asked_s, base_s=base_s)
        if is_probe:
            self.rate.still_refused(now_s, resumes_at_s=self.until_s)
        elif is_under_way:
            self.rate.hold(self.until_s)
        else:
            self.rate.fall(now_s, resumes_at_s=self.until_s, in_flight=self.in_flight)
        if self.rate.is_site_limited and self.state == "parked":
            self.reason = SITE_LIMITED

    def _doubted(self, reason: str, device: int) -> None:
        """The device or our key: the lane stops when many say so, or when that is what it was stopped for."""
        self.health.record(is_doubtful=True)
        self.witnesses.add(device)
        if self._is_probing and self.state == "stopped":
            self._stand("stopped", reason, None, base_s=RETRY_BASE_THROTTLED_S)
        elif self.health.verdict is Verdict.CREDENTIAL:
            self._suspect("stopped", reason)
        else:
            # On a parked lane one dead device among those who go first proves nothing: the next one goes first.
            self.give_up_probe()

    # --- who says so --------------------------------------------------------------------------------------------------

    def _suspect(self, state: State, reason: str) -> None:
        """Stands, unless it can be asked who says so. Meanwhile it lets nobody in if nobody gets through."""
        now_s = self._clock()
        if self._on_inquiry is None or self.state != "running" or (self._inquiry and now_s >= self._inquiry_until_s):
            self._stand_for(state, reason)
        elif self._inquiry is None:
            self._inquiry = state, reason
            self._inquiry_until_s = now_s + INQUIRY_S
            is_anybody_through = state == "stopped" and self._has_accepted and self.health.has_worked
            if not is_anybody_through:
                self._held_until_s = self._inquiry_until_s
                self._slots.send_all_away()
            self._on_inquiry(self)

    def answer(self, known: set[int], *, is_anybody_known: bool) -> None:
        """Who the witnesses are: of those asked about these were reached before; and whether anybody was."""
        if self._inquiry is None:
            return
        state, reason = self._inquiry
        self._inquiry, self._held_until_s = None, 0.0
        is_anybody_known = is_anybody_known or self._has_accepted or bool(known)
        if self.state == "running" and self.witnesses.are_believed(known, is_anybody_known=is_anybody_known):
            self._stand_for(state, reason)
        else:
            self.health.excuse()
            self._fruitless, self._fruitless_max = 0, min(self._fruitless_max * 2, _FRUITLESS_STRANGERS_MAX)

    def _stand_for(self, state: State, reason: str) -> None:
        self._inquiry, self._held_until_s = None, 0.0
        self._stand(state, reason, None, base_s=RETRY_BASE_THROTTLED_S if state == "stopped" else RETRY_BASE_S)

    @property
    def _was_under_way(self) -> bool:
        """Whether an answer that comes now is to a push from before the lane stood."""
        return self.state != "running" and not self._is_probing

    def _stand(self, state: State, reason: str, asked_s: float | None, *, base_s: float) -> None:
        was_standing = self._was_under_way
        self._is_probing = False
        self._fruitless = 0
        if was_standing and asked_s is None:
            return  # an answer to a push that was under way when the lane was stopped says nothing new
        wait_s = min(RETRY_CAP_S, base_s * 2 ** min(self._stops, _DOUBLINGS_MAX)) if asked_s is None else asked_s
        self._stops += 1
        if not (was_standing and self.state == "stopped"):  # a late "slow down" does not make a refused key good
            self.state, self.reason = state, reason
        self.until_s = max(self.until_s, self._clock() + max(wait_s, RETRY_BASE_S))
        self._slots.send_all_away()
        self._on_change(self)

    # --- what other processes found out -------------------------------------------------------------------------------

    def learn(self, state: State, reason: str, left_s: float) -> None:
        """Takes over a standstill."""
        if left_s > 0 and self._clock() + left_s > self.until_s:
            self.state, self.reason, self.until_s = state, reason, self._clock() + left_s
            self._slots.send_all_away()

    def learn_rate(self, told: Slowdown, *, is_site_limited: bool) -> None:
        """Takes over a lower rate."""
        self.rate.learn(told, self._clock())
        self.rate.is_site_limited = self.rate.is_site_limited or is_site_limited

    def learn_end(self) -> None:
        """Another process saw it run again."""
        if self.state != "running" and self._clock() < self.until_s:
            self.until_s = self._clock()

    def forget(self) -> None:
        """Another process saw it run again at full speed, or an operator said so."""
        self.learn_end()
        self.rate.lift()
