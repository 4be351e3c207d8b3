"""Whose process is that? Reading `postmaster.pid` without believing it.

The file outlives a server that was killed, and process ids are used again, so a pid from it counts only if /proc shows
a Postgres of this very cluster, run by the account that owns it. The layout of the file is that of
src/include/utils/pidfile.h of PostgreSQL (the same since 10).
"""

import os
import signal
from pathlib import Path
from typing import Final

import msgspec

from gateway.store.embedded.account import Account

_FILE_BYTES_MAX: Final = 4096
_PID_LINE: Final = 0
_SOCKET_LINE: Final = 4


class Postmaster(msgspec.Struct, frozen=True, kw_only=True):
    """A running server of our cluster. `started`, in kernel ticks, tells it from a later process of the same pid."""

    pid: int
    started: str
    socket_folder: Path

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return _started(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Signals it, unless it has gone."""
        if self.is_alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def find_postmaster(cluster: Path, uid: int) -> Postmaster | None:
    """The live server of the cluster, by its pid file and what /proc says; None if there is none."""
    lines = read_pid_file(cluster)
    if len(lines) <= _SOCKET_LINE or not lines[_PID_LINE].isdigit():
        return None
    pid = int(lines[_PID_LINE])
    started = _started(pid)
    if started is None or not is_server_of(pid, cluster, uid):
        return None
    return Postmaster(pid=pid, started=started, socket_folder=Path(lines[_SOCKET_LINE]))


def read_pid_file(cluster: Path) -> list[str]:
    """Its lines; none when it is absent or unreadable."""
    try:
        with (cluster / "postmaster.pid").open("rb") as file:
            return [os.fsdecode(line) for line in file.read(_FILE_BYTES_MAX).split(b"\n")]
    except OSError:
        return []


def is_server_of(pid: int, cluster: Path, uid: int) -> bool:
    """Whether the process is a Postgres that was started on this cluster by this user.

    By its command line: in a container even root may not look at another user's /proc/PID/cwd.
    """
    try:
        owner = Path(f"/proc/{pid}").stat().st_uid
        words = [os.fsdecode(word) for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    except OSError:
        return False
    if owner != uid or Path(words[0]).name not in {"postgres", "postmaster"} or "-D" not in words[:-1]:
        return False
    return Path(words[words.index("-D") + 1]) == cluster


def process_of(pid: int, socket_folder: Path) -> Postmaster:
    """A server that we have just started ourselves."""
    return Postmaster(pid=pid, started=_started(pid) or "ended", socket_folder=socket_folder)


def forget_stranger(cluster: Path, data_dir: Path, account: Account) -> None:
    """Takes the pid of a foreign process out of a stale pid file, so that Postgres does not take it for its server.

    The file stays: Postgres still looks up the shared memory it names, and refuses while sessions of the dead server
    use it. Our own pid goes in, because Postgres knows that its parent is not its predecessor.
    """
    lines = read_pid_file(cluster)
    if not lines or not lines[_PID_LINE].isdigit() or _started(int(lines[_PID_LINE])) is None:
        return
    if is_server_of(int(lines[_PID_LINE]), cluster, account.uid):
        return
    beside = data_dir / "postmaster.pid.new"
    beside.write_bytes(b"\n".join(os.fsencode(line) for line in [str(os.getpid()), *lines[1:]]))
    beside.chmod(0o600)
    if not account.is_own:
        os.chown(beside, account.uid, account.gid)
    beside.replace(cluster / "postmaster.pid")


def _started(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in brackets may hold anything; the state and the start time are counted from its closing bracket.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[19]
