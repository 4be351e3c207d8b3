"""The same work by us and by others, in turns: several rounds, each contestant once a round, medians.

Every contestant is one process, and so has one core at most; nginx has the other. Figures of one run are compared with
each other and with nothing else: the machine's mood changes all of them alike.
"""

import asyncio
import os
import secrets
import shutil
import statistics
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from benchmarks import audience, campaign
from benchmarks.peers.order import Order, Push, Score
from benchmarks.serving import Served, Shop, Stopped
from benchmarks.sink import Sink
from gateway.model.ids import new_id, to_text
from gateway.model.limits import GROUP_RECIPIENTS_MAX
from gateway.wire.vapid import VapidKey

OURS: Final = "steeple"
WORKER: Final = "steeple-gateway"
SHARED: Final = ("pywebpush-session", "pywebpush-async")
"""pywebpush with a session that is shared: what our goal is measured by."""
WEB_PUSH_VERSION: Final = "3.6.7"
_PYTHON: Final = {
    OURS: "steeple_path",
    "pywebpush-async": "pywebpush_async",
    "pywebpush-session": "pywebpush_session",
    "pywebpush-documented": "pywebpush_documented",
}
_WEB_PUSH: Final = "npm-web-push"
NAMES: Final = (OURS, WORKER, *(name for name in _PYTHON if name != OURS), _WEB_PUSH)
DESCRIBED: Final[Mapping[str, str]] = {
    OURS: "Steeple, a worker's send path (no store)",
    WORKER: "Steeple, whole gateway with one worker",
    "pywebpush-async": "pywebpush, shared aiohttp session, uvloop",
    "pywebpush-session": "pywebpush, shared requests session",
    "pywebpush-documented": "pywebpush as documented",
    _WEB_PUSH: f"npm web-push {WEB_PUSH_VERSION}, keep-alive agent",
}
_CONCURRENCY: Final = 64
_WARM_UP: Final = 2 * GROUP_RECIPIENTS_MAX
"""Enough for everybody to open all of its connections: a handshake costs several messages."""
_TTL_S: Final = 3600
_SUBJECT: Final = "mailto:push@shop.example"
_INSTALL_S: Final = 120.0
_ROUND_S: Final = 600.0


class Standing(msgspec.Struct, frozen=True):
    """One contestant's rounds."""

    name: str
    scores: list[Score]

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


Contestant = Callable[[int], Awaitable[Score]]
"""Sends so many messages."""


async def compete(
    contestants: Mapping[str, tuple[Contestant, int]], *, rounds: int, missing: Mapping[str, str]
) -> Contest:
    """Lets each (contestant, messages) send once a round, in another order each time."""
    scores: dict[str, list[Score]] = {name: [] for name in contestants}
    names = list(contestants)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            send, messages = contestants[name]
            scores[name].append(await send(messages))
    return Contest([Standing(name, found) for name, found in scores.items()], dict(missing))


