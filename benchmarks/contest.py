"""The same work by us and by others, in turns: several rounds, each contestant once a round, medians.

Every contestant is one process, and so has one core at most; nginx has the other. Figures of one run are compared with
each other and with nothing else: the machine's mood changes all of them alike.
"""

import asyncio
import os
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import campaign
from benchmarks.contestants import ENTRIES, Entry, able, command_of
from benchmarks.orders import Orders, Provider
from benchmarks.peers.order import Score
from benchmarks.serving import Served, Shop, Stopped
from benchmarks.sink import Sink
from gateway.model.limits import GROUP_RECIPIENTS_MAX

_WARM_UP: Final = 2 * GROUP_RECIPIENTS_MAX
"""Enough for everybody to open all of its connections: a handshake costs several messages."""
_ROUND_S: Final = 600.0
_REPO: Final = Path(__file__).resolve().parent.parent


class Standing(msgspec.Struct, frozen=True):
    """One contestant's rounds."""

    name: str
    scores: list[Score]

    @property
    def provider(self) -> Provider:
        """Whose messages it sends."""
        return ENTRIES[self.name].provider

    @property
    def per_s(self) -> float:
        """Messages a second of one process, median."""
        return statistics.median(score.messages / score.seconds for score in self.scores)

    @property
    def cpu_us(self) -> float:
        """CPU of that process per message, median."""
        return statistics.median(score.cpu_s / score.messages * 1e6 for score in self.scores)


class Contest(msgspec.Struct, frozen=True):
    """All contestants, and who could not take part and why."""

    standings: list[Standing]
    missing: dict[str, str]

    def of(self, name: str) -> Standing | None:
        """The contestant of this name, if it took part."""
        return next((one for one in self.standings if one.name == name), None)

    def ratio(self, ours: str, theirs: str) -> float | None:
        """How many times as many messages one makes per core as the other: the smaller of wall and CPU ratio."""
        one, other = self.of(ours), self.of(theirs)
        if one is None or other is None:
            return None
        return min(one.per_s / other.per_s, other.cpu_us / one.cpu_us)


Contestant = Callable[[int], Awaitable[Score]]
"""Sends so many messages."""


async def compete(
    contestants: Mapping[str, tuple[Contestant, int]], *, rounds: int, missing: Mapping[str, str]
) -> Contest:
    """Lets each (contestant, messages) send once a round, in another order each time."""
    scores: dict[str, list[Score]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        turn = number % max(1, len(names))
        for name in names[turn:] + names[:turn]:
            send, messages = contestants[name]
            scores[name].append(await send(messages))
    return Contest([Standing(name, found) for name, found in scores.items()], dict(missing))


async def contestants(
    names: Sequence[str], folder: Path, sink: Sink, *, messages: int, gateway: tuple[Served, Shop] | None
) -> tuple[dict[str, tuple[Contestant, int]], dict[str, str]]:
    """Those of `names` that this machine can run, each with how many messages a round, and why the others cannot."""
    entries, missing = await able(names, folder)
    orders = Orders(sink)
    found: dict[str, tuple[Contestant, int]] = {}
    for entry in entries:
        if entry.language != "gateway":
            found[entry.name] = (_program(entry, orders, folder, sink), max(1, int(messages * entry.share)))
        elif gateway is not None:
            found[entry.name] = (_whole_gateway(*gateway), messages)
    return found, missing


def _program(entry: Entry, orders: Orders, folder: Path, sink: Sink) -> Contestant:
    async def send(messages: int) -> Score:
        order = orders.order(entry.provider, messages, warm_up=_WARM_UP, concurrency=entry.concurrency)
        file = folder / f"{entry.name}.json"
        await asyncio.to_thread(file.write_bytes, msgspec.json.encode(order))
        return await _run(await command_of(entry, file, folder), sink, pushes=len(order.pushes))

    return send


async def _run(command: Sequence[str], sink: Sink, *, pushes: int) -> Score:
    arrived_before = await asyncio.to_thread(sink.pushes)
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **_environment(sink)}, stdout=asyncio.subprocess.PIPE, cwd=_REPO
    )
    try:
        async with asyncio.timeout(_ROUND_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise Stopped(f"{' '.join(command)} was not done after {_ROUND_S:.0f} s.") from None
    if process.returncode:
        raise Stopped(f"{' '.join(command)} failed; see above.")
    score = msgspec.json.decode(output, type=Score)
    arrived = await asyncio.to_thread(sink.pushes) - arrived_before
    if arrived != pushes:
        raise Stopped(f"{' '.join(command)}: {arrived} of {pushes} messages arrived.")
    return score


def _environment(sink: Sink) -> dict[str, str]:
    """Whom peers trust, in each library's words, and one core for those that would take all."""
    ca_file = str(sink.ca_file)
    trust = dict.fromkeys(("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"), ca_file)
    return {**trust, "GOMAXPROCS": "1"}


def _whole_gateway(served: Served, shop: Shop) -> Contestant:
    """From the API call to the last outcome, with one worker; its CPU is the worker's."""

    async def send(messages: int) -> Score:
        sent = await campaign.send(served, shop, recipients=messages)
        return Score(messages, sent.seconds, sent.cpu_us["workers"] * messages / 1e6)

    return send
