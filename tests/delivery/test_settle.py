"""What is written of a group: everybody in it once, and at every moment of a message the figures add up."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.group import Group, Prepared
from gateway.delivery.settle import advanced, put_off_s, result_of
from gateway.model.delivery import Code, Device
from gateway.model.message import Message
from gateway.model.work import Chunk, ChunkKey, ChunkSum, GroupResult, NewChunk
from gateway.policy.counting import counts_of, folded
from gateway.policy.ending import SENT, Again, End, Fate
from gateway.policy.receipt_token import ReceiptSigner
from tests.delivery.world import NO_NAMES
from tests.store.rows import CONTENT, EVERYBODY

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
MESSAGE = Message(
    app_id=1, id=1 << 10, content=CONTENT, audience=EVERYBODY, planned_at=NOW, expires_at=NOW + timedelta(hours=1)
)
READY = Prepared(MESSAGE, NOW.date(), {}, ReceiptSigner(1, 1, b"s" * 32), NO_NAMES, 3600, "1.1")
GONE, FAILED, EXPIRED = End(Code.GONE), End(Code.FAILED_REJECTED), End(Code.EXPIRED)


def device(number: int, *, suspect_at: datetime | None = None) -> Device:
    return Device(number, "stub", number % 3, b"", number % 3, None, suspect_at)


def chunk_of(new: NewChunk, *, claim_no: int = 1) -> Chunk:
    """The chunk as a worker claims it."""
    return Chunk(
        key=new.key, hi=new.hi, cursor=new.key.lo - 1, ids=new.ids, strikes=new.strikes, claim_no=claim_no,
        expected=new.expected, seen=0, tally={},
    )  # fmt: skip


def first_chunk(ids: range, *, expected: int | None = None, is_listed: bool = False) -> Chunk:
    key = ChunkKey(1, 1, MESSAGE.id, 0, ids[0], 0)
    listed = list(ids) if is_listed else None
    return chunk_of(NewChunk(key=key, hi=ids[-1], ids=listed, expected=len(ids) if expected is None else expected))


def settle(chunk: Chunk, group: Group, fates: list[Fate]) -> GroupResult:
    return result_of(chunk, READY, group, fates, read_at=NOW, dice=random.Random(1))


def test_each_recipient_is_written_once():
    """Ends with their codes in id order, the others in a chunk of retries."""
    chunk = first_chunk(range(10, 16))
    group = Group([device(number) for number in range(10, 16)], [], 15, is_last=True)
    fates: list[Fate] = [SENT, Again("timeout", 1.5, is_counted=True), GONE, FAILED, SENT, EXPIRED]

    result = settle(chunk, group, fates)

    assert result.ids == [10, 12, 13, 14, 15]
    assert list(result.codes) == [Code.SENT, Code.GONE, Code.FAILED_REJECTED, Code.SENT, Code.EXPIRED]
    assert (result.gone, result.cursor, result.seen, result.is_finished) == ({12: NOW}, 15, 6, True)
    (retry,) = result.retries
    assert (retry.ids, retry.expected, retry.strikes, retry.key.attempt, retry.key.lo, retry.hi) == (
        [11], 1, 1, 1, 11, 11,
    )  # fmt: skip
    assert 2 <= retry.delay_s <= 2.5


def test_retries_are_gathered_by_their_wait_and_by_whether_they_count():
    """Few rows hold many people; who did nothing wrong gets no strike."""
    ids = range(100)
    waits = [Again("a", 1, is_counted=True), Again("b", 55, is_counted=False), Again("c", 59, is_counted=True)]
    chunk = msgspec.structs.replace(first_chunk(ids), strikes=3)

    result = settle(chunk, Group([device(n) for n in ids], [], 99, is_last=True), [waits[n % 3] for n in ids])

    assert sorted((len(one.ids or ()), one.strikes) for one in result.retries) == [(33, 3), (33, 4), (34, 4)]
    assert len({one.key for one in result.retries}) == 3
    assert all(one.ids == sorted(one.ids or ()) for one in result.retries)
    assert result.ids == []


def test_who_left_is_skipped_whether_named_or_counted():
    """Named and not there any more; or counted at planning and never met."""
    listed = first_chunk(range(10, 14), is_listed=True)
    named = settle(listed, Group([device(10), device(12)], [11, 13], 13, is_last=True), [SENT, SENT])
    assert named.ids == [10, 11, 12, 13]
    assert list(named.codes) == [Code.SENT, Code.SKIPPED_LEFT, Code.SENT, Code.SKIPPED_LEFT]

    ranged = settle(first_chunk(range(10), expected=7), Group([device(3)], [], 9, is_last=True), [SENT])
    for result, left in ((named, 2), (ranged, 6)):
        counts = counts_of(4 if result is named else 7, result.tally).counts
        assert (counts["skipped"], counts["pending"]) == (left, 0)


def test_a_success_clears_a_doubt_and_nothing_else_does():
    """Only what the push service took shows that the device lives."""
    doubted = [device(number, suspect_at=NOW) for number in range(4)]
    fates: list[Fate] = [SENT, FAILED, End(Code.FAILED_CREDENTIAL, is_suspect=True), Again("x", 1, is_counted=True)]

    result = settle(first_chunk(range(4)), Group(doubted, [], 3, is_last=True), fates)

    assert (result.cleared, result.suspects) == ([0], [2])


def test_a_group_whose_lanes_all_stand_is_left_as_it_is():
    """A stopped key with a million behind it: no list of a million retries is written."""
    held: list[Fate] = [Again("vapid_refused", 60.0, is_counted=False), Again("vapid_refused", 30.0, is_counted=False)]
    group = Group([device(1), device(2)], [], 2, is_last=True)

    chunk = first_chunk(range(1, 3))

    assert put_off_s(chunk, group, held) == 30.0
    assert put_off_s(chunk, group, [held[0], SENT]) is None
    assert put_off_s(chunk, group, [held[0], Again("timeout", 1, is_counted=True)]) is None
    assert put_off_s(chunk, group, [held[0], None]) is None
    assert put_off_s(chunk, Group([device(1), device(2)], [3], 3, is_last=True), held) is None
    assert put_off_s(chunk, Group([], [], 2, is_last=True), []) is None


def test_a_range_does_not_stand_for_long_before_one_service():
    """Behind five hundred whose service is down for hours there are others whose service answers."""
    group = Group([device(1), device(2)], [], 2, is_last=False)
    held: list[Fate] = [Again("unreachable", 900.0, is_counted=False)] * 2

    assert put_off_s(first_chunk(range(1, 9)), group, held) is None
    assert put_off_s(first_chunk(range(1, 9), is_listed=True), group, held) == 900.0


FATES: st.SearchStrategy[Fate] = st.sampled_from(
    [SENT, SENT, GONE, FAILED, EXPIRED, Again("x", 1, is_counted=True), Again("y", 90, is_counted=False)]
)


class _World:
    """A message's chunks as the store holds them, without a store."""

    def __init__(self, first: list[Chunk]) -> None:
        self.open = list(first)
        self.done: list[Chunk] = []
        self.is_cancelled = False
        self.ends: dict[int, int] = {}

    def sums(self) -> list[ChunkSum]:
        return [
            ChunkSum(chunk.key.attempt, is_done, self.is_cancelled, chunk.expected, chunk.seen, chunk.tally)
            for is_done, chunks in ((False, self.open), (True, self.done))
            for chunk in chunks
        ]

    def take(self, result: GroupResult) -> None:
        chunk = advanced(result.chunk, result)
        self.open.remove(result.chunk)
        (self.done if result.is_finished else self.open).append(chunk)
        self.open += [chunk_of(new) for new in result.retries]
        for number, code in zip(result.ids, result.codes, strict=True):
            assert number not in self.ends, "nobody comes to two ends"
            self.ends[number] = code