async def contestants(
    names: Sequence[str], folder: Path, sink: Sink, *, messages: int, gateway: tuple[Served, Shop] | None
) -> tuple[dict[str, tuple[Contestant, int]], dict[str, str]]:
    """Those of `names` that this machine can run, each with how many messages a round, and why the others cannot."""
    found: dict[str, tuple[Contestant, int]] = {}
    missing: dict[str, str] = {}
    for name in names:
        if name == WORKER:
            if gateway is not None:
                found[name] = (_whole_gateway(*gateway), messages)
        elif name == _WEB_PUSH:
            why_not = await _install_web_push(folder / "node")
            if why_not is None:
                found[name] = (_program(name, folder, sink), messages // 4)
            else:
                missing[name] = why_not
        else:
            found[name] = (_program(name, folder, sink), messages // _SLOWER[name])
    return found, missing


_SLOWER: Final = {OURS: 1, "pywebpush-async": 2, "pywebpush-session": 2, "pywebpush-documented": 8}
"""The slower send fewer messages a round, so that each has about as long."""


def _program(name: str, folder: Path, sink: Sink) -> Contestant:
    keys = audience.receivers()
    vapid = VapidKey.generate()

    async def send(messages: int) -> Score:
        order = order_of(sink, keys, vapid, max(1, messages))
        file = folder / f"{name}.json"
        await asyncio.to_thread(file.write_bytes, msgspec.json.encode(order))
        return await _run(_command(name, file, folder), sink, pushes=len(order.pushes))

    return send


def _command(name: str, file: Path, folder: Path) -> list[str]:
    if name == _WEB_PUSH:
        script = Path(__file__).parent / "peers" / "web_push.mjs"
        return [shutil.which("node") or "node", str(script), str(file), str(folder / "node")]
    return [sys.executable, "-m", f"benchmarks.peers.{_PYTHON[name]}", str(file)]


def order_of(
    sink: Sink, keys: Sequence[audience.Receiver], vapid: VapidKey, messages: int, *, warm_up: int = _WARM_UP
) -> Order:
    """New endpoints at the sink, each with a payload of its own; `warm_up` of them come before `messages`."""
    pushes = [
        Push(keys[number % len(keys)].described(audience.endpoint(sink)), _payload())
        for number in range(messages + warm_up)
    ]
    return Order(
        pushes=pushes, warm_up=warm_up, concurrency=_CONCURRENCY, origin=sink.origin, ca_file=str(sink.ca_file),
        subject=_SUBJECT, private_key=vapid.to_base64url(), public_key=vapid.public_base64url,
        pem=vapid.to_pem().decode(), ttl_s=_TTL_S,
    )  # fmt: skip


def _payload() -> str:
    """What our renderer makes of the campaign's message, with ids and a token of their usual length."""
    message = campaign.MESSAGE
    shown = {"title": message["title"], "body": message["body"], "navigate": message["url"], "icon": message["icon"]}
    ids = {"m": to_text("msg", new_id()), "s": to_text("sub", new_id()), "t": secrets.token_urlsafe(41)}
    return msgspec.json.encode({"web_push": 8030, "notification": {**shown, "data": {"steeple": ids}}}).decode()


async def _run(command: Sequence[str], sink: Sink, *, pushes: int) -> Score:
    trust = {"REQUESTS_CA_BUNDLE": str(sink.ca_file), "NODE_EXTRA_CA_CERTS": str(sink.ca_file)}
    arrived_before = await asyncio.to_thread(sink.requests)
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **trust}, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parent.parent
    )
    try:
        async with asyncio.timeout(_ROUND_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise Stopped(f"{command[2]} was not done after {_ROUND_S:.0f} s.") from None
    if process.returncode:
        raise Stopped(f"{' '.join(command)} failed; see above.")
    score = msgspec.json.decode(output, type=Score)
    arrived = await asyncio.to_thread(sink.requests) - arrived_before - 1
    if arrived != pushes:
        raise Stopped(f"{' '.join(command)}: {arrived} of {pushes} messages arrived.")
    return score


def _whole_gateway(served: Served, shop: Shop) -> Contestant:
    """From the API call to the last outcome, with one worker; its CPU is the worker's."""

    async def send(messages: int) -> Score:
        sent = await campaign.send(served, shop, recipients=messages)
        return Score(messages, sent.seconds, sent.cpu_us["workers"] * messages / 1e6)

    return send


async def _install_web_push(folder: Path) -> str | None:
    """Installs the pinned web-push into `folder`; why that is not possible, if so."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "Node.js and npm are not installed"
    await asyncio.to_thread(_make_package, folder)
    process = await asyncio.create_subprocess_exec(
        npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"web-push@{WEB_PUSH_VERSION}",
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_INSTALL_S):
            code = await process.wait()
    except TimeoutError:
        process.kill()
        return "npm did not install it in time"
    return None if code == 0 else "npm could not install it (no network?)"


def _make_package(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
