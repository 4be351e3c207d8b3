"""Stops 6 and 7: one group through its lanes, and the fate of each recipient.

A group is sent by runners that share one list: what takes the core (encryption) is done in slices by the transport, and
what waits (for a lane, for a push service) waits side by side.
"""

import asyncio
import contextlib
import random
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.delivery.board import LaneBoard
from gateway.delivery.feed import Clock
from gateway.delivery.group import Prepared, arm_of
from gateway.delivery.lane import Lane
from gateway.model.delivery import Accepted, Code, Device, Outcome, Push, Rejected
from gateway.model.errors import Invalid
from gateway.model.limits import RUNNERS_PER_STEP
from gateway.policy.click_links import CLICK_KINDS, CLICK_MARK
from gateway.policy.ending import SENT, Again, Circumstances, End, Fate, fate_of
from gateway.policy.liquid import TextUnmade
from gateway.policy.receipt_token import ALL_KINDS, PREFERENCES
from gateway.telemetry import PROVIDER_REQUESTS, log
from gateway.transports.base import Compiled, Credential, Transport

_CLICK_MARK: Final = CLICK_MARK.encode()
_LOOK_AGAIN_S: Final = 0.02
_SLOW_LANE_S: Final = 1.0
"""Nobody comes back to a slow lane sooner: reading a group again and again costs more than its pushes."""
_PUT_OFF: Final = Again("stopping", 0.0, is_counted=False)
_EXPIRED: Final = End(Code.EXPIRED)
_TOO_LARGE: Final = End(Code.FAILED_TOO_LARGE)
_NO_CREDENTIAL: Final = End(Code.FAILED_CREDENTIAL)
_NO_TEXT: Final = End(Code.SKIPPED_TEMPLATE)
_NO_TRANSPORT: Final = End(Code.FAILED_REJECTED)


class GroupSender:
    """Sends groups for one process."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        board: LaneBoard,
        *,
        clock: Clock,
        dice: random.Random,
        is_stopped: Callable[[int], bool] = lambda _app_id: False,
    ) -> None:
        self.is_stopping = False
        """Whether nobody else is to be tried in this process."""
        self._is_stopped = is_stopped
        self._transports = transports
        self._board = board
        self._clock = clock
        self._dice = dice

    def start(
        self,
        ready: Prepared,
        devices: Sequence[Device],
        credentials: Mapping[int, Credential],
        *,
        attempt: int,
        strikes: int,
        fates: Sequence[Fate | None] = (),
    ) -> "Sending":
        """A group on its way. Never raises for what a push service does. Whoever has a fate already is not tried.

        When the process is told to stop, requests under way are waited for, and who has not been tried is put off: a
        slow push service then delays the stop by one deadline, not by one for each round of runners.
        """
        return Sending(_Run(self, ready, credentials, attempt, strikes), devices, fates)

    def halts(self, app_id: int) -> bool:
        """Whether nobody else of this app is to be tried: the process stops, or somebody stopped the app."""
        return self.is_stopping or self._is_stopped(app_id)

    def lane_of(self, transport: Transport, credential: Credential, wire: bytes) -> Lane:
        """The lane that this address goes through with this credential."""
        return self._board.of((credential.app_id, credential.id, transport.lane_of(wire)), transport)

    @property
    def transports(self) -> Mapping[str, Transport]:
        """By provider name."""
        return self._transports

    def now_s(self) -> float:
        """Unix time, the database's."""
        return self._clock()

    @property
    def dice(self) -> random.Random:
        """For jitter."""
        return self._dice


