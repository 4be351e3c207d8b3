"""Stop 8: a group's fates become one transaction.

`result_of` decides, `GroupResult` says it, `store.chunks.settle` writes it: all of it or nothing, and only while the
chunk is ours.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from gateway.delivery.group import Group, Prepared, arm_of
from gateway.model.delivery import Code, Device
from gateway.model.message import Message
from gateway.model.work import Chunk, GroupResult, NewChunk
from gateway.policy.caps import Kind, kind_of
from gateway.policy.counting import tally_key, unread_key
from gateway.policy.ending import SHARED_HOLDS, Again, End, Fate
from gateway.policy.retry import shared_wait_s
from gateway.policy.standstill import SEVERAL

_HELD_UP_S_MAX = 60.0
"""So long a range may stand before a group that nobody can be reached of."""
_ATTEMPT_MAX = 32_000
"""A smallint counts the chunks of retries; at one a quarter of an hour this is most of a year."""


def put_off_s(chunk: Chunk, group: Group, fates: Sequence[Fate | None]) -> float | None:
    """How long to leave the whole group, when nobody of it is to be tried now; None where anything is to be settled.

    The cursor then stays where it is: no list of retries is written for people who were not tried. Where lanes stand
    still for long, a range goes on all the same: behind this group there may be people whose service answers. It waits
    where all are held for the hour it is where they are: a plan puts into one range only people whose hours are the
    same.
    """
    waits: list[float] = []
    is_shared = True
    for fate in fates:
        if not isinstance(fate, Again) or fate.is_counted:
            return None
        waits.append(fate.wait_s)
        is_shared = is_shared and fate.reason in SHARED_HOLDS
    if not waits or group.missing:
        return None
    goes_on = chunk.ids is None and not group.is_last and not is_shared
    return None if goes_on and min(waits) > _HELD_UP_S_MAX else min(waits)


def lane_of(fates: Iterable[Fate | None]) -> int | None:
    """The mark of the lane that these wait for (`policy.standstill`); None where nobody waits for one."""
    marks = {fate.lane for fate in fates if isinstance(fate, Again)} - {None}
    return marks.pop() if len(marks) == 1 else SEVERAL if marks else None


def result_of(
    chunk: Chunk,
    ready: Prepared,
    group: Group,
    fates: Sequence[Fate | None],
    *,
    read_at: datetime,
    dice: random.Random,
) -> GroupResult:
    """Everything that is to be written of a group. A fate of None: still being tried."""
    ends = [(device, fate) for device, fate in zip(group.devices, fates, strict=True) if isinstance(fate, End)]
    codes = {device.subscription_id: fate.code for device, fate in ends}
    codes.update(dict.fromkeys(group.missing, Code.SKIPPED_LEFT))
    ids = sorted(codes)
    # Whoever waits for an experiment's winner is expected by the chunk of the rest, once they were seen here.
    deferred = 0 if chunk.is_rest else group.passed
    seen = chunk.seen + len(group.devices) + len(group.missing) + deferred
    return GroupResult(
        chunk=chunk,
        day=ready.day,
        cursor=group.cursor,
        seen=seen,
        tally=_tally(chunk, group, ends, left=max(0, chunk.expected - seen) if group.is_last else 0),
        is_finished=group.is_last,
        ids=ids,
        codes=bytes(codes[number] for number in ids),
        retries=_retries(chunk, group.devices, fates, dice=dice),
        gone={device.subscription_id: _known_since(fate, read_at) for device, fate in ends if fate.code is Code.GONE},
        suspects=[
            device.subscription_id
            for device, fate in zip(group.devices, fates, strict=True)
            if fate is not None and fate.is_suspect
        ],
        cleared=[d.subscription_id for d, fate in ends if d.suspect_at is not None and fate.code is Code.SENT],
        read_at=read_at,
        category=int(_kind_of(ready.message)),
        deferred=deferred,
        late=_late(chunk, [d.subscription_id for d, fate in zip(group.devices, fates, strict=True) if fate is None]),
    )


def _kind_of(message: Message) -> Kind:
    """A recall uses up nobody's cap: it takes away rather than adds."""
    return Kind.UNKNOWN if message.content.recalls is not None else kind_of(message.terms.category)


def _known_since(fate: End, read_at: datetime) -> datetime:
    """The provider's word is as old as it says, and never newer than our reading of the address."""
    return read_at if fate.at_s is None else min(read_at, datetime.fromtimestamp(fate.at_s, UTC))


def _late(chunk: Chunk, ids: Sequence[int]) -> Chunk | None:
    """A chunk for those who are still being tried, claimed already by whoever tries."""
    if not ids:
        return None
    key = msgspec.structs.replace(chunk.key, lo=min(ids), attempt=min(chunk.key.attempt + 1, _ATTEMPT_MAX))
    return Chunk(
        key=key, hi=max(ids), cursor=key.lo - 1, ids=sorted(ids), strikes=chunk.strikes, claim_no=1,
        expected=len(ids), seen=0, tally={},
    )  # fmt: skip


def _tally(chunk: Chunk, group: Group, ends: Sequence[tuple[Device, End]], *, left: int) -> dict[str, int]:
    """The chunk's tally with this group added; `left` counted at planning and were not met any more."""
    kinds = Counter((device.provider, device.platform, fate.code, arm_of(device)) for device, fate in ends)
    tally = Counter(chunk.tally)
    for (provider, platform, code, arm), n in kinds.items():
        tally[tally_key(provider, platform, code, arm)] += n
    if left or group.missing:
        tally[unread_key(Code.SKIPPED_LEFT)] += left + len(group.missing)
    return dict(tally)


def _retries(
    chunk: Chunk, devices: Sequence[Device], fates: Sequence[Fate | None], *, dice: random.Random
) -> list[NewChunk]:
    """Chunks for those to be tried again: one for each step of waiting, so that few rows hold many people.

    Who waits for a lane is in none with somebody who was asked to wait: the first may be woken.
    """
    waiting: dict[tuple[int, bool, bool, bool], list[tuple[int, Again]]] = {}
    for device, fate in zip(devices, fates, strict=True):
        if isinstance(fate, Again):
            step_s = math.ceil(fate.wait_s) if fate.is_exact else shared_wait_s(fate.wait_s)
            kind = (step_s, fate.is_counted, fate.is_exact, fate.lane is None)
            waiting.setdefault(kind, []).append((device.subscription_id, fate))
    return [
        NewChunk(
            key=msgspec.structs.replace(chunk.key, lo=again[0][0], attempt=min(chunk.key.attempt + 1, _ATTEMPT_MAX)),
            hi=again[-1][0],
            ids=[number for number, _ in again],
            strikes=chunk.strikes + is_counted,
            expected=len(again),
            delay_s=step_s + (0.0 if is_exact else dice.uniform(0, step_s / 4)),
            lane=lane_of(fate for _, fate in again),
        )
        for (step_s, is_counted, is_exact, _), again in waiting.items()
    ]


def advanced(chunk: Chunk, result: GroupResult) -> Chunk:
    """The chunk after its group was settled."""
    torn = max(0, chunk.torn - (result.seen - chunk.seen))
    return msgspec.structs.replace(chunk, cursor=result.cursor, seen=result.seen, tally=result.tally, torn=torn)
