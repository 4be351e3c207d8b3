"""What was to be reached, what was, and if it was missed, where the time goes: in figures of the same run."""

import statistics
from collections.abc import Sequence
from typing import Final

import msgspec

from benchmarks.accept import Accepting
from benchmarks.campaign import Campaign, Planning
from benchmarks.contest import Contest, Standing
from benchmarks.contestants import AHEAD, FAST, PLAIN
from benchmarks.figures import VARIANTS, Figures, Variant, cpu_by_group, per_s
from benchmarks.latency import Latency
from benchmarks.micro import parts as steps
from benchmarks.micro.pipeline import Pipeline
from benchmarks.orders import Provider
from benchmarks.soak import Soak

MEMORY_GROWTH_PERCENT_MAX: Final = 5.0
"""What still counts as flat between the second and the last quarter of a send."""
_MEMORY_MB_MAX: Final = 250.0
_PLAN_S_MAX: Final = 1.0
_PLAN_BY_ZONE_S_MAX: Final = 2.0
_STORE_US_MAX: Final = 8.0
_ACCEPT_PER_S: Final = 1_000.0
_ACCEPT_P99_MS: Final = 50.0
_IDLE_P50_MS: Final = 15.0
_IDLE_P99_MS: Final = 50.0
_BESIDE_P99_MS: Final = 1_000.0
_PER_CORE: Final = {
    PLAIN: ("Web Push, cryptography alone", 8_000),
    FAST: ("Web Push, with `fast`", 11_000),
    AHEAD: ("Web Push, keys made ahead", 35_000),
    "steeple-apns": ("APNs", 40_000),
    "steeple-fcm": ("FCM", 30_000),
}
"""Messages a second of one process."""
_TIMES: Final = (
    (FAST, "pywebpush-session", 4.0),
    (FAST, "npm-web-push", 8.0),
    (FAST, "go-webpush", 1.2),
    ("steeple-apns", "aioapns", 15.0),
    ("steeple-fcm", "pyfcm", 25.0),
)
_COMPOSED_PART_MIN: Final = 0.85
_EVERYBODY_PER_S: Final[dict[Variant, float]] = {"cryptography": 12_000.0, "fast": 1_000_000 / 60}


class Goal(msgspec.Struct, frozen=True):
    """One goal, and what became of it."""

    name: str
    wanted: str
    found: str
    is_met: bool
    cause: str = ""


def goals(figures: Figures, soak: Soak | None = None) -> list[Goal]:
    """A verdict on each part that was measured."""
    found: list[Goal] = []
    if figures.contest is not None:
        found += _per_core(figures, figures.contest) + _times(figures, figures.contest)
    for variant, wanted in _EVERYBODY_PER_S.items():
        if variant in figures.campaigns:
            found.append(_everybody(variant, figures.campaigns[variant], wanted))
    if "fast" in figures.campaigns and "composed" in figures.campaigns:
        found.append(_composed(figures.campaigns["fast"], figures.campaigns["composed"]))
    if figures.campaigns:
        found.append(_memory([one for sends in figures.campaigns.values() for one in sends]))
    found += [_latency(one) for one in figures.latencies]
    if soak is not None:
        found.append(_soak(soak))
    if figures.store is not None:
        found.append(_store(figures.store))
    found += _plannings(figures)
    if figures.accepting:
        found.append(_accepting(figures.accepting))
    return found


def _per_core(figures: Figures, contest: Contest) -> list[Goal]:
    found: list[Goal] = []
    for name, (described, wanted) in _PER_CORE.items():
        one = contest.of(name)
        if one is not None:
            found.append(
                Goal(
                    described,
                    f"at least {wanted:,} messages/s on one core",
                    f"{one.per_s:,.0f}",
                    one.per_s >= wanted,
                    _where(figures, one),
                )
            )
    return found


