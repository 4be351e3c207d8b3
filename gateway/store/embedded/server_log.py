"""The server's log: one file that does not outgrow its bound, and its last words for an error message."""

import os
from pathlib import Path
from typing import IO, Final

_BYTES_MAX: Final = 8 * 1024 * 1024
_TAIL_BYTES: Final = 4096
_LINES_TOLD_MAX: Final = 5


class ServerLog:
    """`postgres.log` and, once that grew too long, its predecessor `postgres.log.1`.

    Postgres writes to it by the descriptor it was started with, in append mode, so that the file can be emptied under
    its hands. (Its own log collector bounds the time a file covers but not its size.)
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> IO[bytes]:
        """The descriptor for the server."""
        self.trim()
        return os.fdopen(_open(self._path, os.O_WRONLY | os.O_APPEND), "ab")

    def trim(self) -> None:
        """Moves a log that grew too long aside."""
        if self.size_bytes() <= _BYTES_MAX:
            return
        kept = self._tail(_BYTES_MAX)
        with os.fdopen(_open(self._path.with_name(f"{self._path.name}.1"), os.O_WRONLY | os.O_TRUNC), "wb") as file:
            file.write(kept)
        os.truncate(self._path, 0)

    def size_bytes(self) -> int:
        """How long it is now."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def last_words(self, since_bytes: int) -> str:
        """What the server said of its end, after the first `since_bytes` bytes of the file."""
        said = self._tail(min(_TAIL_BYTES, max(0, self.size_bytes() - since_bytes))).decode("utf-8", "replace")
        lines = [line for line in said.splitlines() if "FATAL" in line or "PANIC" in line or "HINT" in line]
        return "; ".join((lines or said.splitlines())[-_LINES_TOLD_MAX:])

    def _tail(self, size_bytes: int) -> bytes:
        if size_bytes == 0 or not self._path.exists():
            return b""
        with self._path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size_bytes))
            return file.read(size_bytes)


def _open(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
