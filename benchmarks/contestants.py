"""Who competes: ours and others, by provider, each with the work that it gets in a round.

Each is one process. The slower send fewer messages, so that all have about as long; a machine that cannot run one is
told why, and the others go on.
"""

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from benchmarks.orders import Provider
from benchmarks.tools import ToolMissing, go_program, need_module, node_packages

Language = Literal["python", "node", "go", "gateway"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant.

    share: of a round's messages, how many it sends. needs: the Python package it comes with. program: the module or
    script below peers/. arguments: what stands behind the order.
    """

    name: str
    provider: Provider
    described: str
    share: float
    language: Language = "python"
    program: str = ""
    needs: str | None = None
    arguments: tuple[str, ...] = ()
    concurrency: int = 64
    is_ours: bool = False


def _ours(
    name: str, provider: Provider, described: str, share: float, *arguments: str, needs: str | None = None
) -> Entry:
    return Entry(
        name=name, provider=provider, described=f"Steeple, {described}", share=share, program="steeple_path",
        needs=needs, arguments=arguments, is_ours=True,
    )  # fmt: skip


def _go(provider: Provider) -> Entry:
    return Entry(
        name=f"go-{provider}", provider=provider, described="Go, net/http tuned, HTTP/2", share=1, language="go",
        concurrency=128,
    )  # fmt: skip


GATEWAY: Final = "steeple-gateway"
FAST: Final = "steeple-fast"
PLAIN: Final = "steeple"
AHEAD: Final = "steeple-ahead"
_ENTRIES: Final[Sequence[Entry]] = (
    _ours(PLAIN, "webpush", "a worker's send path, cryptography alone", 1),
    _ours(FAST, "webpush", "a worker's send path, extra `fast`", 1, "--agreement", "fast", needs="qh3"),
    _ours(AHEAD, "webpush", "a worker's send path, keys made ahead", 3, "--ahead"),
    Entry(
        name=GATEWAY, provider="webpush", described="Steeple, whole gateway with one worker", share=1,
        language="gateway", is_ours=True,
    ),
    _go("webpush"),
    Entry(
        name="pywebpush-async", provider="webpush", described="pywebpush, shared aiohttp session, uvloop", share=0.4,
        program="pywebpush_async", needs="pywebpush",
    ),
    Entry(
        name="pywebpush-session", provider="webpush", described="pywebpush, shared requests session", share=0.25,
        program="pywebpush_session", needs="pywebpush",
    ),
    Entry(
        name="pywebpush-documented", provider="webpush", described="pywebpush as documented", share=0.08,
        program="pywebpush_documented", needs="pywebpush",
    ),
    Entry(
        name="npm-web-push", provider="webpush", described="npm web-push 3.6.7, keep-alive agent", share=0.15,
        language="node", program="web_push.mjs",
    ),
    _ours("steeple-apns", "apns", "a worker's send path", 5),
    _go("apns"),
    Entry(
        name="node-apn", provider="apns", described="@parse/node-apn 8.1.0", share=1, language="node",
        program="node_apn.mjs", concurrency=256,
    ),
    Entry(
        name="aioapns", provider="apns", described="aioapns, uvloop", share=0.4, program="aioapns_pool",
        needs="aioapns", concurrency=256,
    ),
    _ours("steeple-fcm", "fcm", "a worker's send path", 4),
    _go("fcm"),
    Entry(
        name="pyfcm", provider="fcm", described="pyfcm, shared requests session", share=0.15, program="pyfcm_notify",
        needs="pyfcm",
    ),
    Entry(
        name="firebase-each", provider="fcm", described="firebase-admin, send_each (threads)", share=0.1,
        program="firebase_each", needs="firebase_admin",
    ),
    Entry(
        name="firebase-async", provider="fcm", described="firebase-admin, send_each_async (HTTP/2, uvloop)", share=0.1,
        program="firebase_async", needs="firebase_admin",
    ),
)  # fmt: skip
ENTRIES: Final[Mapping[str, Entry]] = {entry.name: entry for entry in _ENTRIES}
NAMES: Final = tuple(ENTRIES)


async def command_of(entry: Entry, order: Path, folder: Path) -> list[str]:
    """How this contestant is started on this machine with this order. Raises `ToolMissing` where it cannot be."""
    match entry.language:
        case "python":
            if entry.needs is not None:
                need_module(entry.needs)
            return [sys.executable, "-m", f"benchmarks.peers.{entry.program}", str(order), *entry.arguments]
        case "node":
            packages = await node_packages(folder / "node")
            script = Path(__file__).parent / "peers" / entry.program
            return [shutil.which("node") or "node", str(script), str(order), str(packages)]
        case "go":
            return [str(await go_program(folder)), str(order)]
        case "gateway":
            raise ToolMissing("no gateway was started for it")


async def able(names: Sequence[str], folder: Path) -> tuple[list[Entry], dict[str, str]]:
    """Those of `names` that this machine can run, and why it cannot run the others."""
    found: list[Entry] = []
    missing: dict[str, str] = {}
    for name in names:
        entry = ENTRIES[name]
        try:
            if entry.language != "gateway":
                await command_of(entry, folder, folder)
            found.append(entry)
        except ToolMissing as why:
            missing[name] = str(why)
        await asyncio.sleep(0)
    return found, missing
