"""One file of places (MMDB), mapped into memory, and read anew when it changes.

Its format: maxmind.github.io/MaxMind-DB. Update a file by putting another one into its place (rename), as `steeple geo
fetch` does. Who writes over it instead pulls the mapped pages away: so the file is looked at before each look-up, which
costs 2 us, and a mapping of a file that was written to is dropped before it can be touched.
"""

import itertools
import os
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import maxminddb
import msgspec

from gateway.geo.layouts import Layout, layout_of, place_of
from gateway.model.limits import PLACE_FILE_LOOK_AGAIN_S
from gateway.model.place import Place
from gateway.telemetry import log

_RECORDS_LOOKED_AT: Final = 100
"""Until one tells the layout."""
_UNREADABLE: Final = (maxminddb.InvalidDatabaseError, OSError, ValueError, UnicodeDecodeError, RecursionError)


class _Seen(msgspec.Struct, frozen=True):
    """What tells one state of a file from another."""

    device: int
    inode: int
    size: int
    written_ns: int

    def is_same_file(self, other: "_Seen") -> bool:
        """Whether it was written over rather than replaced."""
        return (self.device, self.inode) == (other.device, other.inode)


class Facts(msgspec.Struct, frozen=True):
    """What a file says of itself."""

    path: str
    kind: str
    layout: Layout
    built_at: datetime
    networks: int
    """Nodes of its tree: about as many as networks."""


class NotPlaces(Exception):
    """The file is no MMDB file of places; says why."""


class PlaceFile:
    """Answers from the last good version of a file. Never raises: a broken file is one log line and no answer."""

    def __init__(
        self, path: Path, *, is_expected: bool = True, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        """is_expected: its absence is worth a log line."""
        self.path = path
        self._is_expected = is_expected
        self._monotonic_s = monotonic_s
        self._reader: maxminddb.Reader | None = None
        self._opened: _Seen | None = None
        self._refused_at_s: float | None = None

    def find(self, address: str) -> Place | None:
        """The place of an address, as far as the file knows it."""
        self._keep_current()
        if self._reader is None:
            return None
        try:
            return place_of(self._reader.get(address))
        except _UNREADABLE:  # an IPv6 address in a file of IPv4 ones; or damage, and then nothing is known either
            return None

    def close(self) -> None:
        """Lets go of the file."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._opened = None

    def _keep_current(self) -> None:
        seen = _look_at(self.path)
        if seen is not None and seen == self._opened:
            return
        if self._opened is not None and seen is not None and seen.is_same_file(self._opened):
            self.close()
        if self._is_waiting():
            return
        try:
            self._take(opened(self.path), seen)
        except NotPlaces as fault:
            self._refuse(str(fault))

    def _is_waiting(self) -> bool:
        since_s = self._refused_at_s
        return since_s is not None and self._monotonic_s() < since_s + PLACE_FILE_LOOK_AGAIN_S

    def _take(self, reader: maxminddb.Reader, seen: _Seen | None) -> None:
        self.close()
        self._reader, self._opened, self._refused_at_s = reader, seen, None
        log("geo").info("place_file_opened", path=str(self.path), built=reader.metadata().build_epoch)

    def _refuse(self, why: str) -> None:
        is_news = self._refused_at_s is None
        self._refused_at_s = self._monotonic_s()
        if is_news and (self._is_expected or self.path.exists()):
            log("geo").error("place_file_refused", path=str(self.path), why=why, goes_on=self._reader is not None)


def opened(path: Path) -> maxminddb.Reader:
    """The file, mapped. Raises `NotPlaces` with the reason."""
    if _look_at(path) is None:
        raise NotPlaces("there is no such file" if not path.exists() else "it is no plain file")
    try:
        reader = maxminddb.open_database(path)
    except _UNREADABLE:
        raise NotPlaces("it is no MMDB file, or only a part of one") from None
    if _layout(reader) is None:
        reader.close()
        raise NotPlaces("it holds no places")
    return reader


def facts_of(path: Path) -> Facts:
    """What the file says of itself. Raises `NotPlaces`."""
    reader = opened(path)
    try:
        layout, told = _layout(reader), reader.metadata()
    finally:
        reader.close()
    assert layout is not None, "checked on opening"
    return Facts(str(path), told.database_type, layout, datetime.fromtimestamp(told.build_epoch, UTC), told.node_count)


def _layout(reader: maxminddb.Reader) -> Layout | None:
    try:
        records = (record for _, record in itertools.islice(reader, _RECORDS_LOOKED_AT))
        return next((layout for record in records if (layout := layout_of(record)) is not None), None)
    except _UNREADABLE:
        return None


def _look_at(path: Path) -> _Seen | None:
    """None where there is no plain file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - Path.stat takes twice as long, and each look-up asks
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return _Seen(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