def next_group(chunk: Chunk, alive: set[int], size: int) -> Group:
    """What the feed would read behind the cursor: the living, up to `size`."""
    if chunk.ids is not None:
        waiting = [number for number in chunk.ids if number > chunk.cursor]
        part = waiting[:size]
        missing = [number for number in part if number not in alive]
        devices = [device(number) for number in part if number in alive]
        return Group(devices, missing, part[-1] if part else chunk.hi, len(part) == len(waiting))
    found = [number for number in range(chunk.cursor + 1, chunk.hi + 1) if number in alive][:size]
    is_last = len(found) < size
    return Group([device(number) for number in found], [], chunk.hi if is_last else found[-1], is_last)


def adds_up(world: _World) -> dict[str, int]:
    audience, tally = folded(world.sums())
    counts = counts_of(audience, tally).counts
    parts = {name: value for name, value in counts.items() if name != "audience"}
    assert counts["audience"] == sum(parts.values())
    assert min(parts.values()) >= 0
    assert sum(tally.values()) <= audience
    return counts


@given(data=st.data())
def test_at_every_moment_the_audience_is_the_sum_of_its_states(data: st.DataObject):
    """Whatever is answered, whoever leaves, joins or is cancelled: nobody is lost and nobody counted twice."""
    sizes = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=3), "sizes of chunks")
    planned = data.draw(st.lists(st.booleans(), min_size=24, max_size=24), "who is there at planning")
    starts: Iterator[int] = iter(range(0, 24, 8))
    first: list[Chunk] = []
    for size in sizes:
        ids = range(start := next(starts), start + size)
        is_listed = data.draw(st.booleans(), "a list")
        expected = None if is_listed else sum(planned[number] for number in ids)
        first.append(first_chunk(ids, expected=expected, is_listed=is_listed))
    world = _World(first)
    alive = {number for number in range(24) if planned[number]}
    adds_up(world)

    for _ in range(data.draw(st.integers(0, 25), "steps")):
        if not world.open:
            break
        chunk = data.draw(st.sampled_from(world.open), "chunk")
        alive -= data.draw(st.sets(st.integers(0, 23), max_size=2), "leave")
        alive |= data.draw(st.sets(st.integers(0, 23), max_size=1), "join") - world.ends.keys()
        group = next_group(chunk, alive, data.draw(st.integers(1, 4), "size of the group"))
        fates = data.draw(st.lists(FATES, min_size=len(group.devices), max_size=len(group.devices)), "fates")
        world.take(settle(chunk, group, fates))
        adds_up(world)

    if data.draw(st.booleans(), "cancel"):
        world.is_cancelled = True
        counts = adds_up(world)
        assert counts["pending"] == 0
    elif not world.open:
        assert adds_up(world)["pending"] == 0