class Sending:
    """A group on its way: who is done, who is not."""

    def __init__(self, run: "_Run", devices: Sequence[Device], fates: Sequence[Fate | None]) -> None:
        self._run = run
        self.fates: list[Fate | None] = list(fates) or [None] * len(devices)
        """In the order of the devices; None: still being tried."""
        self._loop = asyncio.get_running_loop()
        asked = [(place, device) for place, device in enumerate(devices) if self.fates[place] is None]
        self._places = iter(asked)
        self._left = len(asked)
        self._left_before = self._left
        self._is_over: asyncio.Future[None] = self._loop.create_future()
        self._runners: list[asyncio.Task[None]] = []
        self._looking: asyncio.TimerHandle | None = None
        if asked:
            self._run_more()
        else:
            self._is_over.set_result(None)

    async def wait(self, within_s: float | None = None) -> bool:
        """Waits until everybody has a fate, or for so long; whether everybody has one."""
        if not self._is_over.done():
            await asyncio.wait([self._is_over], timeout=within_s)
        return self._is_over.done()

    def cancel(self) -> None:
        """Gives up whoever has no fate yet."""
        if self._looking is not None:
            self._looking.cancel()
        for runner in self._runners:
            runner.cancel()

    def _run_more(self) -> None:
        """Adds runners while those there are wait for answers most of the time.

        A task for each recipient costs as much as its request, and is needed only where answers take long. Where the
        core is what holds a group up, each runner has finished several recipients meanwhile.
        """
        self._looking = None
        is_waiting = self._left_before - self._left < len(self._runners)
        self._left_before = self._left
        if is_waiting or not self._runners:
            more = min(RUNNERS_PER_STEP, self._left - len(self._runners))
            self._runners += [self._loop.create_task(self._send_some()) for _ in range(more)]
        if self._left > len(self._runners):
            self._looking = self._loop.call_later(_LOOK_AGAIN_S, self._run_more)

    async def _send_some(self) -> None:
        run, fates = self._run, self.fates
        for place, device in self._places:
            fates[place] = _PUT_OFF if run.is_halted else await run.one(device)
            self._left -= 1
            if not self._left:
                run.count_accepted()
                if self._looking is not None:
                    self._looking.cancel()
                self._is_over.set_result(None)


def _place_of(fault: Exception) -> str:
    """What it was and where, without its text: that may hold what the person was to read."""
    frames = traceback.extract_tb(fault.__traceback__)
    at = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(fault).__name__}{at}"


