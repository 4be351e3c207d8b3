"""The data directory: ours alone, and one process at a time runs the database in it."""

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from gateway.store.embedded.trouble import EmbeddedPostgresError

_LOCK: Final = "postgres.lock"
_PRINTABLE_FROM: Final = " "


def prepare_data_dir(data_dir: Path) -> Path:
    """Makes the directory if it is not there, and returns its real path. Refuses one that others could change.

    Root's lets others pass through but not look (0711), because the server's account works inside it; anybody else's
    is closed (0700). Folders above it are never changed.
    """
    folder = Path(data_dir).expanduser().resolve()
    if any(char < _PRINTABLE_FROM for char in str(folder)):
        raise EmbeddedPostgresError(f"The name of the data directory holds a control character: {str(folder)!r}")
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        _check_ours(folder)
    except OSError as fault:
        raise EmbeddedPostgresError(f"The data directory {folder} cannot be made: {fault.strerror}.") from fault
    else:
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return folder


def _check_ours(folder: Path) -> None:
    status = folder.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise EmbeddedPostgresError(f"{folder} is not a folder.")
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise EmbeddedPostgresError(
            f"{folder} belongs to another user, or others may write there. Give Steeple a folder of its own, for "
            f"example --data-dir '{folder / 'steeple'}'."
        )


class OwnerLock:
    """Held by the process that runs the database of a data directory; the kernel lets go when that process dies."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / _LOCK
        self._descriptor: int | None = None

    def take(self) -> None:
        """Takes it, or says which process has it. Taking it twice is once."""
        if self._descriptor is not None:
            return
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise EmbeddedPostgresError(
                f"Another Steeple (process {owner or 'unknown'}) already runs the database in {self._path.parent}. "
                "Stop that one first, or give this one another --data-dir."
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Lets go; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
