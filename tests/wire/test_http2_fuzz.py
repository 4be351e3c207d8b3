"""Whatever bytes come in whatever pieces: nothing is raised, nothing hangs, nothing grows without bound."""

import asyncio
import itertools
from collections.abc import Iterable
from typing import Any

from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.limits import ANSWER_BYTES_MAX, HEADER_BLOCK_BYTES_MAX
from gateway.wire import http2_frames as frames
from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Answer, Fields, WireFailure
from gateway.wire.http2_connection import Http2Connection
from gateway.wire.request import Request

SHARED = Fields([("ttl", "60")])
TARGET = EgressPolicy.of(defaults=["push.example"]).check_url("https://push.example/x")
STREAMS = 6
GREETING = frames.settings_frame({frames.MAX_CONCURRENT_STREAMS: 100, frames.INITIAL_WINDOW_SIZE: 500})
WRITTEN_BYTES_MAX = 4_000_000


class Transport:
    """Takes everything."""

    def __init__(self) -> None:
        self.written = 0
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.written += len(data)

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def set_write_buffer_limits(self, high: int) -> None:
        """Of no matter here."""


class Pool:
    """Keeps what a connection hands back."""

    has_waiting = False

    def __init__(self) -> None:
        self.handed_back: list[Request] = []
        self.lost_count = 0

    def freed(self) -> None:
        """Nobody waits."""

    def resend(self, requests: list[Request]) -> None:
        self.handed_back += requests

    def lost(self, connection: object) -> None:
        assert isinstance(connection, Http2Connection)
        self.lost_count += 1


class Game:
    """A connection with requests on their way, some larger than their windows."""

    def __init__(self) -> None:
        self.pool, self.transport = Pool(), Transport()
        self.connection = Http2Connection(self.pool, "push.example")
        given_transport: Any = self.transport
        self.connection.connection_made(given_transport)
        self.connection.receive(GREETING)
        self.requests = [self._request(size) for size in (10, 0, 2000, 40_000, 10, 10)]
        for request in self.requests:
            self.connection.start(request)
        self.connection._outlet.flush()

    def _request(self, size: int) -> Request:
        future = asyncio.get_running_loop().create_future()
        return Request(TARGET, SHARED, (), b"x" * size, wants_body=size > 10, deadline_at_s=1e12, future=future)

    def feed(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self.connection.receive(piece)

    def kept_bytes(self) -> int:
        """What the other side made us remember."""
        inlet = self.connection._inlet
        block = inlet._block.size_bytes if inlet._block is not None else 0
        bodies = sum(len(request.received or b"") for request in self.requests)
        return len(inlet._rest) + block + bodies

    def end(self) -> list[object]:
        """How each request ended, once the connection is lost."""
        self.connection.connection_lost(None)
        assert all(request.future.done() or request in self.pool.handed_back for request in self.requests)
        assert self.pool.lost_count == 1
        assert self.connection.room <= 0
        return [self._outcome(request) for request in self.requests]

    def _outcome(self, request: Request) -> object:
        if not request.future.done():
            return "handed back"
        failure = request.future.exception()
        if failure is None:
            answer: Answer = request.future.result()
            assert len(answer.body) <= ANSWER_BYTES_MAX
            return answer.status, dict(answer.headers), answer.body
        assert isinstance(failure, WireFailure)
        return failure.kind, str(failure)


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return frames.frame_head(len(payload), kind, flags, stream_id) + payload


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(marks)]


def recorded() -> bytes:
    """What a service might send: errors, trailers, pings, a refused stream, a goodbye."""
    encoder = Encoder()
    encoder.header_table_size = 0

    def head(stream_id: int, flags: int, *pairs: tuple[str, str]) -> bytes:
        return frame(frames.HEADERS, frames.END_HEADERS | flags, stream_id, encoder.encode(pairs))

    return b"".join([
        frames.SETTINGS_ACK,
        frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 100_000, frames.HEADER_TABLE_SIZE: 100}),
        head(1, frames.END_STREAM, (":status", "201"), ("location", "/m/1")),
        frames.ping_frame(b"12345678"),
        head(5, 0, (":status", "410"), ("content-length", "6")),
        frame(frames.DATA, frames.PADDED, 5, b"\x02abc\x00\x00"),
        head(3, 0, (":status", "103"), ("link", "x")),
        frame(frames.DATA, 0, 5, b"def"),
        head(5, frames.END_STREAM, ("trailer", "t")),
        frames.window_update_frame(7, 70_000),
        frames.window_update_frame(0, 70_000),
        head(3, 0, (":status", "200"), ("apns-id", "a")),
        frame(frames.DATA, frames.END_STREAM, 3, b"only counted"),
        frames.rst_stream_frame(9, frames.ErrorCode.REFUSED_STREAM),
        frame(frames.GOAWAY, 0, 0, (9).to_bytes(4, "big") + bytes(4) + b"bye"),
        head(7, 0, (":status", "500"), ("server", "s" * 300)),
        frame(frames.DATA, frames.END_STREAM, 7, b"y" * 5000),
    ])  # fmt: skip


