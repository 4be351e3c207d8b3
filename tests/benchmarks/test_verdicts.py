"""What a run says about itself: goals met or missed, and why."""

from datetime import UTC, datetime

import pytest

from benchmarks.accept import Accepting
from benchmarks.accept_client import Answer
from benchmarks.campaign import Campaign
from benchmarks.contest import OURS, Contest, Standing
from benchmarks.figures import Figures, Goal, goals, ratio
from benchmarks.machine import Machine
from benchmarks.micro.pipeline import Pipeline
from benchmarks.peers.order import Score
from benchmarks.processes import Memory
from benchmarks.report import text_of


def _figures() -> Figures:
    machine = Machine("a processor", 2, 4.0, "6.1", {"python": "3.11"})
    return Figures(at=datetime(2026, 1, 2, tzinfo=UTC), machine=machine, load_before=0.1, options={"rounds": 1})


def _only(figures: Figures, name: str) -> Goal:
    (found,) = [goal for goal in goals(figures) if goal.name == name]
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
    )
    return Accepting(
        client=client, rate=None, connections=32, cpu_us={"api": 900.0, "postgres": 90.0, "nginx": 9.0},
        sent_p50_ms=9.0, sent_p99_ms=20.0, drain_s=0.1,
    )  # fmt: skip


def _campaign(second_half_mb: float) -> Campaign:
    cpu_us = {"workers": 200.0, "nginx": 20.0}
    return Campaign(60_000, 6.0, cpu_us, {"worker-1": Memory(100.0, second_half_mb, second_half_mb)})


def _contest(ours: Score, theirs: Score) -> Contest:
    return Contest([Standing(OURS, [ours]), Standing("pywebpush-session", [theirs])], {"npm-web-push": "no node"})


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


@pytest.mark.parametrize(("second_half_mb", "is_met"), [(104.0, True), (106.0, False)])
def test_memory_that_grows_is_no_flat_memory(second_half_mb: float, is_met: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A leak shows between the quarters of one send."""
    figures = _figures()
    figures.campaigns = [_campaign(second_half_mb)]
    assert _only(figures, "Memory").is_met is is_met


def test_a_ratio_is_the_less_flattering_of_two() -> None:
    """A peer that mostly waits looks worse by the clock than by its CPU; the smaller ratio is claimed."""
    waiting = _contest(Score(1000, 1.0, 0.9), Score(1000, 4.0, 1.8))
    assert ratio(waiting, "pywebpush-session") == pytest.approx(2.0)
    assert ratio(waiting, "pywebpush-async") is None, "it did not run"


def test_the_page_says_what_was_missed_and_why() -> None:
    """Nobody has to look for the bad news."""
    figures = _figures()
    figures.store = _store(9.0)
    figures.contest = _contest(Score(1000, 1.0, 0.9), Score(1000, 3.0, 2.7))
    page = text_of(figures)
    assert "| **missed** |" in page
    assert "- Store missed: Postgres takes the larger part." in page
    assert "3.00 times" in page
    assert "did not run: no node." in page
    assert "a processor, 2 cores" in page
