"""Figures as text: RESULTS.md, which is also what a terminal shows."""

from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.campaign import Campaign
from benchmarks.contest import Contest, Standing
from benchmarks.contestants import ENTRIES, FAST, GATEWAY, PLAIN
from benchmarks.figures import VARIANTS, Figures, cpu_by_group, per_s
from benchmarks.goals import Goal, goals, provider_title
from benchmarks.ingesting import Run as Ingest
from benchmarks.ingesting import section_of
from benchmarks.orders import PROVIDERS, Provider
from benchmarks.soak import Soak

PLOT: Final = "results.svg"
_INTRODUCTION = """\
# Results

Written by `make bench` (`steeple bench load` in a checkout); do not edit. One run on one machine: gateway, Postgres,
push services and load client on the same cores, everything over TLS 1.3 on loopback. The push services are nginx,
which says yes: what is measured here is speed; that what arrives is right is the tests' business. Claims are ratios
within this run: absolute figures change from machine to machine.
"""
_OURS: Final[dict[Provider, tuple[str, ...]]] = {
    "webpush": (PLAIN, FAST), "apns": ("steeple-apns",), "fcm": ("steeple-fcm",),
}  # fmt: skip
"""Whom the others are compared with."""


def text_of(
    figures: Figures, soak: Soak | None = None, *, ingest: Ingest | None = None, plot: str | None = PLOT
) -> str:
    """The whole page; `plot`: the picture's address, None without one."""
    sections = [
        _INTRODUCTION,
        _machine(figures),
        _goals(goals(figures, soak)),
        _contest(figures, plot),
        _parts(figures),
        _campaigns(figures),
        _latencies(figures),
        _accepting(figures),
        "" if ingest is None else section_of(ingest),
        _store(figures),
        _soak(soak),
        _options(figures),
    ]
    return "\n".join(section for section in sections if section)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _machine(figures: Figures) -> str:
    machine = figures.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{figures.at:%d %B %Y}, {machine.cpu}, {machine.cores} cores, {machine.memory_gb:.0f} GB,"
        f" Linux {machine.kernel}.\nVersions: {versions}.\nLoad of the machine before the run:"
        f" {figures.load_before:.1f}. The run took {figures.seconds / 60:.0f} minutes.\n"
    )


def _goals(found: Sequence[Goal]) -> str:
    rows = [(goal.name, goal.wanted, goal.found, "met" if goal.is_met else "**missed**") for goal in found]
    missed = [f"- {goal.name} missed: {goal.cause}.\n" for goal in found if not goal.is_met]
    return "## Goals\n\n" + _table(("", "wanted", "found", ""), rows) + "".join(["\n", *missed] if missed else [])


def _contest(figures: Figures, plot: str | None) -> str:
    contest = figures.contest
    if contest is None or not contest.standings:
        return ""
    rounds = len(contest.standings[0].scores)
    picture = "" if plot is None else f"![Messages per second of one process, by provider]({plot})\n\n"
    tables = [_standings(contest, provider) for provider in PROVIDERS]
    absent = "".join(f"\n{ENTRIES[name].described} did not run: {why}.\n" for name, why in contest.missing.items())
    return (
        "## Peers\n\n"
        f"{picture}"
        f"The same message to many devices, one process each, {rounds} rounds in turns, medians. A ratio says how\n"
        "many times as many messages Steeple's send path makes per core: the smaller of the ratios of wall time and\n"
        "of CPU. Getting tokens (VAPID, APNs, OAuth) lies before the clock for everybody. Of the whole gateway, which\n"
        "also accepts, plans, reads and records, the CPU is the worker's. Making keys ahead is not counted. Our pace\n"
        "for FCM (Google's quota of 600,000 a minute, reached within a minute) is lifted.\n\n"
        + "\n".join(table for table in tables if table)
        + absent
    )