ANY_FRAME = st.builds(
    frame,
    st.one_of(st.integers(0, 10), st.just(255)),
    st.integers(0, 255),
    st.one_of(st.integers(0, 2 * STREAMS + 3), st.integers(0, 2**31 - 1)),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"\x88", b"\x8c", b"\x20\x88", bytes(4), bytes(8), b"\x00\x00\x00\x08", b"x" * 6000, b""]),
        st.builds(lambda name, value: name.to_bytes(2, "big") + value.to_bytes(4, "big"),
                  st.integers(0, 7), st.integers(0, 2**32 - 1)),
    ),
)  # fmt: skip


@given(st.lists(st.integers(0, 100_000), max_size=30))
@settings(max_examples=200, deadline=None)
async def test_any_split_of_a_recording_gives_the_same_answers(places: list[int]):
    """TCP and TLS cut where they like."""
    data = recorded()
    whole, split = Game(), Game()

    whole.feed([data])
    split.feed(cut(data, places))

    outcomes = whole.end()
    assert split.end() == outcomes
    assert [outcome[0] for outcome in outcomes[:4] if isinstance(outcome, tuple)] == [201, 200, 410, 500]
    assert outcomes[4:] == ["handed back", "handed back"]


async def test_a_recording_byte_by_byte_gives_the_same_answers():
    """The finest split of all."""
    whole, split = Game(), Game()

    whole.feed([recorded()])
    split.feed(bytes([byte]) for byte in recorded())

    assert split.end() == whole.end()


@given(st.lists(ANY_FRAME, max_size=40), st.lists(st.integers(0, 100_000), max_size=5))
@settings(max_examples=600, deadline=None)
async def test_any_frames_in_any_order_leave_nothing_open(several: list[bytes], places: list[int]):
    """Each request ends in an answer, a failure or a resend."""
    game = Game()

    for piece in cut(b"".join(several), places):
        game.feed([piece])
        assert game.kept_bytes() <= HEADER_BLOCK_BYTES_MAX + 2 * frames.FRAME_BYTES_MAX + STREAMS * ANSWER_BYTES_MAX

    game.end()


@given(st.lists(st.binary(max_size=200), max_size=10))
@settings(max_examples=300, deadline=None)
async def test_any_bytes_leave_nothing_open(pieces: list[bytes]):
    """Another protocol, or noise."""
    game = Game()

    game.feed(pieces)

    game.end()


@given(ANY_FRAME)
@settings(max_examples=150, deadline=None)
async def test_the_same_frame_for_ever_takes_neither_memory_nor_patience(one: bytes):
    """Either it moves something on, or the connection ends; what we send back is bounded, too."""
    game = Game()

    for _ in range(40):
        game.feed([one * 100])
        game.connection._outlet.flush()

    assert game.kept_bytes() <= HEADER_BLOCK_BYTES_MAX + 2 * frames.FRAME_BYTES_MAX + STREAMS * ANSWER_BYTES_MAX
    assert game.transport.written < WRITTEN_BYTES_MAX
    game.end()


async def test_what_was_not_even_written_goes_over_another_connection():
    """A connection may end in the very turn in which requests are given to it: nobody saw those."""
    game = Game()
    late = [game._request(10), game._request(40_000)]
    for request in late:
        game.connection.start(request)

    outcomes = game.end()

    assert game.pool.handed_back == late
    assert {outcome[0] for outcome in outcomes if isinstance(outcome, tuple)} == {"broken"}
