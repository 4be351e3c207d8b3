"""A gateway as an operator runs it: `steeple serve` with its embedded Postgres and default settings, on the sink.

Two settings differ from the defaults. The rehearsal switch permits the sink's address, and the request rate of an API
key is lifted, because one key here plays all the shop's servers.
"""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
import msgspec

from benchmarks.processes import resident_mb
from benchmarks.sink import Sink, free_port
from gateway.config import Settings
from gateway.model.app import App
from gateway.model.errors import GatewayError
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.tenancy.apps import create_app
from gateway.tenancy.installation import open_vault

Agreement = Literal["cryptography", "fast"]
"""With what a gateway agrees on keys."""
_MODE: Final[dict[Agreement, str]] = {"cryptography": "off", "fast": "auto"}
_START_S: Final = 180.0
_STOP_S: Final = 60.0
_TAIL: Final = 2000
_FILL_TIMEOUT_S: Final = 600.0
_ROOT: Final = Path(__file__).resolve().parent.parent


class Stopped(Exception):
    """The gateway did not start, or did not do what it should; the text says what."""


class Shop(msgspec.Struct, frozen=True):
    """An app, and its key in plain text."""

    app: App
    api_key: str


class Served(msgspec.Struct, frozen=True, eq=False):
    """A running gateway."""

    url: str
    db: Database
    data_dir: Path
    sink: Sink
    pids: dict[str, int]
    """By process: api, loops, worker-1, ..., postgres, supervisor."""
    metrics_url: str
    log: Path

    @property
    def groups(self) -> Mapping[str, list[int]]:
        """Whose CPU is counted together, by name; the sink's too."""
        workers = [pid for name, pid in self.pids.items() if name.startswith("worker")]
        others = {name: [pid] for name, pid in self.pids.items() if name in ("api", "loops", "postgres")}
        return {**others, "workers": workers, "nginx": [self.sink.pid]}

    async def call(self, shop: Shop, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """One request with the shop's key; raises `Stopped` for a refusal."""
        headers = {"Authorization": f"Bearer {shop.api_key}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, self.url + path, json=body) as answer,
        ):
            said = await answer.json()
            if answer.status >= 300:
                raise Stopped(f"{method} {path} was answered {answer.status}: {said}")
            return said

    async def metric(self, name: str) -> float:
        """The sum of a metric over all processes and labels."""
        async with aiohttp.ClientSession() as session, session.get(self.metrics_url) as answer:
            text = await answer.text()
        found = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    async def new_shop(self, name: str) -> Shop:
        """An app with keys."""
        vault = await open_vault(Settings(data_dir=str(self.data_dir)), self.db)
        made = await create_app(
            self.db, vault, name=name, origins=["https://shop.example"], subject="mailto:push@shop.example",
            settings={"quiet_hours": None},
        )  # fmt: skip
        return Shop(made.app, made.api_key_text)


@asynccontextmanager
async def served(
    data_dir: Path, sink: Sink, *, workers: int | None, agreement: Agreement = "cryptography"
) -> AsyncGenerator[Served]:
    """`steeple serve`, for the length of the block; `workers` None: one per core, as by default."""
    port, metrics = free_port(), f"127.0.0.1:{free_port()}"  # the usual one may be taken by a gateway that runs here
    log = data_dir.parent / "gateway.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "serve", "--bind", f"127.0.0.1:{port}", "--data-dir", str(data_dir),
            *([] if workers is None else ["--workers", str(workers)]),
            cwd=_ROOT, env=_environment(sink, metrics, agreement), stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_ready(process, url, log)
        server = EmbeddedPostgres(data_dir)
        dsn = server.running_dsn()
        assert dsn is not None
        assert server.pid is not None
        db = await Database.open(dsn, size_max=4, name="steeple benchmark", statement_timeout_s=_FILL_TIMEOUT_S)
        try:
            roles = await _roles(db, workers=workers or os.cpu_count() or 1)
            pids = {"supervisor": process.pid, "postgres": server.pid, **roles}
            yield Served(url, db, data_dir, sink, pids, f"http://{metrics}/metrics", log)
        finally:
            await db.close()
    finally:
        await _stop(process)


def _environment(sink: Sink, metrics: str, agreement: Agreement) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEEPLE_")}
    return {
        **kept,
        "STEEPLE_FAST_ECDH": _MODE[agreement],
        "STEEPLE_SANDBOX": "1",
        "STEEPLE_EGRESS_ALLOW": f"localhost:{sink.port}",
        "STEEPLE_EGRESS_CA": str(sink.ca_file),
        "STEEPLE_METRICS_BIND": metrics,
        "STEEPLE_RATE_PER_KEY": "1000000",
        "STEEPLE_RATE_PUBLIC": "1000000",
    }


async def _until_ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    until_s = time.monotonic() + _START_S
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < until_s and process.returncode is None:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status < 300:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise Stopped(f"The gateway did not get ready. {await asyncio.to_thread(end_of, log)}")


def end_of(log: Path) -> str:
    """What the gateway said last, for whoever has to find out what went wrong."""
    return f"The end of its log:\n{log.read_text(encoding='utf-8', errors='replace')[-_TAIL:]}"


async def _roles(db: Database, *, workers: int) -> dict[str, int]:
    """The pids of the children, from the table in which they report themselves, once all workers have."""
    while True:
        rows = await db.fetch("SELECT role, pid FROM processes WHERE heard_at > now() - interval '10 s' ORDER BY pid")
        living = [(row["role"], row["pid"]) for row in rows if resident_mb(row["pid"])]
        found = [pid for role, pid in living if role == "worker"]
        if {"api", "loops"} <= {role for role, _ in living} and len(found) == workers:
            break
        await asyncio.sleep(0.1)
    named = {f"worker-{number}": pid for number, pid in enumerate(found, start=1)}
    return {**{role: pid for role, pid in living if role != "worker"}, **named}


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise GatewayError("draining", f"The gateway did not stop within {_STOP_S:.0f} s.") from None
