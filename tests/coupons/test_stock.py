"""Pools: codes come in from lists and by patterns, are redeemed, run low, and go."""

import random
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.coupons import pools, redeem, upkeep
from gateway.model.coupon import CodeState
from gateway.model.errors import Conflict, GatewayError, Invalid, NotFound
from gateway.model.limits import COUPON_LINE_CHARS_MAX
from gateway.policy.coupon_lines import read_line
from gateway.policy.coupon_pattern import DIGITS, LETTERS, check_pattern, code_of, space_of
from gateway.store import coupon_codes
from gateway.telemetry import REGISTRY
from tests.coupons.conftest import NOW, Till


async def test_codes_come_in_as_text_csv_and_json(till: Till):
    """Whatever the shop exports; a heading and empty lines are no codes, and nothing comes in twice."""
    report = await till.load(
        [
            "code,expires_at",
            "PLAIN-1",
            "",
            '"CSV-1","2026-12-31T23:59:59Z"',
            '{"code": "JSON-1"}',
            "PLAIN-1",
            "two words",
        ]
    )
    assert (report.imported, report.known, report.rejected) == (3, 1, 1)
    assert [(fault.line, fault.code) for fault in report.errors] == [(7, "field_invalid")]
    assert (await till.load(["PLAIN-1", "PLAIN-2"])).known == 1


@pytest.mark.parametrize(
    ("line", "code", "expires_at"),
    [
        (b"A-1", "A-1", None),
        (b"\xef\xbb\xbfA-1\r", "A-1", None),
        (b"A-1,2026-12-31", "A-1", datetime(2027, 1, 1, tzinfo=UTC)),
        (b"A-1;2026-12-31;x", "A-1", datetime(2027, 1, 1, tzinfo=UTC)),
        (b"A-1\t2026-12-31", "A-1", datetime(2027, 1, 1, tzinfo=UTC)),
        (b"A-1,2026-12-31T12:00:00+01:00,more", "A-1", datetime(2026, 12, 31, 11, tzinfo=UTC)),
        (b'{"code":"A-1","expires_at":"2026-12-31T12:00:00Z"}', "A-1", datetime(2026, 12, 31, 12, tzinfo=UTC)),
    ],
)
def test_a_line_says_a_code_and_perhaps_its_end(line: bytes, code: str, expires_at: datetime | None):
    """Whoever writes "until the 31st" includes that day."""
    found = read_line(line, number=1)
    assert found is not None
    assert (found.code, found.expires_at) == (code, expires_at)


@pytest.mark.parametrize("heading", ["code", "\ufeffCode;Valid until", '"coupon_code","x"', "Voucher code", "codes\tx"])
def test_a_heading_is_nobodys_code(heading: str):
    """Whatever the shop's program calls the column."""
    assert read_line(heading.encode(), number=1) is None


@pytest.mark.parametrize(
    "line",
    [b"two words", b'a"b', b"\xff", b"{}", b'{"code": 5}', b'{"code":"A","x":1}', b"A,soon", b"A,9999-12-31",
     b"x" * 65, b"x" * (COUPON_LINE_CHARS_MAX + 1), b"A\x00B", b",A"],
)  # fmt: skip
def test_a_bad_line_is_named_and_left_out(line: bytes):
    """None of them becomes a code."""
    with pytest.raises(Invalid):
        read_line(line, number=2)


@given(st.binary(max_size=80))
def test_no_line_breaks_the_reader(line: bytes):
    """A code, nothing, or a refusal: never a fault of ours."""
    try:
        found = read_line(line, number=2)
    except Invalid:
        return
    assert found is None or found.code


@given(st.text(alphabet="AB-#?*", min_size=1, max_size=20), st.integers())
def test_a_code_fits_its_pattern(pattern: str, seed: int):
    """Character by character, and nothing in it is read wrong by people."""
    code = code_of(pattern, random.Random(seed).choice)
    assert len(code) == len(pattern)
    for char, wanted in zip(code, pattern, strict=True):
        assert char in {"#": DIGITS, "?": LETTERS, "*": DIGITS + LETTERS}.get(wanted, wanted)
    assert not set("01OIL") & set(DIGITS + LETTERS)


def test_a_pattern_makes_codes_that_are_hard_to_guess():
    """A thousand times as many as are needed, or it is refused."""
    assert space_of("X-##-?") == 64 * 23
    check_pattern("WINTER-####-????", codes=1_000_000)
    with pytest.raises(Invalid, match="64 codes"):
        check_pattern("SAVE-##", codes=1)


async def test_generated_codes_are_new_and_as_many_as_asked_for(till: Till):
    """Also the second time."""
    assert (await till.generate(2_500)).imported == 2_500
    assert (await till.generate(10)).imported == 10
    assert await till.states() == {CodeState.FREE: 2_510}


@pytest.mark.parametrize("pattern", ["", "A B-####-????", "####,????", "x" * 65, "\u0007####????"])
async def test_a_pattern_that_is_none_is_refused(till: Till, pattern: str):
    """Before anything is made."""
    with pytest.raises(Invalid):
        await till.generate(1, pattern)
    assert await till.states() == {}