def _times(figures: Figures, contest: Contest) -> list[Goal]:
    found: list[Goal] = []
    for name, other, wanted in _TIMES:
        ours = contest.of(name) or contest.of(PLAIN)
        theirs = contest.of(other)
        if ours is None or theirs is None or ours.provider != theirs.provider:
            continue
        times = contest.ratio(ours.name, other) or 0.0
        plain = contest.ratio(PLAIN, other) if ours.name == FAST else None
        found.append(
            Goal(
                f"Beside {other}",
                f"at least {wanted:g} times as many messages per core",
                f"{times:.2f} times" + ("" if plain is None else f" ({plain:.2f} with cryptography alone)"),
                times >= wanted,
                f"{_where(figures, ours)}; {other} takes {theirs.cpu_us:,.0f} us",
            )
        )
    return found


def _where(figures: Figures, one: Standing) -> str:
    """Which part of a message's CPU goes where, as far as this run measured it."""
    measured = figures.parts.get(one.provider, {})
    shares = [f"{name} {measured[name]:.0f}" for name in steps.MAIN if name in measured]
    waits = max(0.0, 1e6 / one.per_s - one.cpu_us)
    said = f"a message takes {one.cpu_us:.0f} us of its CPU and {waits:.0f} us of waiting for the sink"
    return f"{said} (parts, each on its own: {', '.join(shares)})" if shares else said


def _everybody(variant: Variant, campaigns: Sequence[Campaign], wanted: float) -> Goal:
    cpu = cpu_by_group(campaigns)
    total = sum(cpu.values())
    busy = statistics.median(one.cores_busy for one in campaigns)
    shares = ", ".join(f"{name} {used:.0f}" for name, used in sorted(cpu.items(), key=lambda item: -item[1]))
    return Goal(
        f"Everybody, {VARIANTS[variant]}",
        f"{wanted:,.0f} messages/s ({wanted * 60:,.0f} a minute), from the API call to the last outcome recorded",
        f"{per_s(campaigns):,.0f} messages/s",
        per_s(campaigns) >= wanted,
        f"a message takes {total:.0f} us of CPU in all ({shares}), {busy:.2f} cores were busy;"
        f" {wanted:,.0f} a second leave {2e6 / wanted:.0f} us on two cores",
    )


def _composed(plain: Sequence[Campaign], composed: Sequence[Campaign]) -> Goal:
    """The middle of the rounds, each of them one plain campaign and the composed one after it."""
    parts = [ours.per_s / theirs.per_s for ours, theirs in zip(composed, plain, strict=True)]
    part = statistics.median(parts)
    told = ", ".join(f"{1 - one:.1%}" for one in parts)
    return Goal(
        "Texts per person, caps and quiet hours",
        f"a message to everybody loses at most {1 - _COMPOSED_PART_MIN:.0%} of the throughput of a plain one",
        f"{1 - part:.1%} lost (by rounds: {told})",
        part >= _COMPOSED_PART_MIN,
        "reading what texts and rules need, asking the rules, and filling in the texts take the time",
    )


def _memory(campaigns: Sequence[Campaign]) -> Goal:
    grown = max(memory.growth_percent for one in campaigns for memory in one.memory.values())
    most = max(memory.most for one in campaigns for memory in one.memory.values())
    return Goal(
        "Memory",
        f"a worker stays below {_MEMORY_MB_MAX:.0f} MB, flat while it sends (less than"
        f" {MEMORY_GROWTH_PERCENT_MAX:.0f} % growth)",
        f"{grown:+.1f} %, at most {most:.0f} MB",
        grown < MEMORY_GROWTH_PERCENT_MAX and most < _MEMORY_MB_MAX,
        "memory still grew behind the second quarter of a send" if grown >= MEMORY_GROWTH_PERCENT_MAX
        else f"a worker held {most:.0f} MB",
    )  # fmt: skip


