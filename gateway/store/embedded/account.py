"""Whose account the server runs under. Postgres refuses to run as root, so root hands it to an account of its own."""

import grp
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Final, TypedDict

import msgspec

from gateway.store.embedded.trouble import EmbeddedPostgresError

ACCOUNTS: Final = ("steeple", "postgres")
"""In this order: an operator who made an account for Steeple meant it; Debian's postgres is there for such work."""
_COMMAND_S: Final = 30.0


class ProcessOptions(TypedDict, total=False):
    """The part of `subprocess`' options that says who runs something, and where."""

    env: dict[str, str]
    cwd: str
    umask: int
    user: int
    group: int
    extra_groups: list[int]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user of this machine. `is_own`: we are that user already and need not change."""

    name: str
    uid: int
    gid: int
    is_own: bool

    def process_options(self) -> ProcessOptions:
        """What `subprocess` needs to run something as this user, in a plain environment and a folder open to all."""
        options = ProcessOptions(env={"LC_ALL": "C", "PATH": os.defpath}, cwd="/", umask=0o077)
        if not self.is_own:
            options["user"], options["group"], options["extra_groups"] = self.uid, self.gid, _groups(self)
        return options

    def can_enter(self, folder: Path) -> bool:
        """Whether this user may use what lies in the folder: asked of the kernel, which knows of ACLs and mounts."""
        if self.is_own:
            return os.access(folder, os.X_OK)
        command = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]
        done = subprocess.run(  # noqa: S603 - a fixed program, the folder is an argument of its own
            command, stderr=subprocess.DEVNULL, timeout=_COMMAND_S, check=False, **self.process_options()
        )
        return done.returncode == 0


def choose_account(asked: str | None, cluster: Path) -> Account:
    """The account that runs the server: ourselves; for root the cluster's owner, the one asked for, or a usual one."""
    if os.geteuid() != 0:
        return _ourselves(asked)
    owner = _owner(cluster)
    if owner is not None and asked is not None and owner.pw_name != asked:
        raise EmbeddedPostgresError(
            f"The database in {cluster} belongs to the account {owner.pw_name}, not to {asked}. Give that name, or "
            f"hand the folder over with: chown -R {asked} '{cluster}'"
        )
    entry = owner or (_named(asked) if asked is not None else _usual())
    if entry.pw_uid == 0:
        raise EmbeddedPostgresError("Postgres does not run as root; name another account.")
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, is_own=False)


def _ourselves(asked: str | None) -> Account:
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedPostgresError(
            f"Postgres needs a name for the user id {uid}, and /etc/passwd has none. Add one there, or name a database "
            "of your own with STEEPLE_DATABASE_URL."
        ) from None
    if asked not in {None, entry.pw_name}:
        raise EmbeddedPostgresError(f"Only root can run the database as {asked}; this is {entry.pw_name}.")
    return Account(name=entry.pw_name, uid=uid, gid=os.getegid(), is_own=True)


def _owner(cluster: Path) -> pwd.struct_passwd | None:
    try:
        status = cluster.lstat()
    except FileNotFoundError:
        return None
    if not stat.S_ISDIR(status.st_mode):
        raise EmbeddedPostgresError(f"{cluster} is not a folder; move it out of the way.")
    try:
        return pwd.getpwuid(status.st_uid)
    except KeyError:
        raise EmbeddedPostgresError(
            f"{cluster} belongs to the user id {status.st_uid}, which has no name here. Hand it over with: "
            f"chown -R postgres '{cluster}'"
        ) from None


def _named(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedPostgresError(f"There is no account {name} on this machine.") from None


def _usual() -> pwd.struct_passwd:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in ACCOUNTS:
        if name in known:
            return known[name]
    return _make(ACCOUNTS[0])


def _make(name: str) -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    if shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin") is not None:
        subprocess.run(  # noqa: S603 - a fixed command
            command,
            env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"},
            capture_output=True,
            timeout=_COMMAND_S,
            check=False,
        )
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise EmbeddedPostgresError(
            f"Postgres does not run as root and needs an account. Make one with: {' '.join(command)}"
        ) from None


def _groups(account: Account) -> list[int]:
    return [entry.gr_gid for entry in grp.getgrall() if account.name in entry.gr_mem]


def first_closed_folder(account: Account, folder: Path) -> Path | None:
    """The outermost folder on the way to `folder` that the account may not enter; None if it gets there."""
    if account.can_enter(folder):
        return None
    way = [*reversed(folder.parents), folder]
    return next((step for step in way if not account.can_enter(step)), folder)
