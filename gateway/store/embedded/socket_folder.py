"""Where the server's socket lies: a folder that only its account can enter, with a path short enough for the kernel."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from gateway.store.embedded.account import Account

PORT: Final = 5432
_PATH_BYTES_MAX: Final = 107
# sun_path of struct sockaddr_un holds 108 bytes, the last of them a zero (unix(7)).
_PRIVATE: Final = 0o700


def socket_folder(data_dir: Path, account: Account) -> Path:
    """The data directory's own `run`, or when that path is too long, a private folder elsewhere, remembered in a file.

    A remembered folder is used again only if it still is the account's and closed to everybody else.
    """
    inside = data_dir / "run"
    if _fits(inside):
        inside.mkdir(mode=_PRIVATE, exist_ok=True)
        _hand_over(inside, account)
        return inside
    note = data_dir / "postgres.socket"
    remembered = _read(note)
    if remembered is not None and _fits(remembered) and _is_private(remembered, account):
        return remembered
    made = Path(tempfile.mkdtemp(prefix="steeple-", dir=_runtime_dir()))
    _hand_over(made, account)
    note.write_bytes(os.fsencode(made))
    return made


def remove_if_elsewhere(data_dir: Path, folder: Path) -> None:
    """Takes away a folder outside of the data directory once the server has gone; a next start makes another."""
    if folder.parent == data_dir:
        return
    try:
        folder.rmdir()
    except OSError:
        return
    (data_dir / "postgres.socket").unlink(missing_ok=True)


def _fits(folder: Path) -> bool:
    # A comma would end the name: both Postgres and its clients take lists of folders.
    path = str(folder / f".s.PGSQL.{PORT}")
    return "," not in path and len(os.fsencode(path)) <= _PATH_BYTES_MAX and _is_text(path)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:  # bytes that are no UTF-8 fit into no URL
        return False
    return True


def _runtime_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/run") if os.access("/run", os.W_OK) else Path("/tmp")  # noqa: S108 - mkdtemp makes a private one
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path(own)
    if own and folder.is_absolute() and os.access(folder, os.W_OK) and _fits(folder / "steeple-12345678"):
        return folder
    return Path("/tmp")  # noqa: S108 - as above


def _hand_over(folder: Path, account: Account) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(folder)
    if status.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    if stat.S_IMODE(status.st_mode) != _PRIVATE:
        folder.chmod(_PRIVATE)


def _is_private(folder: Path, account: Account) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid and stat.S_IMODE(status.st_mode) == _PRIVATE


def _read(note: Path) -> Path | None:
    try:
        return Path(os.fsdecode(note.read_bytes()))
    except FileNotFoundError:
        return None