class _Run:
    """One group on its way: what is the same for all of its recipients."""

    def __init__(
        self, sender: GroupSender, ready: Prepared, credentials: Mapping[int, Credential], attempt: int, strikes: int
    ) -> None:
        self._sender = sender
        self._ready = ready
        self._credentials = credentials
        self._attempt = attempt
        self._strikes = strikes
        self._expires_at_s = ready.message.expires_at.timestamp()
        self.accepted: Counter[str] = Counter()

    @property
    def is_halted(self) -> bool:
        """Whether who has not been tried yet is left for later."""
        return self._sender.halts(self._ready.message.app_id)

    def count_accepted(self) -> None:
        """Tells the metrics: once a group, since a labelled one costs as much as a tenth of an encryption."""
        for provider, count in self.accepted.items():
            PROVIDER_REQUESTS.labels(provider, "accepted").inc(count)

    async def one(self, device: Device) -> Fate:
        """The fate of one recipient; a fault of ours that only it meets ends only it."""
        transport = self._sender.transports.get(device.provider)
        if transport is None:
            return _NO_TRANSPORT
        credential = self._credentials.get(device.credential_id) or self._successor(device, transport)
        if credential is None:
            return _NO_CREDENTIAL
        lane: Lane | None = None
        try:
            lane = self._sender.lane_of(transport, credential, device.wire)
            return await self._through(lane, transport, credential, device)
        except Exception as fault:  # noqa: BLE001 - one poisoned recipient must not stop the group
            if lane is not None:
                lane.give_up_probe()
            log("delivery").error("push_failed_inside", message=self._ready.message.id, fault=_place_of(fault))
            return End(Code.FAILED_INTERNAL)

    def _successor(self, device: Device, transport: Transport) -> Credential | None:
        """A live key in place of one that was retired, where the provider does not bind devices to theirs."""
        if transport.binds_devices:
            return None
        for other in self._credentials.values():
            if other.provider == transport.name:
                with contextlib.suppress(Invalid):
                    transport.check_reach(device.wire, other.public)
                    return other
        return None

    async def _through(self, lane: Lane, transport: Transport, credential: Credential, device: Device) -> Fate:
        if self._expires_at_s <= self._sender.now_s():
            return _EXPIRED  # before it takes anybody's place on a slow lane
        if not lane.try_enter():
            held_s = await lane.enter()
            if held_s > 0:
                return self._put_off(lane, held_s)
            if self.is_halted:
                lane.give_up_probe()
                lane.leave()
                return _PUT_OFF
        try:
            left_s = self._expires_at_s - self._sender.now_s()
            if left_s <= 0:
                lane.give_up_probe()
                return _EXPIRED
            compiled = self._ready.compiled_for(device)
            ttl_s = min(self._ready.ttl_s, int(left_s))
            payload = self._payload(compiled, device, ttl_s)
            if len(payload) > (compiled.payload_bytes_max or transport.payload_bytes_max(device.platform)):
                lane.give_up_probe()
                return _TOO_LARGE
            push = Push(
                credential.app_id,
                credential.id,
                device.wire,
                payload,
                ttl_s,
                self._ready.message.content.urgency,
                self._ready.collapse_key,
                compiled.options,
            )
            outcome = await transport.send(push, credential)
            lane.note(outcome, device.subscription_id)
        except TextUnmade:
            lane.give_up_probe()
            return _NO_TEXT
        except asyncio.CancelledError:
            lane.give_up_probe()  # if it was the one that goes first, nobody else would ever go
            raise
        finally:
            lane.leave()
        if type(outcome) is Accepted:
            self.accepted[device.provider] += 1
            return SENT
        return self._judged(outcome, lane, device, transport.name)

    def _payload(self, compiled: Compiled, device: Device, ttl_s: int) -> bytes:
        payload = compiled.render(device, self._token(device), ttl_s)
        if compiled.is_routed:
            return payload.replace(_CLICK_MARK, self._token(device, CLICK_KINDS).encode())
        return payload

    def _token(self, device: Device, kinds: int = ALL_KINDS) -> str:
        return self._ready.signer.sign(
            message_id=self._ready.message.id,
            subscription_id=device.subscription_id,
            day=self._ready.day,
            kinds=kinds,
            arm=arm_of(device),
            person=device.person if kinds & PREFERENCES else None,
        )

    def _put_off(self, lane: Lane, held_s: float) -> Fate:
        left_s = self._expires_at_s - self._sender.now_s()
        if lane.state == "running":
            # It is slow: the wait is its place in the line, a guess. There may be room before the message expires.
            wait_s = max(_SLOW_LANE_S, min(held_s, left_s / 2))
            return _EXPIRED if wait_s >= left_s else Again("throttled", wait_s, is_counted=False)
        wait_s = held_s + self._sender.dice.uniform(0, 1)
        return _EXPIRED if wait_s >= left_s else Again(lane.reason, wait_s, is_counted=False, lane=lane.mark)

    def _judged(self, outcome: Outcome, lane: Lane, device: Device, provider: str) -> Fate:
        PROVIDER_REQUESTS.labels(provider, type(outcome).__name__.lower()).inc()
        around = Circumstances(
            self._attempt,
            self._strikes,
            self._ready.message.expires_at,
            lane.verdict,
            lane_works=lane.works,
            lane=lane.mark,
        )
        if isinstance(outcome, Rejected) and outcome.alarm:
            log("delivery").error("push_rejected", provider=provider, reason=outcome.reason, host=lane.key[2])
        return fate_of(
            outcome,
            around,
            suspect_at=device.suspect_at,
            now=datetime.fromtimestamp(self._sender.now_s(), UTC),
            dice=self._sender.dice,
        )
