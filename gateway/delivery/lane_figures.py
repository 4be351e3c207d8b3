"""The metrics of a process's lanes: by push service, not by app or key, of which there is no bound."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from gateway.delivery.lane import Lane
from gateway.store.lanes import State
from gateway.telemetry import LANE_IN_FLIGHT, LANE_IN_FLIGHT_MAX, LANE_RATE, LANES, LANES_STANDING
from gateway.transports.base import Transport

_STANDING: Final = ("parked", "stopped", "slowed")


def label_of(origin: str, transport: Transport) -> tuple[str, str]:
    """Provider and host as metrics name them: hosts that the provider knows by name or pattern, all others as one."""
    host = urlsplit(origin).hostname or ""
    for known in transport.hosts:
        if host == known or (known.startswith("*.") and host.endswith(known[1:])):
            return transport.name, known
    return transport.name, "other"


def measure(lanes: Iterable[Lane], elsewhere: Iterable[State], now_s: float) -> None:
    """Sets every gauge. `elsewhere`: states of lanes that stand or are slowed, and that this process does not use."""
    states: Counter[tuple[str, str, str]] = Counter()
    in_flight: Counter[tuple[str, str]] = Counter()
    room: Counter[tuple[str, str]] = Counter()
    rates: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    standing = Counter(_word(state, is_slowed=True) for state in elsewhere)
    for lane in lanes:
        rate = lane.rate.per_s(now_s)
        word = _word(lane.state, is_slowed=rate is not None)
        standing[word] += 1
        states[*lane.label, word] += 1
        in_flight[lane.label] += lane.in_flight
        room[lane.label] += lane.in_flight_max
        if rate is not None:
            rates[lane.label].append(rate)
    for word in _STANDING:
        LANES_STANDING.labels(word).set(standing[word])
    for gauge, figures in (
        (LANES, states),
        (LANE_IN_FLIGHT, in_flight),
        (LANE_IN_FLIGHT_MAX, room),
        (LANE_RATE, {label: min(found) for label, found in rates.items()}),
    ):
        gauge.clear()
        for label, figure in figures.items():
            gauge.labels(*label).set(figure)


def _word(state: State, *, is_slowed: bool) -> str:
    return "slowed" if state == "running" and is_slowed else state
