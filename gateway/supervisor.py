"""The processes of `steeple serve`: starts them, watches them, restarts them, stops them in order.

The supervisor does no work of its own, so that nothing can bring it down: it owns the embedded Postgres (if there is
one), one API process, a delivery process per core, one for the loops, and the metrics listener. A child that dies is
replaced; its successor is told whose chunks to free, so that work goes on at once rather than when a lease runs out. A
child that says that no restart will help (a setting, the master key, an address that is taken) ends all of it.
"""

import asyncio
import contextlib
import errno
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import uvloop

from gateway.app import egress_policy
from gateway.config import Settings, cannot_listen
from gateway.metrics import serve_metrics
from gateway.model.errors import GatewayError
from gateway.model.ids import ID_BITS
from gateway.model.limits import METRICS_WAIT_S
from gateway.process import METRICS_PLEASE, ORDER_BYTES_MAX, REFUSED, Order, Refusal
from gateway.store import partitions
from gateway.store.clock import DatabaseClock
from gateway.store.database import Database
from gateway.store.embedded import EmbeddedPostgres
from gateway.store.migrate import migrate
from gateway.telemetry import log, set_up_logs
from gateway.tenancy.installation import ensure_installation, open_vault

_RESTART_FIRST_S: Final = 0.1
_RESTART_MAX_S: Final = 5.0
_HEALTHY_AFTER_S: Final = 30.0
_GRACE_S: Final = 10.0
"""Beyond the drain time, before a child that does not end is killed."""