def _latency(one: Latency) -> Goal:
    found = f"p50 {one.p50_ms:.0f} ms, p99 {one.p99_ms:.0f} ms"
    if one.beside == "nothing":
        return Goal(
            "Single message, idle gateway",
            f"API call to push service: p50 below {_IDLE_P50_MS:.0f} ms, p99 below {_IDLE_P99_MS:.0f} ms",
            found,
            one.p50_ms < _IDLE_P50_MS and one.p99_ms < _IDLE_P99_MS,
            f"nine of ten take less than {one.p90_ms:.0f} ms, the worst of {one.messages:,} took {one.worst_ms:.0f}",
        )
    return Goal(
        f"Single message beside {one.beside}",
        f"API call to push service: p99 below {_BESIDE_P99_MS:,.0f} ms",
        found,
        one.p99_ms < _BESIDE_P99_MS,
        f"nine of ten take less than {one.p90_ms:.0f} ms, the worst of {one.messages:,} took {one.worst_ms:.0f}",
    )


def _soak(soak: Soak) -> Goal:
    most = max(one.memory_mb.growth_percent for one in soak.held.values())
    return Goal(
        "Soak",
        f"{soak.minutes:g} minutes at a bounded rate: no process comes to hold more memory, files or lanes",
        f"memory {most:+.1f} % at most" if not soak.grown else "; ".join(soak.grown),
        not soak.grown,
        f"what grew is named; {soak.sent:,} messages were sent",
    )


def _store(store: Pipeline) -> Goal:
    return Goal(
        "Store",
        f"plan, claim, read and record take at most {_STORE_US_MAX:.0f} us of CPU per recipient",
        f"{store.total_us:.1f} us ({store.postgres_us:.1f} Postgres, {store.python_us:.1f} Python)",
        store.total_us <= _STORE_US_MAX,
        f"{'Postgres' if store.postgres_us > store.python_us else 'Python'} takes the larger part",
    )


def _plannings(figures: Figures) -> list[Goal]:
    found: list[Goal] = []
    if figures.planning is not None:
        found.append(_planning(figures.planning))
    if figures.planning_by_zone is not None:
        found.append(_planning_by_zone(figures.planning_by_zone))
    return found


def _planning(planning: Planning) -> Goal:
    seconds = statistics.median(planning.seconds)
    return Goal(
        "Planning",
        f"a message to {planning.recipients:,} is planned within {_PLAN_S_MAX:.0f} s of its 202",
        f"{seconds:.2f} s",
        seconds < _PLAN_S_MAX,
        f"counting the audience and writing {planning.chunks} chunks takes the time",
    )


def _planning_by_zone(planning: Planning) -> Goal:
    seconds = statistics.median(planning.seconds)
    return Goal(
        "Planning at everybody's own hour",
        f"a message to {planning.recipients:,} in 24 zones, under quiet hours and caps, is planned within"
        f" {_PLAN_BY_ZONE_S_MAX:g} s",
        f"{seconds:.2f} s",
        seconds < _PLAN_BY_ZONE_S_MAX,
        f"reading the zone of each recipient and writing {planning.chunks} chunks takes the time",
    )


def _accepting(runs: Sequence[Accepting]) -> Goal:
    def is_enough(run: Accepting) -> bool:
        return run.per_s >= _ACCEPT_PER_S * 0.99 and run.client.p99_ms < _ACCEPT_P99_MS

    best = max(runs, key=lambda run: (is_enough(run), run.per_s))
    return Goal(
        "Single sends",
        f"at least {_ACCEPT_PER_S:,.0f}/s accepted, p99 below {_ACCEPT_P99_MS:.0f} ms, delivery on the same cores",
        f"{best.per_s:,.0f}/s, p99 {best.client.p99_ms:.0f} ms",
        is_enough(best),
        f"the API process needs {best.cpu_us['api']:.0f} us of CPU per message to accept, encrypt, send and record it,"
        " and one process has one core",
    )


def provider_title(provider: Provider) -> str:
    """As its maker writes it."""
    match provider:
        case "webpush":
            return "Web Push"
        case "apns":
            return "APNs"
        case "fcm":
            return "FCM"
