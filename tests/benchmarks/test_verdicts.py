"""What a run says about itself: goals met or missed, and why."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from benchmarks.accept import Accepting
from benchmarks.accept_client import Answer
from benchmarks.campaign import Campaign, Planning
from benchmarks.contest import Contest, Standing
from benchmarks.contestants import FAST, PLAIN
from benchmarks.figures import Figures
from benchmarks.goals import Goal, goals
from benchmarks.latency import Latency, percentile
from benchmarks.machine import Machine
from benchmarks.micro import crypto
from benchmarks.micro.parts import POST
from benchmarks.micro.pipeline import Pipeline
from benchmarks.peers.order import Score
from benchmarks.plot import svg_of
from benchmarks.processes import Level, level_of
from benchmarks.report import text_of
from benchmarks.soak import Held, Soak, lanes_by_process

_FLAT = Level([4.0, 4.0, 4.0, 4.0], 4.0)


def _figures() -> Figures:
    machine = Machine("a processor", 2, 4.0, "6.1", {"python": "3.11"})
    return Figures(at=datetime(2026, 1, 2, tzinfo=UTC), machine=machine, load_before=0.1, options={"rounds": 1})


def _only(figures: Figures, name: str, soak: Soak | None = None) -> Goal:
    (found,) = [goal for goal in goals(figures, soak) if goal.name == name]
    return found


def _store(postgres_us: float) -> Pipeline:
    return Pipeline(
        recipients=1000, connections=1, plan_s=0.1, wall_us=5.0, python_us=2.0, postgres_us=postgres_us,
        stored_bytes=11.0,
    )  # fmt: skip


def _accepting(accepted: int, p99_ms: float) -> Accepting:
    client = Answer(
        accepted=accepted,
        refused=0,
        posted=accepted,
        seconds=10.0,
        p50_ms=5.0,
        p99_ms=p99_ms,
        worst_ms=90.0,
        cpu_us=9.0,
        due_at_s={},
    )
    return Accepting(
        client=client, rate=None, connections=32, cpu_us={"api": 900.0, "postgres": 90.0, "nginx": 9.0},
        sent_p50_ms=9.0, sent_p99_ms=20.0, drain_s=0.1,
    )  # fmt: skip


def _campaign(*, seconds: float = 6.0, quarters: list[float] | None = None) -> Campaign:
    level = level_of(quarters or [100.0, 100.0, 100.0, 100.0])
    cpu_us = {"workers": 100.0, "nginx": 20.0}
    return Campaign(
        recipients=60_000, began_at_s=0.0, seconds=seconds, cpu_us=cpu_us, memory={"worker-1": level}
    )  # fmt: skip


def _score(per_s: float, cpu_us: float | None = None) -> Score:
    """A thousand messages at this rate; the CPU is the time unless told."""
    return Score(1000, 1000 / per_s, 1000 / per_s if cpu_us is None else cpu_us / 1000)


def _contest(**per_s: float) -> Contest:
    standings = [Standing(name.replace("_", "-"), [_score(rate)]) for name, rate in per_s.items()]
    return Contest(standings, {"npm-web-push": "no node"})


def _soak(**grown: Level) -> Soak:
    levels = {"memory_mb": _FLAT, "files": _FLAT, "lanes": _FLAT, **grown}
    return Soak(
        at=datetime(2026, 1, 1, tzinfo=UTC), cpu="a processor", minutes=30, sent=1_800_000,
        held={"worker-1": Held(**levels)},
    )  # fmt: skip


def _latency(beside: str, p50_ms: float, p99_ms: float) -> Latency:
    return Latency(
        beside=beside, rate=50, messages=1000, p50_ms=p50_ms, p90_ms=p50_ms, p99_ms=p99_ms, worst_ms=p99_ms
    )  # fmt: skip


@pytest.mark.parametrize(("postgres_us", "is_met"), [(6.0, True), (6.1, False)])
def test_the_store_is_held_to_its_sum(postgres_us: float, is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Python and Postgres together, so that work cannot be moved from one to the other to look well."""
    figures = _figures()
    figures.store = _store(postgres_us)
    assert _only(figures, "Store").is_met is is_met