def _standings(contest: Contest, provider: Provider) -> str:
    standings = [one for one in contest.standings if one.provider == provider]
    ours = [name for name in _OURS[provider] if contest.of(name) is not None]
    if not standings:
        return ""
    # Only Web Push has two of ours to compare with.
    heads = (
        ["we are faster by", "with `fast` by"][: len(ours)]
        if provider == "webpush"
        else ["we are faster by"] * len(ours)
    )
    rows = [
        (ENTRIES[one.name].described, f"{one.per_s:,.0f}", f"{one.cpu_us:,.1f}", *_ratios(contest, ours, one))
        for one in standings
    ]
    head = ("one process", "messages/s", "us of its CPU per message", *heads)
    return f"### {provider_title(provider)}\n\n" + _table(head, rows)


def _ratios(contest: Contest, ours: Sequence[str], other: Standing) -> list[str]:
    if ENTRIES[other.name].is_ours and other.name != GATEWAY:
        return ["" for _ in ours]
    return [f"{contest.ratio(name, other.name) or 0:.2f}" for name in ours]


def _parts(figures: Figures) -> str:
    if not figures.parts:
        return ""
    providers: list[Provider] = [provider for provider in PROVIDERS if provider in figures.parts]
    names = list(dict.fromkeys(name for provider in providers for name in figures.parts[provider]))
    rows = [(name, *(_cost(figures.parts[provider].get(name)) for provider in providers)) for name in names]
    if figures.store is not None:
        rows.append(
            ("store: plan, claim, read, record, in Python", *(_cost(figures.store.python_us) for _ in providers))
        )
        rows.append(("store: the same, in Postgres", *(_cost(figures.store.postgres_us) for _ in providers)))
    return "## Steps of a worker\n\nCPU in microseconds per message of each step on its own, medians.\n\n" + _table(
        ("", *(provider_title(provider) for provider in providers)), rows
    )


def _cost(cost_us: float | None) -> str:
    return "" if cost_us is None else f"{cost_us:.1f}"


def _campaigns(figures: Figures) -> str:
    parts: list[str] = []
    if figures.planning is not None:
        planning = figures.planning
        shown = ", ".join(f"{seconds:.2f}" for seconds in planning.seconds)
        parts.append(
            f"From the 202 to {planning.chunks} chunks for {planning.recipients:,} recipients that workers can claim:"
            f" {shown} s.\n"
        )
    if figures.planning_by_zone is not None:
        planning = figures.planning_by_zone
        shown = ", ".join(f"{seconds:.2f}" for seconds in planning.seconds)
        parts.append(
            f"At everybody's own hour, in 24 zones, under quiet hours and caps: {planning.chunks} chunks, {shown} s.\n"
        )
    if figures.campaigns:
        parts.append(_sends(figures))
    return "## A message to everybody\n\n" + "\n".join(parts) if parts else ""


def _sends(figures: Figures) -> str:
    variants = list(figures.campaigns)
    sends = [figures.campaigns[variant] for variant in variants]
    cpu = [cpu_by_group(one) for one in sends]
    heads = [VARIANTS[variant] for variant in variants]
    rows = [
        ("messages/s", *(f"**{per_s(one):,.0f}**" for one in sends)),
        ("a million take, s", *(f"{1e6 / per_s(one):.0f}" for one in sends)),
        ("messages/s without nginx's share of the cores", *(f"{_without_sink(one):,.0f}" for one in sends)),
        ("cores busy", *(f"{one[-1].cores_busy:.2f}" for one in sends)),
        *((f"CPU, us: {group}", *(f"{one[group]:.1f}" for one in cpu)) for group in cpu[0]),
        ("CPU, us: all", *(f"{sum(one.values()):.1f}" for one in cpu)),
    ]
    if any(one[-1].ahead_cpu_us for one in sends):
        ahead = [one[-1].ahead_cpu_us or {} for one in sends]
        rows.append(("keys made before", *(f"{one[-1].made_ahead:,}" if one[-1].ahead_cpu_us else "" for one in sends)))
        rows.append(("CPU for them, us: workers", *(f"{one['workers']:.1f}" if one else "" for one in ahead)))
    memory = [
        (f"{name}, {VARIANTS[variant]}", *(f"{level:.0f}" for level in seen.quarters), f"{seen.most:.0f}")
        for variant, one in zip(variants, sends, strict=True)
        for name, seen in one[-1].memory.items()
    ]
    return (
        f"{sends[0][0].recipients:,} recipients, each with title, body and a receipt token of its own, encrypted for\n"
        "its own key, from the API call (or the due time) to the last outcome recorded.\n\n"
        + _table(("", *heads), rows)
        + "\n"
        + _table(("resident memory, MB, by quarter of the send", "1", "2", "3", "4", "most"), memory)
    )


