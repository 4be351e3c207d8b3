"""`steeple serve` as its operator has it: one process tree on a data directory, with a shop that uses it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg

from gateway.store.embedded import EmbeddedPostgres
from tests.chaos.evidence import Kill
from tests.chaos.processes import (
    START_S,
    SandboxProcess,
    children_of,
    command_of,
    ended,
    environ_of,
    free_port,
    gone,
    is_alive,
    run_steeple,
    send_signal,
    until,
)
from tests.chaos.shop import Shop

LEASE_S: Final = 5
"""Sixty in production; what waits for a lease waits for a twelfth here."""
DRAIN_S: Final = 15
GROUPS_IN_FLIGHT: Final = 4
_WORKERS: Final = 2


class Serve:
    """A running `steeple serve`, started again as often as a test likes, always on the same data."""

    def __init__(
        self,
        data_dir: Path,
        sandboxes: Sequence[SandboxProcess],
        session: aiohttp.ClientSession,
        *,
        settings: Mapping[str, str] | None = None,
        roles: str = "all",
    ) -> None:
        """`settings`: further variables of its environment."""
        self.data_dir = data_dir
        self.port = free_port()
        self.metrics_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.kills: list[Kill] = []
        """What was killed (or kept from writing), when, and how many groups each had in flight."""
        self._session = session
        self._shop: Shop | None = None
        self._roles: dict[int, str] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._seen: set[int] = set()
        self._arguments = ["serve", *([] if roles == "all" else ["--role", roles])]
        self._log = data_dir.parent / f"{data_dir.name} {roles}.log"
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("STEEPLE_")},
            "STEEPLE_DATA_DIR": str(data_dir),
            "STEEPLE_BIND": f"127.0.0.1:{self.port}",
            "STEEPLE_METRICS_BIND": f"127.0.0.1:{self.metrics_port}",
            "STEEPLE_WORKERS": str(_WORKERS),
            "STEEPLE_LEASE_S": str(LEASE_S),
            "STEEPLE_BORN_CLAIMED_LEASE_S": str(LEASE_S),
            "STEEPLE_DRAIN_S": str(DRAIN_S),
            **environ_of(*sandboxes),
            **(settings or {}),
        }

    # --- its life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts it, and returns once it is ready for requests."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", *self._arguments, env=self.environ, stdout=log, stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        if "--role" not in self._arguments:
            await self.ready()

    async def ready(self, *, within_s: float = START_S) -> None:
        """Returns once it answers that it is ready, with as many processes as it should have."""

        async def is_ready() -> bool:
            if self._process is None or self._process.returncode is not None:
                raise AssertionError(f"serve ended: {self.last_words()}")
            return await self.is_ready() and len(await self.pids()) == int(self.environ["STEEPLE_WORKERS"]) + 2

        await until("serve is ready", is_ready, within_s=within_s)

    async def is_ready(self) -> bool:
        """What /readyz says; no when nobody answers."""
        try:
            async with self._session.get(f"{self.url}/readyz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def stop(self) -> int:
        """SIGTERM, and its exit code."""
        assert self._process is not None
        send_signal(self._process.pid, signal.SIGTERM)
        return await ended(self._process, within_s=DRAIN_S + 30)

    async def kill_supervisor(self) -> None:
        """SIGKILL to the first process only; its children find out by themselves."""
        assert self._process is not None
        self._remember()
        self._process.kill()
        await self._process.wait()

    async def clean_up(self) -> None:
        """Nothing of it runs any more, whatever happened."""
        self._remember()
        if self._process is not None and self._process.returncode is None:
            send_signal(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await ended(self._process, within_s=DRAIN_S + 15)
        for pid in self._seen:
            if is_alive(pid) and "gateway" in command_of(pid):
                send_signal(pid, signal.SIGCONT)
                send_signal(pid, signal.SIGKILL)
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        left = EmbeddedPostgres(self.data_dir)
        if left.running_dsn() is not None:
            await left.stop()

    async def metric(self, name: str, label: str = "") -> float:
        """A counter of all processes together: the sum over its labels, or over those that hold this text."""
        async with self._session.get(f"http://127.0.0.1:{self.metrics_port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith((f"{name} ", f"{name}{{")) and label in line
        )

    def log_into(self, place: Path) -> None:
        """Where its standard error goes from the next start on."""
        self._log = place

    def last_words(self) -> str:
        """The end of its log."""
        if not self._log.is_file():
            return f"(nothing can be read in {self._log})"
        return self._log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def log_lines(self, event: str) -> int:
        """How often something was logged."""
        return self._log.read_text(encoding="utf-8", errors="replace").count(f'"event": "{event}"')

    # --- its processes ------------------------------------------------------------------------------------------------

    @property
    def supervisor(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def _remember(self) -> None:
        if self._process is not None:
            self._seen |= {self._process.pid, *children_of(self._process.pid)}

    async def pids(self) -> list[tuple[str, int]]:
        """(role, process id) of every child that the supervisor has and that has entered itself as alive."""
        self._remember()
        children = [pid for pid in children_of(self.supervisor) if "gateway.process" in command_of(pid)]
        with contextlib.suppress(OSError, asyncpg.PostgresError):
            rows = await self.fetch("SELECT role, pid FROM processes WHERE pid = ANY($1::int[])", children)
            self._roles |= {row["pid"]: row["role"] for row in rows}
            return [(row["role"], row["pid"]) for row in rows]
        return []

    async def pid_of(self, role: str) -> int:
        """The process id of a child of this role."""

        async def find() -> int | None:
            return next((pid for found, pid in await self.pids() if found == role), None)

        found = await until(f"there is a process of role {role}", find, within_s=START_S)
        assert found is not None
        return found

    async def pids_of(self, role: str) -> list[int]:
        """The process ids of all children of this role."""
        return [pid for found, pid in await self.pids() if found == role]

    @property
    def postmaster(self) -> int:
        """The process id of the embedded Postgres."""
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split("\n")[0])

    async def kill(self, pid: int) -> None:
        """SIGKILL, and returns when it is dead."""
        self._remember()
        self.note_loss(pid)
        send_signal(pid, signal.SIGKILL)
        await gone(pid, within_s=10)

    def note_loss(self, pid: int, *, for_s: float = 0.0) -> None:
        """What this process has in flight may be sent again: it dies now, or is not heard for so long."""
        groups = GROUPS_IN_FLIGHT if self._roles.get(pid) == "worker" else 0
        self.kills.append(Kill(time.time(), groups, for_s))

    # --- its database -------------------------------------------------------------------------------------------------

    @property
    def dsn(self) -> str | None:
        """The URL of its database; None while that does not run."""
        return self.environ.get("STEEPLE_DATABASE_URL") or EmbeddedPostgres(self.data_dir).running_dsn()

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        """Rows, over a connection of the test's own."""
        dsn = self.dsn
        if dsn is None:
            raise ConnectionRefusedError("Postgres does not run")
        raw = await asyncpg.connect(dsn, timeout=10)
        try:
            return await raw.fetch(sql, *args)
        finally:
            await raw.close()

    # --- shops that use it --------------------------------------------------------------------------------------------

    async def open_shop(self, name: str, *, spread: int = 1, **settings: str) -> Shop:
        """An app with a key, by the command line; its devices will lie in so many buckets."""
        made = await run_steeple("app", "create", name, "--origin", "https://shop.example", environ=self.environ)
        own = [f"{key}={value}" for key, value in settings.items()]
        await run_steeple("app", "set", name, "quiet_hours=null", *own, environ=self.environ)
        if spread > 1:  # before any process has heard of it
            await self.fetch("UPDATE apps SET spread = $2 WHERE name = $1", name, spread)
        return Shop(self.url, self._session, made)

    async def make_app(self) -> None:
        """The shop that most tests send for."""
        self._shop = await self.open_shop("shop")

    @property
    def shop(self) -> Shop:
        """The first shop."""
        assert self._shop is not None
        return self._shop

    async def lanes_forgotten(self) -> None:
        """As if every standing lane's time were up, and that of everybody who waits for another try."""
        await self.fetch("DELETE FROM lanes")
        await self.fetch("UPDATE chunks SET due_at = now() WHERE state = 0 AND due_at > now()")