async def test_a_code_is_redeemed_once(till: Till):
    """The second time, and after its end, the shop hears why not."""
    await till.load(["ONE", "OLD,2026-01-01T00:00:00Z"])
    assert (await redeem.redeem(till.db, till.app, "winter", "ONE", at=NOW)).message_id is None
    with pytest.raises(Conflict, match="before"):
        await redeem.redeem(till.db, till.app, "winter", "ONE", at=NOW)
    with pytest.raises(Conflict, match="expired"):
        await redeem.redeem(till.db, till.app, "winter", "OLD", at=NOW)
    with pytest.raises(NotFound):
        await redeem.redeem(till.db, till.app, "winter", "NONE", at=NOW)
    with pytest.raises(NotFound):
        await redeem.redeem(till.db, till.app, "summer", "ONE", at=NOW)


async def test_events_redeem_what_they_speak_of(till: Till):
    """An order names the coupon that was used; an event of its own does, too; nonsense changes nothing."""
    await till.load(["ONE", "TWO", "SIX"])
    events = [
        ("order_placed", {"coupon": "ONE", "total": 5}),
        ("coupon_redeemed", {"code": "TWO"}),
        ("cart_updated", {"code": "SIX"}),
        ("order_placed", {"coupon": {"a": 1}}),
        ("order_placed", {"coupon": "no such code"}),
    ]
    assert await redeem.redeem_by_events(till.db, till.app, events, at=NOW) == 2
    assert await redeem.redeem_by_events(till.db, till.app, events, at=NOW) == 0
    assert await till.states() == {CodeState.FREE: 1, CodeState.REDEEMED: 2}


async def test_a_redeemed_code_is_given_to_nobody(till: Till):
    """Somebody used it before it was sent: it is spent."""
    await till.load(["ONE"])
    await redeem.redeem(till.db, till.app, "winter", "ONE", at=NOW)
    assert await till.give({"u:ada": [1]}) == {}


async def test_a_pool_that_runs_low_says_so_once(till: Till):
    """And again only after it was filled."""
    await pools.change(till.db, till.app, "winter", name=msgspec.UNSET, expires_at=msgspec.UNSET, low_at=3)
    before = _alarms()
    await till.generate(5)
    await upkeep.watch_pools(till.db, till.app_of)
    assert _alarms() == before
    await till.give({f"u:{n}": [n] for n in range(2)})
    for _ in range(3):
        await upkeep.watch_pools(till.db, till.app_of)
    assert _alarms() == before + 1
    assert (await pools.get(till.db, till.app, "winter")).low_told_at is not None
    await till.generate(5)
    await upkeep.watch_pools(till.db, till.app_of)
    assert (await pools.get(till.db, till.app, "winter")).low_told_at is None
    await till.give({f"u:{n}": [n] for n in range(2, 8)})
    await upkeep.watch_pools(till.db, till.app_of)
    assert _alarms() == before + 2


def _alarms() -> float:
    return REGISTRY.get_sample_value("steeple_coupon_pools_low_total") or 0.0


async def test_a_deleted_pool_is_gone_at_once_and_emptied_later(till: Till):
    """Its name is free for a new one, whose codes are other ones."""
    await till.generate(1_500)
    await pools.delete(till.db, till.app, "winter")
    with pytest.raises(NotFound):
        await pools.get(till.db, till.app, "winter")
    made = await pools.create(till.db, till.app, slug="winter", name="", expires_at=None, low_at=None, now=NOW)
    assert made.id != till.pool.id
    assert await upkeep.empty_deleted(till.db, till.app_of) == 1_500
    assert await till.states() == {}
    assert await upkeep.empty_deleted(till.db, till.app_of) == 0


@pytest.mark.parametrize("slug", ["", "Winter", "a b", "x" * 65, "a/b", "\x00"])
async def test_a_pool_has_a_plain_name(till: Till, slug: str):
    """It stands in messages and in paths."""
    with pytest.raises(GatewayError):
        await pools.create(till.db, till.app, slug=slug, name="x", expires_at=None, low_at=None, now=NOW)


async def test_a_pool_cannot_be_over_before_it_begins(till: Till):
    """A typing error in the year is noticed."""
    with pytest.raises(Invalid):
        await pools.create(
            till.db, till.app, slug="late", name="", expires_at=NOW - timedelta(days=1), low_at=None, now=NOW
        )


async def test_the_report_adds_up(till: Till):
    """Every code is counted once."""
    await till.load([f"C-{n}" for n in range(6)] + ["OLD,2026-01-01T00:00:00Z"])
    given_codes = await till.give({"u:ada": [1], "u:bob": [2]})
    await redeem.redeem(till.db, till.app, "winter", given_codes["u:ada"].code, at=NOW)
    free = next(f"C-{n}" for n in range(6) if f"C-{n}" not in {one.code for one in given_codes.values()})
    await redeem.redeem(till.db, till.app, "winter", free, at=NOW)
    report = await pools.report(till.db, till.app, "winter")
    assert (report.codes, report.left, report.expired, report.given, report.redeemed) == (7, 3, 1, 2, 2)
    assert [(one.given, one.sent, one.redeemed) for one in report.messages] == [(2, None, 1)]
    assert await coupon_codes.count(till.db, app_id=till.app.id, buckets=till.app.buckets, pool_id=till.pool.id) == 7
