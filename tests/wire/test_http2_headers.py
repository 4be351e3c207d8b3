"""Header blocks say the same to every reader: what we encode to `hpack`, what we read to what was sent."""

import pytest
from hpack import Decoder, Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.limits import HEADER_BLOCKS_KEPT_MAX
from gateway.wire.exchange import Fields, WireFailure
from gateway.wire.http2_answers import AnswerReader
from gateway.wire.http2_frames import ConnectionFault, StreamFault
from gateway.wire.http2_requests import RequestEncoder

NAMES = st.sampled_from(["ttl", "Topic", "authorization", "content-type", "x-a", "accept-encoding", "apns-id"])
VALUES = st.one_of(
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60),
    st.sampled_from(["a" * 126, "a" * 127, "a" * 128, "a" * 700, "a" * 5000, "gzip, deflate", ""]),
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
PATHS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=2000)
RESIZE = st.one_of(st.integers(0, 300), st.sampled_from([0, 4096, 65_536, 16_384]))


@given(
    st.lists(PAIRS.map(Fields), min_size=1, max_size=8),
    st.lists(
        st.one_of(RESIZE, st.tuples(st.integers(0, 7), PATHS, PAIRS, st.integers(0, 100_000))), min_size=1, max_size=40
    ),
)
@settings(max_examples=300, deadline=None)
def test_any_requests_over_any_tables_are_read_as_they_were_meant(
    shared: list[Fields], steps: list[int | tuple[int, str, list[tuple[str, str]], int]]
):
    """The same headers again and again, table sizes in between: `hpack` reads each block, with a table of that size."""
    encoder, decoder = RequestEncoder("push.example"), Decoder(max_header_list_size=1_000_000)

    for step in steps:
        if isinstance(step, int):
            encoder.resize(step)
            decoder.max_allowed_table_size = step
            continue
        number, path, own, size = step
        fixed = shared[number % len(shared)]
        found = list(decoder.decode(encoder.block(path, fixed, own, size)))

        assert [tuple(pair) for pair in found] == [
            (":method", "POST"), (":scheme", "https"), (":authority", "push.example"), (":path", path),
            *fixed.pairs, *((name.lower(), value) for name, value in own), ("content-length", str(size)),
        ]  # fmt: skip


def test_shared_headers_cost_a_byte_each_after_the_first_time():
    """Signatures of 350 bytes go out once per connection."""
    encoder = RequestEncoder("push.example")
    shared = Fields([("authorization", "vapid t=" + "x" * 350), ("ttl", "60"), ("urgency", "normal")])

    sizes = [len(encoder.block("/x", shared, (), 300)) for _ in range(3)]

    assert sizes[0] > 350
    assert sizes[1] == sizes[2] == len(b"\x83\x87\xbe") + len(b"\x14\x02/x") + 3 + len(b"\x0f\x0d\x03300")


def test_headers_that_come_in_turns_keep_their_place():
    """Ten tenants on one connection: from the second round on, none of their signatures is sent again."""
    encoder = RequestEncoder("push.example")
    tenants = [Fields([("authorization", f"vapid t={number}" + "x" * 200)]) for number in range(10)]

    rounds = [[len(encoder.block("/x", tenant, (), 1)) for tenant in tenants] for _ in range(3)]

    assert min(rounds[0]) > 200
    assert max(rounds[1] + rounds[2]) < 20


def test_a_header_that_would_drive_out_all_others_is_not_kept():
    """A token of 4 KB in a table of 4 KB."""
    encoder = RequestEncoder("push.example")
    large, small = Fields([("authorization", "x" * 3500)]), Fields([("ttl", "60")])
    encoder.block("/x", small, (), 1)

    before = encoder.block("/x", small, (), 1)
    encoder.block("/x", large, (), 1)

    assert encoder.block("/x", small, (), 1) == before


@pytest.mark.parametrize(
    "own", [("a b", "x"), ("topic", "a\r\nb"), ("topic", "\x00"), ("topic", "é"), ("content-length", "1"), ("te", "x"),
            (":path", "/y"), ("host", "x")],
)  # fmt: skip
def test_a_header_that_cannot_be_sent_is_refused_and_changes_nothing(own: tuple[str, str]):
    """The next request of this connection is read as it was meant."""
    encoder, decoder = RequestEncoder("push.example"), Decoder()
    fixed = Fields([("ttl", "60")])

    with pytest.raises(WireFailure) as caught:
        encoder.block("/x", fixed, [own], 1)

    assert caught.value.kind == "refused"
    assert (":path", "/z") in [tuple(pair) for pair in decoder.decode(encoder.block("/z", fixed, (), 1))]


def test_shared_headers_are_checked_when_they_are_made():
    """The failure names the header and not its value; a printed object shows no value either."""
    with pytest.raises(WireFailure) as caught:
        Fields([("authorization", "secret\n")])

    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Fields([("authorization", "secret")]))


STATUSES = st.integers(200, 599)
ANSWER_PAIRS = st.lists(
    st.tuples(
        st.from_regex(r"[a-z][a-z0-9-]{0,15}", fullmatch=True).filter(
            lambda name: name not in {"connection", "keep-alive", "upgrade", "transfer-encoding", "proxy-connection"}
        ),
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="\x7f\x85\xa0"), max_size=40),
    ),
    max_size=20,
)


@given(STATUSES, ANSWER_PAIRS, st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_answer_is_read_as_it_was_sent(status: int, pairs: list[tuple[str, str]], huffman: bool, resized: bool):  # noqa: FBT001 - drawn
    """Huffman-coded or not, with the word about the table's size or without; read twice, it is the same."""
    encoder = Encoder()
    encoder.header_table_size = 0
    raw = [(b":status", b"%d" % status), *((name.encode(), value.encode("latin-1")) for name, value in pairs)]
    block = encoder.encode(raw, huffman=huffman)
    reader = AnswerReader()

    for _ in range(2):
        answer = reader.read(block if resized else block.removeprefix(b"\x20"))

        assert (answer.status, dict(answer.headers), answer.body) == (status, dict(pairs), b"")
        assert all(answer.headers.get(name) == value for name, value in dict(pairs).items())
        assert answer.headers.get("not-there") is None


@given(st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_an_answer_or_a_fault(block: bytes):
    """Nothing else is raised, not even when headers are looked at late."""
    try:
        answer = AnswerReader().read(block)
    except (StreamFault, ConnectionFault):
        return
    assert 100 <= answer.status <= 999
    assert len(answer.headers) <= len(block)


def test_answers_that_differ_do_not_fill_the_memory():
    """Each push has an id of its own in the answer."""
    reader = AnswerReader()

    for number in range(10 * HEADER_BLOCKS_KEPT_MAX):
        reader.read(b"\x88\x00\x07apns-id\x06%06d" % number)

    assert len(reader.kept) <= HEADER_BLOCKS_KEPT_MAX
