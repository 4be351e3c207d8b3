"""The folder that Postgres calls a cluster: made once, whole or not at all, and only opened by its own version."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from gateway.store.embedded.account import Account
from gateway.store.embedded.binaries import Binaries
from gateway.store.embedded.settings import INCLUDED, memory_bytes, settings_text
from gateway.store.embedded.trouble import EmbeddedPostgresError

ROLE: Final = "steeple"
DATABASE: Final = "steeple"
_INIT_S: Final = 300.0
# initdb takes a second here; a Raspberry Pi with an SD card takes minutes.
_BUILTIN_LOCALES_SINCE: Final = 17
_NEW: Final = "postgres.new-"
_PASSWORD: Final = "postgres.password"  # noqa: S105 - the name of a file


def read_password(data_dir: Path) -> str | None:
    """The database's password; None if there is none yet. Refuses a file that others can read."""
    path = data_dir / _PASSWORD
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, encoding="ascii") as file:
        status = os.fstat(descriptor)
        if status.st_mode & 0o077 or status.st_uid != os.geteuid():
            raise EmbeddedPostgresError(
                f"{path} holds the database's password; make it yours alone: chmod 600 '{path}'"
            )
        return file.read().strip()


def write_password(data_dir: Path) -> str:
    """Makes a new password and its file, mode 0600."""
    password = secrets.token_urlsafe(32)
    _write_private(data_dir / _PASSWORD, password)
    return password


def make_cluster(data_dir: Path, cluster: Path, binaries: Binaries, account: Account) -> None:
    """Makes the cluster beside its place and moves it there when it is whole; what a crash left behind is swept up."""
    for leftover in data_dir.glob(f"{_NEW}*"):
        shutil.rmtree(leftover)
    password = read_password(data_dir) or write_password(data_dir)
    workshop = Path(tempfile.mkdtemp(prefix=_NEW, dir=data_dir))
    try:
        _write_private(workshop / "password", password, account)
        _give(workshop, account)
        made = workshop / "cluster"
        _run([binaries.initdb, *_initdb_options(binaries, workshop), "-D", str(made)], account)
        _include_settings(made, account)
        single_user(made, binaries, account, f"CREATE DATABASE {DATABASE};")
        made.rename(cluster)
        _sync(data_dir)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def check_version(cluster: Path, binaries: Binaries) -> None:
    """Refuses a cluster of another major version; nothing is touched."""
    try:
        text = (cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise EmbeddedPostgresError(f"{cluster} holds no database. Move it away, or restore a backup.") from None
    if text != str(binaries.major):
        raise EmbeddedPostgresError(
            f"The database in {cluster} was made by PostgreSQL {text}, and this installation brings PostgreSQL "
            f"{binaries.major}. Nothing was touched. Run `steeple backup` with the old installation, move {cluster} "
            "away, and run `steeple restore` with the new one."
        )


def write_settings(data_dir: Path, cluster: Path, account: Account, *, durable: bool) -> None:
    """Puts our settings into the cluster. Written outside and moved in: the account's links are never followed."""
    beside = data_dir / f"{INCLUDED}.new"
    _write_private(beside, settings_text(memory_bytes(), durable=durable), account)
    beside.replace(cluster / INCLUDED)


def reset_password(data_dir: Path, cluster: Path, binaries: Binaries, account: Account) -> str:
    """Gives a cluster whose password file is lost a new one; the server must not be running."""
    password = write_password(data_dir)
    single_user(cluster, binaries, account, f"ALTER ROLE {ROLE} PASSWORD '{password}';")
    return password


def single_user(cluster: Path, binaries: Binaries, account: Account, sql: str) -> None:
    """Runs one line of SQL in the server's single-user mode: no socket, no other session. It travels by stdin."""
    _run([binaries.postgres, "--single", "-D", str(cluster), "postgres"], account, given=f"{sql}\n")


def _initdb_options(binaries: Binaries, workshop: Path) -> list[str]:
    # Postgres' own C.UTF-8 needs no locale of the system, and no index breaks when the C library changes its sorting.
    locale = (
        ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if binaries.major >= _BUILTIN_LOCALES_SINCE
        else ["--locale=C.UTF-8"]
    )
    return [
        *locale,
        "--encoding=UTF8",
        "--data-checksums",
        "--auth=scram-sha-256",
        f"--username={ROLE}",
        f"--pwfile={workshop / 'password'}",
    ]


def _include_settings(made: Path, account: Account) -> None:
    # Done by the account itself: root never writes along a path that the account could have bent.
    line = f"include_if_exists = '{INCLUDED}'"
    _run(["/bin/sh", "-c", 'echo "$2" >> "$1"', "sh", str(made / "postgresql.conf"), line], account)


def _run(command: list[str], account: Account, given: str = "") -> None:
    done = subprocess.run(  # noqa: S603 - programs found by us, no shell
        command,
        input=given,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_INIT_S,
        check=False,
        **account.process_options(),
    )
    # The single-user mode ends with 0 even if its statement failed.
    faults = [line for line in done.stderr.splitlines() if "ERROR:" in line or "FATAL:" in line or "error:" in line]
    if done.returncode != 0 or faults:
        said = "; ".join(faults) or done.stderr.strip()[-500:]
        raise EmbeddedPostgresError(f"{Path(command[0]).name} failed: {said}")


def _write_private(path: Path, text: str, account: Account | None = None) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if account is not None and not account.is_own:
            os.fchown(descriptor, account.uid, account.gid)
        os.fsync(descriptor)


def _give(folder: Path, account: Account) -> None:
    if not account.is_own:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