class Child:
    """One process, kept alive until told otherwise."""

    def __init__(self, name: str, role: str, settings: Settings) -> None:
        self.name = name
        self._role = role
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._tie: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._asking = asyncio.Lock()
        self._is_stopping = False

    async def keep_running(self) -> None:
        """Starts the process again whenever it ends, with growing pauses while it ends at once.

        Raises `GatewayError` when the process refuses to serve for a reason that a new start does not mend.
        """
        predecessor: int | None = None
        pause_s = _RESTART_FIRST_S
        while not self._is_stopping:
            process_id = secrets.randbits(ID_BITS)
            began_s = time.monotonic()
            try:
                process = await self._start(process_id, predecessor)
            except OSError as fault:
                # No memory or no process to be had at this moment: what runs goes on.
                log("supervisor").error("process_not_started", name=self.name, fault=str(fault))
                await asyncio.sleep(_RESTART_MAX_S)
                continue
            code = await process.wait()
            refusal = await self._refusal() if code == REFUSED else None
            self._let_go()
            if self._is_stopping:
                return
            if refusal is not None:
                raise refusal
            log("supervisor").warning("process_died", name=self.name, pid=process.pid, code=code)
            predecessor = process_id
            pause_s = _RESTART_FIRST_S if time.monotonic() - began_s > _HEALTHY_AFTER_S else pause_s * 2
            await asyncio.sleep(min(pause_s, _RESTART_MAX_S))

    def stop(self) -> None:
        """Tells the process to finish what it does and end."""
        self._is_stopping = True
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once."""
        self._signal(signal.SIGKILL)

    async def metrics(self) -> bytes:
        """Its metrics as Prometheus text; empty when it does not answer in time."""
        tie = self._tie
        if tie is None:
            return b""
        reader, writer = tie
        try:
            async with asyncio.timeout(METRICS_WAIT_S), self._asking:
                writer.write(METRICS_PLEASE)
                await writer.drain()
                return await reader.readexactly(int(await reader.readline()))
        except (OSError, ValueError, TimeoutError, asyncio.IncompleteReadError):
            # An answer that comes late would be taken for the next one's: the tie is only good for stopping now.
            self._tie = None
            return b""

    async def _refusal(self) -> GatewayError:
        """What the process that just ended said last."""
        said = b""
        if self._tie is not None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(METRICS_WAIT_S):
                    said = await self._tie[0].read()
        try:
            refusal = msgspec.json.decode(said.splitlines()[-1], type=Refusal)
        except (IndexError, msgspec.DecodeError):
            # It was just answering for metrics, say; its own log line has the reason.
            return GatewayError("setting_invalid", f"The process {self.name} cannot serve; its log says why.")
        return GatewayError(refusal.code, refusal.message)

    async def _start(self, process_id: int, predecessor: int | None) -> asyncio.subprocess.Process:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # what lies in the current folder is not imported
                "-m",
                "gateway.process",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then stops in order
            )
        self._process = process
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=ORDER_BYTES_MAX)
        order = Order(role=self._role, process_id=process_id, predecessor=predecessor, settings=self._settings)
        with contextlib.suppress(OSError):
            writer.write(msgspec.json.encode(order) + b"\n")
            await writer.drain()
        self._tie = (reader, writer)
        self._writer = writer
        return process

    def _let_go(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._tie = self._writer = None
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)


class Supervisor:
    """All processes of one `steeple serve`."""

    def __init__(self, settings: Settings, roles: Sequence[str]) -> None:
        self._settings = settings
        self._roles = roles
        self._postgres = None if settings.database_url else EmbeddedPostgres(settings.data_path)
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self.children: list[Child] = []

    async def run(self) -> int:
        """Serves until SIGTERM or SIGINT; the exit code. A second signal stops at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        # What is wrong is a sentence here, before anything is started.
        egress_policy(self._settings)
        if "api" in self._roles:
            check_bind(self._settings)
        async with serve_metrics(self._settings, self.children):
            return await self._serve_on_database()

    async def _serve_on_database(self) -> int:
        settings = await self._with_database()
        watching = asyncio.create_task(self._keep_postgres())
        try:
            await prepare(settings)
            return await self._serve(settings)
        finally:
            self._stop.set()
            watching.cancel()
            if self._postgres is not None:
                await self._postgres.stop()

    async def _serve(self, settings: Settings) -> int:
        self.children.extend(children_of(settings, self._roles))
        running = [asyncio.create_task(child.keep_running()) for child in self.children]
        log("supervisor").info("serving", url=settings.url, processes=len(running), pid=os.getpid())
        refusal = await self._until_told_or_refused(running)
        self._stop.set()
        log("supervisor").info("stopping", reason="told to" if refusal is None else str(refusal))
        code = await self._stop_children(running)
        if refusal is not None:
            raise refusal
        return code

    async def _until_told_or_refused(self, running: Sequence[asyncio.Task[None]]) -> BaseException | None:
        """Waits for the order to stop, or for the first child that cannot be kept running; why it cannot."""
        told = asyncio.create_task(self._stop.wait())
        ended, _ = await asyncio.wait([told, *running], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        return next((why for task in ended - {told} if (why := task.exception()) is not None), None)

    async def _stop_children(self, running: Sequence[asyncio.Task[None]]) -> int:
        for child in self.children:
            child.stop()
        hurry = asyncio.create_task(self._hurry.wait())
        everybody = asyncio.gather(*running, return_exceptions=True)
        await asyncio.wait(
            [hurry, everybody], timeout=self._settings.drain_s + _GRACE_S, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        is_clean = everybody.done()
        if not is_clean:
            for child in self.children:
                child.kill()
            await everybody
        return 0 if is_clean else 1

    def _told_to_stop(self) -> None:
        (self._hurry if self._stop.is_set() else self._stop).set()

    async def _with_database(self) -> Settings:
        if self._postgres is None:
            return self._settings
        return msgspec.structs.replace(self._settings, database_url=await self._postgres.start())

    async def _keep_postgres(self) -> None:
        """Brings the embedded Postgres back when it dies."""
        while self._postgres is not None:
            await self._postgres.wait()
            if self._stop.is_set():
                return
            log("supervisor").error("postgres_died")
            try:
                await self._postgres.start()
                log("supervisor").info("postgres_back")
            except Exception as fault:  # noqa: BLE001 - whatever it was, it is tried again: without a database nothing runs
                log("supervisor").error("postgres_not_back", fault=str(fault))
                await asyncio.sleep(_RESTART_MAX_S)


def children_of(settings: Settings, roles: Sequence[str]) -> list[Child]:
    """The processes that these roles need."""
    names = [
        *(["api"] if "api" in roles else []),
        *([f"worker-{number}" for number in range(1, settings.worker_count + 1)] if "worker" in roles else []),
        *(["loops"] if "loops" in roles else []),
    ]
    return [Child(name, name.partition("-")[0], settings) for name in names]


def check_bind(settings: Settings) -> None:
    """Raises `GatewayError` (setting_invalid) where the API could not listen; does not listen itself.

    A name may stand for an address that this machine lacks (::1, say) beside one that it has: the API sees to that.
    """
    host, port = settings.bind_address
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            _try_to_bind(family, kind, protocol, address)
    except OSError as fault:
        raise cannot_listen(fault, settings.bind, setting="bind") from None


def _try_to_bind(family: int, kind: int, protocol: int, address: Any) -> None:
    """Binds as the API does, which several processes may do at once."""
    try:
        trial = socket.socket(family, kind, protocol)
    except OSError:
        return  # a system without this family of addresses
    with trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            trial.bind(address)
        except OSError as fault:
            if fault.errno != errno.EADDRNOTAVAIL:
                raise


async def prepare(settings: Settings) -> None:
    """Makes the database ready to serve: schema, keys of the installation, partitions of the coming days."""
    await migrate(settings.database_url)
    db = await Database.open(settings.database_url, size_max=2, name="steeple supervisor")
    try:
        vault = await open_vault(settings, db)
        first_key = await ensure_installation(db, vault)
        if first_key is not None:
            sys.stderr.write(f"The installation's admin key, shown this once: {first_key}\n")
        clock = DatabaseClock()
        await clock.sync(db)
        await partitions.ensure(db, today=clock.now().date())
    finally:
        await db.close()


def serve(settings: Settings, *, roles: Sequence[str]) -> int:
    """Runs the gateway in the foreground; the exit code. Raises `GatewayError` for what keeps it from starting."""
    set_up_logs(settings.log, role="supervisor")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Supervisor(settings, roles).run())