@pytest.mark.parametrize(
    ("runs", "is_met"),
    [
        ([(11_000, 40.0)], True),
        ([(11_000, 60.0)], False),
        ([(9_000, 40.0)], False),
        ([(12_000, 60.0), (9_950, 9.0)], True),
    ],
)
def test_single_sends_need_rate_and_patience_in_one_run(runs: list[tuple[int, float]], is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A fast run with a slow tail and a slow run with a short one do not add up to a goal."""
    figures = _figures()
    figures.accepting = [_accepting(*run) for run in runs]
    assert _only(figures, "Single sends").is_met is is_met


@pytest.mark.parametrize(
    ("quarters", "is_met"),
    [
        ([60.0, 100.0, 103.0, 104.0], True),
        ([100.0, 100.0, 103.0, 106.0], False),
        ([260.0, 260.0, 260.0, 260.0], False),
    ],
)
def test_memory_that_grows_or_is_large_is_missed(quarters: list[float], is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A leak shows between the second and the last quarter of a send; what is made at its start is none."""
    figures = _figures()
    figures.campaigns = {"fast": [_campaign(quarters=quarters)]}
    assert _only(figures, "Memory").is_met is is_met


def test_a_ratio_is_the_less_flattering_of_two() -> None:
    """A peer that mostly waits looks worse by the clock than by its CPU; the smaller ratio is claimed."""
    contest = Contest([Standing(FAST, [_score(1000)]), Standing("pywebpush-session", [_score(250, 2000)])], {})
    assert contest.ratio(FAST, "pywebpush-session") == pytest.approx(2.0)
    assert contest.ratio(FAST, "pywebpush-async") is None, "it did not run"


@pytest.mark.parametrize(("ours", "is_met"), [(11_000.0, True), (10_999.0, False)])
def test_each_way_of_agreeing_on_keys_has_a_goal_of_its_own(ours: float, is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The fast engine does not make up for what comes without it."""
    figures = _figures()
    figures.contest = _contest(steeple=7_999, steeple_fast=ours)
    assert not _only(figures, "Web Push, cryptography alone").is_met
    assert _only(figures, "Web Push, with `fast`").is_met is is_met


def test_the_ratio_without_the_extra_is_said_beside_the_other() -> None:
    """Who installs no extra reads what holds for them."""
    figures = _figures()
    figures.contest = _contest(steeple=8_000, steeple_fast=10_000, go_webpush=8_000)
    goal = _only(figures, "Beside go-webpush")
    assert goal.is_met
    assert goal.found == "1.25 times (1.00 with cryptography alone)"


def test_a_missed_rate_says_where_the_time_goes() -> None:
    """In figures of the same run, of the provider in question, waiting apart from computing."""
    figures = _figures()
    figures.contest = Contest([Standing(FAST, [_score(5_000, 150)])], {})
    figures.parts = {"webpush": {crypto.ENCRYPT: 95.4, POST: 12.2}, "apns": {POST: 99.0}}
    cause = _only(figures, "Web Push, with `fast`").cause
    assert "150 us of its CPU and 50 us of waiting" in cause
    assert f"{crypto.ENCRYPT} 95, {POST} 12" in cause
    assert "99" not in cause


@pytest.mark.parametrize(("seconds", "is_met"), [(3.59, True), (3.61, False)])
def test_a_million_a_minute_is_asked_with_the_extra_only(seconds: float, is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """60,000 in 3.6 seconds are a million in a minute; without the extra 12,000 a second are asked."""
    figures = _figures()
    figures.campaigns = {"fast": [_campaign(seconds=seconds)], "cryptography": [_campaign(seconds=5.0)]}
    assert _only(figures, "Everybody, with the extra `fast`").is_met is is_met
    assert _only(figures, "Everybody, cryptography alone").is_met


@pytest.mark.parametrize(("seconds", "is_met"), [([4.7, 7.0, 9.4], True), ([4.8, 7.1, 4.0], False)])
def test_what_texts_and_rules_cost_is_compared_round_by_round(seconds: list[float], is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A machine that is half as fast for a round is so for both campaigns of it; the round in the middle counts."""
    figures = _figures()
    figures.campaigns = {
        "fast": [_campaign(seconds=plain) for plain in (4.0, 6.0, 8.0)],
        "composed": [_campaign(seconds=composed) for composed in seconds],
    }
    assert _only(figures, "Texts per person, caps and quiet hours").is_met is is_met


@pytest.mark.parametrize(
    ("beside", "p50_ms", "p99_ms", "is_met"),
    [
        ("nothing", 14.0, 49.0, True),
        ("nothing", 16.0, 49.0, False),
        ("nothing", 14.0, 51.0, False),
        ("a campaign", 400.0, 990.0, True),
        ("a campaign", 4.0, 1010.0, False),
    ],
)
def test_a_single_message_is_to_be_quick_alone_and_in_company(
    beside: str,
    p50_ms: float,
    p99_ms: float,
    is_met: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """An idle gateway answers at once; beside a campaign a second is allowed, to one of a hundred."""
    figures = _figures()
    figures.latencies = [_latency(beside, p50_ms, p99_ms)]
    (goal,) = goals(figures)
    assert goal.is_met is is_met


def test_percentiles_are_values_that_were_seen() -> None:
    """The 99th of a hundred is the largest but none; of one it is that one."""
    assert percentile([float(number) for number in range(100)], 0.5) == 50.0
    assert percentile([float(number) for number in range(100)], 0.99) == 99.0
    assert percentile([7.0], 0.99) == 7.0


@pytest.mark.parametrize(
    ("what", "level", "is_met"),
    [
        ("memory_mb", Level([50.0, 100.0, 102.0, 104.0], 104.0), True),
        ("memory_mb", Level([100.0, 100.0, 102.0, 106.0], 106.0), False),
        ("files", Level([30.0, 30.0, 34.0, 38.0], 40.0), True),
        ("files", Level([30.0, 30.0, 34.0, 39.0], 40.0), False),
        ("lanes", Level([0.0, 1.0, 1.0, 1.0], 1.0), True),
        ("lanes", Level([0.0, 1.0, 1.0, 2.0], 2.0), False),
    ],
)
def test_a_soak_finds_what_grows(what: str, level: Level, is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Memory, open files and lanes, of each process."""
    soak = _soak(**{what: level})
    assert _only(_figures(), "Soak", soak).is_met is is_met
    assert bool(soak.grown) is not is_met
    assert ("No growth." in text_of(_figures(), soak)) is is_met


def test_a_soak_stands_on_the_page_with_its_own_date() -> None:
    """It is older than the run that the rest of the page is from."""
    page = text_of(_figures(), _soak())
    assert "01 January 2026, a processor: 30 minutes at 1,000 messages/s" in page
    assert "02 January 2026" in page


def test_lanes_are_counted_by_process() -> None:
    """Over push services and states, as the merged metrics tell them."""
    text = (
        'steeple_lanes{host="a",process="worker-1",provider="p",state="running"} 2.0\n'
        'steeple_lanes{host="b",process="worker-1",provider="p",state="parked"} 1.0\n'
        'steeple_lanes{host="a",process="api",provider="p",state="running"} 4.0\n'
        'steeple_lanes_standing{process="api"} 9.0\n'
    )
    assert lanes_by_process(text) == {"worker-1": 3.0, "api": 4.0}


def test_levels_are_medians_of_quarters() -> None:
    """One spike is no growth, and is told as the most."""
    level = level_of([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 90.0, 4.0, 4.0, 4.0, 4.0, 4.0])
    assert level.quarters == [1.0, 3.0, 4.0, 4.0]
    assert level.most == 90.0
    assert level_of([5.0]).quarters == [5.0, 5.0, 5.0, 5.0]


def test_the_page_says_what_was_missed_and_why() -> None:
    """Nobody has to look for the bad news."""
    figures = _figures()
    figures.store = _store(9.0)
    figures.planning = Planning(1_000_000, 129, [0.4, 0.3, 0.5])
    figures.contest = _contest(steeple=9_000, steeple_fast=12_000, pywebpush_session=4_000, steeple_apns=50_000)
    page = text_of(figures)
    assert "| **missed** |" in page
    assert "- Store missed: Postgres takes the larger part." in page
    assert "3.00 times (2.25 with cryptography alone)" in page
    assert "npm web-push 3.6.7, keep-alive agent did not run: no node." in page
    assert "a processor, 2 cores" in page
    assert "| 0.40 s | met |" in page
    assert "### APNs" in page
    assert "### FCM" not in page, "nobody took part"


def test_the_picture_shows_each_provider_by_its_own_scale() -> None:
    """The fastest bar of a provider is the longest, whatever another provider's are; and it is XML."""
    contest = _contest(steeple=9_000, go_webpush=4_500, steeple_apns=90_000, aioapns=900)
    tree = ET.fromstring(svg_of(contest))  # noqa: S314 - our own text
    bars = [
        (bar.get("class"), float(bar.get("width") or 0)) for bar in tree.iter() if bar.get("class") in {"ours", "other"}
    ]
    assert bars == [("ours", 420.0), ("other", 210.0), ("ours", 420.0), ("other", 4.2)]
    assert "9,000" in svg_of(contest)
    assert "prefers-color-scheme: dark" in svg_of(contest)


def test_names_of_contestants_are_told_apart_by_provider() -> None:
    """A row of APNs is never compared with one of Web Push."""
    figures = _figures()
    figures.contest = _contest(**{PLAIN: 9_000, "steeple_apns": 50_000, "aioapns": 2_000})
    assert _only(figures, "Beside aioapns").found == "25.00 times"
    assert not [goal for goal in goals(figures) if goal.name == "Beside pyfcm"]