def _without_sink(sends: Sequence[Campaign]) -> float:
    """Messages a second if the push services did not take their CPU from the gateway's cores: nowhere else they do."""
    cpu = cpu_by_group(sends)
    return per_s(sends) * sum(cpu.values()) / (sum(cpu.values()) - cpu["nginx"])


def _latencies(figures: Figures) -> str:
    if not figures.latencies:
        return ""
    rows = [
        (
            one.beside,
            f"{one.rate:g}/s",
            f"{one.messages:,}",
            *(f"{taken_ms:.0f}" for taken_ms in (one.p50_ms, one.p90_ms, one.p99_ms, one.worst_ms)),
        )
        for one in figures.latencies
    ]
    return (
        "## A single message\n\n"
        "From when the shop's call was due until the push service had the message, in milliseconds; the load client's\n"
        "clock and nginx's log say when.\n\n"
    ) + _table(("beside", "offered", "messages", "p50", "p90", "p99", "worst"), rows)


def _accepting(figures: Figures) -> str:
    if not figures.accepting:
        return ""
    rows = [
        (
            "as fast as it goes" if run.rate is None else f"{run.rate:,.0f}/s offered",
            f"{run.per_s:,.0f}",
            f"{run.client.p50_ms:.1f}",
            f"{run.client.p99_ms:.1f}",
            f"{run.sent_p50_ms:.0f}",
            f"{run.sent_p99_ms:.0f}",
            *(f"{run.cpu_us[name]:.0f}" for name in ("api", "postgres", "nginx")),
            f"{run.client.cpu_us:.0f}",
        )
        for run in figures.accepting
    ]
    head = ("", "accepted/s", "202 p50, ms", "p99", "recorded p50, ms", "p99", "API, us", "Postgres", "nginx", "client")
    return (
        "## Single sends\n\n"
        f"One message to one person a request, {figures.accepting[0].connections} connections; the API process sends\n"
        "and records each at once. At an offered rate, time counts from when a request was due.\n\n"
    ) + _table(head, rows)


def _store(figures: Figures) -> str:
    if figures.store is None:
        return ""
    store = figures.store
    return (
        "## Store\n\n"
        f"A message to {store.recipients:,} through planning, claiming, reading and recording, nothing sent,"
        f" {store.connections} connections:\n{store.total_us:.1f} us of CPU per recipient ({store.postgres_us:.1f}"
        f" Postgres, {store.python_us:.1f} Python), {store.wall_us:.1f} us of time,"
        f" {store.stored_bytes:.1f} bytes kept.\n"
    )


def _soak(soak: Soak | None) -> str:
    if soak is None:
        return ""
    rows = [
        (
            name,
            *(f"{level:.0f}" for level in held.memory_mb.quarters),
            *(f"{level:.0f}" for level in held.files.quarters),
            *(f"{level:.0f}" for level in held.lanes.quarters),
        )
        for name, held in soak.held.items()
    ]
    quarters = ("1", "2", "3", "4")
    head = ("by quarter", *(f"{what} {number}" for what in ("MB", "files", "lanes") for number in quarters))
    verdict = "No growth." if not soak.grown else f"**Growth: {'; '.join(soak.grown)}.**"
    return (
        "## Soak\n\n"
        f"{soak.at:%d %B %Y}, {soak.cpu}: {soak.minutes:g} minutes at {soak.per_s:,.0f} messages/s, campaigns and\n"
        f"single messages mixed. {verdict}\n\n"
    ) + _table(head, rows)


def _options(figures: Figures) -> str:
    said = ", ".join(f"{name} {value}" for name, value in figures.options.items())
    return f"Options of the run: {said}.\n"
