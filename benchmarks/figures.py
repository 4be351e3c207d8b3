"""All figures of a run, and what they were to be."""

import statistics
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from benchmarks.accept import Accepting
from benchmarks.campaign import Campaign, Planning
from benchmarks.contest import OURS, SHARED, Contest, Standing
from benchmarks.machine import Machine
from benchmarks.micro.pipeline import Pipeline

MEMORY_GROWTH_PERCENT_MAX: Final = 5.0
"""What still counts as flat between the first and the second half of a send."""
_PLAN_S_MAX: Final = 10.0
_A_MINUTE: Final = 1_000_000
_A_MINUTE_CPU_US: Final = 2 * 60e6 / _A_MINUTE
_STORE_US_MAX: Final = 8.0
_ACCEPT_PER_S: Final = 1_000.0
_ACCEPT_P99_MS: Final = 50.0
_PEER_RATIO: Final = 1.8


class Figures(msgspec.Struct, kw_only=True):
    """What was measured; a part that was not asked for is None."""

    at: datetime
    machine: Machine
    load_before: float
    options: dict[str, int | float | str]
    planning: Planning | None = None
    campaigns: list[Campaign] = []
    accepting: list[Accepting] = []
    store: Pipeline | None = None
    parts: dict[str, float] | None = None
    contest: Contest | None = None


class Goal(msgspec.Struct, frozen=True):
    """What was to be reached, what was, and if it was missed, where the time went."""

    name: str
    wanted: str
    found: str
    is_met: bool
    cause: str = ""


def goals(figures: Figures) -> list[Goal]:
    """A verdict on each part that was measured."""
    found: list[Goal] = []
    if figures.planning is not None:
        found.append(_planning(figures.planning))
    if figures.campaigns:
        found += [_everybody(figures.campaigns), _memory(figures.campaigns)]
    if figures.store is not None:
        found.append(_store(figures.store))
    if figures.accepting:
        found.append(_accepting(figures.accepting))
    if figures.contest is not None:
        found += _peers(figures.contest, figures.parts)
    return found


def median_of(campaigns: list[Campaign], value: Callable[[Campaign], float]) -> float:
    """The middle of several sends."""
    return statistics.median(value(one) for one in campaigns)


def cpu_by_group(sends: list[Campaign] | list[Accepting]) -> dict[str, float]:
    """Microseconds per message by group of processes: medians."""
    return {name: statistics.median(one.cpu_us[name] for one in sends) for name in sends[0].cpu_us}


def ratio(contest: Contest, other: str) -> float | None:
    """How many times as many messages a core our send path makes: the smaller of wall and CPU ratio."""
    ours, theirs = _standing(contest, OURS), _standing(contest, other)
    if ours is None or theirs is None:
        return None
    return min(ours.per_s / theirs.per_s, theirs.cpu_us / ours.cpu_us)


def _standing(contest: Contest, name: str) -> Standing | None:
    return next((one for one in contest.standings if one.name == name), None)


def _planning(planning: Planning) -> Goal:
    seconds = statistics.median(planning.seconds)
    wanted_s = max(1.0, _PLAN_S_MAX * planning.recipients / 1e6)
    return Goal(
        "Planning",
        f"a message to {planning.recipients:,} is planned within {wanted_s:.0f} s of its 202",
        f"{seconds:.2f} s",
        seconds <= wanted_s,
        "counting the audience takes the time",
    )


def _everybody(campaigns: list[Campaign]) -> Goal:
    per_s = median_of(campaigns, lambda one: one.per_s)
    cpu = cpu_by_group(campaigns)
    total = sum(cpu.values())
    return Goal(
        "Everybody",
        "a million messages a minute, from the API call to the last outcome recorded",
        f"{per_s * 60:,.0f} a minute",
        per_s * 60 >= _A_MINUTE,
        f"a message takes {total:.0f} us of CPU in all, {cpu['workers']:.0f} of them in the workers; a million a minute"
        f" leave {_A_MINUTE_CPU_US:.0f} us on two cores",
    )


def _memory(campaigns: list[Campaign]) -> Goal:
    grown = max(memory.growth_percent for one in campaigns for memory in one.memory.values())
    most = max(memory.most for one in campaigns for memory in one.memory.values())
    return Goal(
        "Memory",
        f"a worker's memory is flat while it sends (less than {MEMORY_GROWTH_PERCENT_MAX:.0f} % growth)",
        f"{grown:+.1f} %, at most {most:.0f} MB",
        grown < MEMORY_GROWTH_PERCENT_MAX,
        "memory still grew in the second half of a send",
    )


def _store(store: Pipeline) -> Goal:
    return Goal(
        "Store",
        f"plan, claim, read and record take at most {_STORE_US_MAX:.0f} us of CPU per recipient",
        f"{store.total_us:.1f} us ({store.postgres_us:.1f} Postgres, {store.python_us:.1f} Python)",
        store.total_us <= _STORE_US_MAX,
        f"{'Postgres' if store.postgres_us > store.python_us else 'Python'} takes the larger part",
    )


def _accepting(runs: list[Accepting]) -> Goal:
    def is_enough(run: Accepting) -> bool:
        return run.per_s >= _ACCEPT_PER_S * 0.99 and run.client.p99_ms < _ACCEPT_P99_MS

    best = max(runs, key=lambda run: (is_enough(run), run.per_s))
    return Goal(
        "Single sends",
        f"at least {_ACCEPT_PER_S:,.0f}/s accepted, p99 below {_ACCEPT_P99_MS:.0f} ms, delivery on the same cores",
        f"{best.per_s:,.0f}/s, p99 {best.client.p99_ms:.0f} ms",
        is_enough(best),
        f"the API process needs {best.cpu_us['api']:.0f} us of CPU per message to accept, encrypt, send and record it,"
        f" and one process has one core",
    )


def _peers(contest: Contest, parts: Mapping[str, float] | None) -> list[Goal]:
    found: list[Goal] = []
    for name in SHARED:
        times = ratio(contest, name)
        if times is None:
            continue
        found.append(
            Goal(
                f"Beside {name}",
                f"at least {_PEER_RATIO} times as many messages per core",
                f"{times:.2f} times",
                times >= _PEER_RATIO,
                _where_time_goes(parts),
            )
        )
    return found


def _where_time_goes(parts: Mapping[str, float] | None) -> str:
    both = "both send HTTP/1.1 with aiohttp; what we save is in encryption and signing"
    if parts is None:
        return both
    return (
        f"{both}: of our {parts['worker: groups through lanes and transport']:.0f} us a message,"
        f" {parts['HTTP: post to the sink']:.0f} are the HTTP client's and {parts['encrypt']:.0f} encryption"
    )
