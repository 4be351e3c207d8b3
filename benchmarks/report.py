"""Figures as text: RESULTS.md, which is also what a terminal shows."""

from collections.abc import Iterable, Sequence

from benchmarks import contest as peers
from benchmarks.figures import Figures, Goal, cpu_by_group, goals, median_of, ratio

_INTRODUCTION = """\
# Results

Written by `make bench` (`steeple bench` in a checkout); do not edit. One run on one machine, gateway, Postgres, push
service and load client on the same cores, everything over TLS 1.3 on loopback. The push service is nginx, which says
201: what is measured here is speed; that what arrives is right is the tests' business. Claims are ratios within this
run: absolute figures change from machine to machine.
"""


def text_of(figures: Figures) -> str:
    """The whole page."""
    sections = [
        _INTRODUCTION,
        _machine(figures),
        _goals(goals(figures)),
        _contest(figures),
        _campaign(figures),
        _accepting(figures),
        _store(figures),
        _parts(figures),
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
        f" {figures.load_before:.1f}.\n"
    )


def _goals(found: Sequence[Goal]) -> str:
    rows = [(goal.name, goal.wanted, goal.found, "met" if goal.is_met else "**missed**") for goal in found]
    missed = [f"- {goal.name} missed: {goal.cause}.\n" for goal in found if not goal.is_met]
    return "## Goals\n\n" + _table(("", "wanted", "found", ""), rows) + "".join(["\n", *missed] if missed else [])


def _contest(figures: Figures) -> str:
    if figures.contest is None:
        return ""
    rounds = len(figures.contest.standings[0].scores)
    rows = [
        (
            peers.DESCRIBED[one.name],
            f"{one.per_s:,.0f}",
            f"{one.cpu_us:,.0f}",
            "" if one.name == peers.OURS else f"{ratio(figures.contest, one.name) or 0:.2f}",
        )
        for one in figures.contest.standings
    ]
    absent = "".join(
        f"\n{peers.DESCRIBED[name]} did not run: {why}.\n" for name, why in figures.contest.missing.items()
    )
    return (
        "## Peers\n\n"
        f"The same message, encrypted, signed and posted; one process each, {rounds} rounds in turns, medians.\n"
        "The ratio says how many times as many messages Steeple's send path makes per core: the smaller of the ratios\n"
        "of wall time and of CPU. The row of the whole gateway includes accepting, planning, reading and recording;\n"
        "its CPU is the worker's.\n\n"
        + _table(("one process", "messages/s", "us of its CPU per message", "we are faster by"), rows)
        + absent
    )


def _campaign(figures: Figures) -> str:
    parts: list[str] = []
    if figures.planning is not None:
        planning = figures.planning
        shown = ", ".join(f"{seconds:.2f}" for seconds in planning.seconds)
        parts.append(
            f"From the 202 to {planning.chunks} chunks for {planning.recipients:,} recipients that workers can claim:"
            f" {shown} s.\n"
        )
    if figures.campaigns:
        parts.append(_sends(figures))
    return "## A message to everybody\n\n" + "\n".join(parts) if parts else ""


def _sends(figures: Figures) -> str:
    sends = figures.campaigns
    cpu = cpu_by_group(sends)
    total = sum(cpu.values())
    per_s = median_of(sends, lambda one: one.per_s)
    cores = median_of(sends, lambda one: one.cores_busy)
    shares = [(name, f"{used:.1f}", f"{used / total:.0%}") for name, used in cpu.items()]
    memory = [
        (name, f"{seen.first:.0f}", f"{seen.second_half:.0f}", f"{seen.most:.0f}")
        for name, seen in sends[-1].memory.items()
    ]
    return (
        f"{sends[0].recipients:,} recipients, from the API call to the last outcome recorded, median of {len(sends)}:\n"
        f"**{per_s:,.0f} messages/s** ({per_s * 60:,.0f} a minute), with {cores:.2f} cores busy.\n\n"
        + _table(("CPU per message", "us", "share"), [*shares, ("all", f"{total:.1f}", "")])
        + "\n"
        + _table(("resident memory, MB", "second quarter", "second half", "most"), memory)
    )


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


def _parts(figures: Figures) -> str:
    if figures.parts is None:
        return ""
    rows = [(name, f"{cost_us:.1f}") for name, cost_us in figures.parts.items()]
    return "## Steps of a worker\n\nCPU per message of each step on its own, medians.\n\n" + _table(("", "us"), rows)


def _options(figures: Figures) -> str:
    said = ", ".join(f"{name} {value}" for name, value in figures.options.items())
    return f"Options of the run: {said}.\n"
