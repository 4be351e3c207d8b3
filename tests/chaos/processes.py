"""Real processes of the gateway and of the rehearsal push services: started, found by their ids, killed, waited for.

Nothing here knows the gateway from inside: children are told apart by what Linux and the table of processes say.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

_T = TypeVar("_T")
_POLL_S: Final = 0.05
START_S: Final = 60.0
"""A first start makes a database; on a busy machine that takes a while."""


class TooLate(AssertionError):
    """Something that should have happened did not, in the time it had."""


async def until(what: str, ask: Callable[[], Awaitable[_T]], *, within_s: float, every_s: float = _POLL_S) -> _T:
    """The first answer that is not falsy."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TooLate(f"not within {within_s:.0f} s: {what}")
        await asyncio.sleep(every_s)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(pid: int) -> bool:
    """Whether the process runs (or is stopped); one that ended and was not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    """Living processes that this one started."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return [child for child in found if is_alive(child)]


def command_of(pid: int) -> str:
    """The command line of a process; empty when it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return ""


def send_signal(pid: int, number: signal.Signals) -> None:
    """To this process alone, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


async def gone(pid: int, *, within_s: float) -> None:
    """Returns when the process has ended."""

    async def has_ended() -> bool:
        return not is_alive(pid)

    await until(f"process {pid} ends", has_ended, within_s=within_s)


async def ended(process: asyncio.subprocess.Process, *, within_s: float) -> int:
    """The exit code."""
    async with asyncio.timeout(within_s):
        return await process.wait()


async def run_steeple(*words: str, environ: dict[str, str]) -> Any:
    """The answer of one verb of the command line, as JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *words, "--json", env=environ, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(START_S):
        said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    return msgspec.json.decode(said)


class SandboxProcess:
    """`steeple sandbox` in a process of its own, with its ledger. `found_at`: the port under which gateways find it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, tls_port: int, ledger: Path) -> None:
        self.process = process
        self.port = self.found_at = port
        self.tls_port = tls_port
        self.origin = f"http://localhost:{port}"
        self.ledger = ledger

    async def order_faults(self, session: aiohttp.ClientSession, *rules: dict[str, Any]) -> None:
        """Replaces the faults in force."""
        async with session.put(f"{self.origin}/sandbox/faults", json={"rules": list(rules)}) as answer:
            assert answer.status == 200, await answer.text()

    async def counted(self, session: aiohttp.ClientSession) -> dict[str, int]:
        """How many requests were accepted, refused and spoiled so far, by kind."""
        async with session.get(f"{self.origin}/sandbox/ledger") as answer:
            return (await answer.json())["counters"]


def environ_of(*sandboxes: SandboxProcess) -> dict[str, str]:
    """What a gateway must be told to send to these push services."""
    hosts = [f"localhost:{sandbox.port}" for sandbox in sandboxes]
    ways = [f"{host}=127.0.0.1:{sandbox.found_at}" for host, sandbox in zip(hosts, sandboxes, strict=True)]
    return {
        "STEEPLE_SANDBOX": "1",
        "STEEPLE_EGRESS_ALLOW": ",".join(hosts),
        "STEEPLE_EGRESS_RESOLVE": ",".join(ways),
    }


@contextlib.asynccontextmanager
async def sandbox_process(
    folder: Path, name: str = "ledger", *, decrypts: bool = False
) -> AsyncGenerator[SandboxProcess]:
    """Push services for the length of the block. `decrypts`: their devices read what they get."""
    port, tls_port, apns_port = free_port(), free_port(), free_port()
    ledger = folder / f"{name}.ndjson"
    with (folder / "sandbox.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "sandbox", "--port", str(port), "--tls-port", str(tls_port),
            "--mcs-port", "0", "--apns-port", str(apns_port), "--ledger", str(ledger),
            "--directory", str(folder / name), *(["--decrypt"] if decrypts else []), stdout=log, stderr=log,
            stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    sandbox = SandboxProcess(process, port, tls_port, ledger)
    try:
        await until("the sandbox listens", ledger_exists(ledger, port), within_s=START_S)
        yield sandbox
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def ledger_exists(ledger: Path, port: int) -> Callable[[], Awaitable[bool]]:
    """Asks whether the sandbox has opened its ledger and its port."""

    async def listens() -> bool:
        with socket.socket() as probe:
            return ledger.exists() and probe.connect_ex(("127.0.0.1", port)) == 0

    return listens
