"""Fetches DB-IP's file of cities from DB-IP itself: bounded, checked, and put into its place in one step.

DB-IP publishes a file a month (db-ip.com/db/download/ip-to-city-lite) under CC BY 4.0. Proxies are taken from the
environment, as curl does: only the operator's own command gets here.
"""

import contextlib
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Generator
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

import msgspec

from gateway.config import is_loopback
from gateway.geo.place_file import Facts, NotPlaces, facts_of
from gateway.model.errors import GatewayError
from gateway.model.limits import PLACE_DOWNLOAD_BYTES_MAX, PLACE_DOWNLOAD_S, PLACE_FILE_BYTES_MAX

DB_IP: Final = "https://download.db-ip.com/free"
ATTRIBUTION: Final = "IP Geolocation by DB-IP (https://db-ip.com), licensed under CC BY 4.0."
_DIGESTS: Final = {32: hashlib.md5, 40: hashlib.sha1, 64: hashlib.sha256}
"""By the length of their hexadecimal form; DB-IP's page shows the first two."""
_PIECE: Final = 1 << 18
_GZIP: Final = 31
_NOT_FOUND: Final = 404
_MODE: Final = 0o644

Tell = Callable[[int, int | None], None]
"""Told how many bytes are there, and of how many, if that is known."""


class NotThere(Exception):
    """The server has no such file."""


def months(today: date) -> list[str]:
    """This month and the last one: in its first days a month may have no file yet."""
    return [f"{day:%Y-%m}" for day in (today, today.replace(day=1) - timedelta(days=1))]


def fetch(base: str, month: str, to: Path, *, checksum: str | None, tell: Tell) -> Facts:
    """The month's file in the place of the one before; what it says of itself.

    Raises `NotThere`, and `GatewayError` for anything that is not a whole file of places; then the old file stays.
    """
    check_source(base)
    to.parent.mkdir(parents=True, exist_ok=True)
    with _beside(to) as part:
        with part.open("wb") as file:
            _unpack(_pieces(f"{base.rstrip('/')}/dbip-city-lite-{month}.mmdb.gz", checksum, tell), file)
            os.fsync(file.fileno())
        try:
            facts = facts_of(part)
        except NotPlaces as fault:
            raise _refused(f"What came is no file of places: {fault}") from None
        part.chmod(_MODE)
        part.replace(to)
    return msgspec.structs.replace(facts, path=str(to))


def check_source(base: str) -> None:
    """Raises `GatewayError` for a source that somebody on the way could change."""
    parts = urlsplit(base)
    if not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))):
        raise GatewayError("setting_invalid", f"`{base}` does not begin with https://.", param="from")


@contextlib.contextmanager
def _beside(to: Path) -> Generator[Path]:
    """A new file in the same folder, gone at the end unless it was put somewhere."""
    handle, name = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


class _OnlySafer(urllib.request.HTTPRedirectHandler):
    """Follows redirects to sources that would have been taken as such."""

    def redirect_request(  # noqa: PLR0917 - urllib's own signature
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        """The next request. Raises `GatewayError` for one that leaves https."""
        check_source(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _pieces(url: str, checksum: str | None, tell: Tell) -> Generator[bytes]:
    """The packed file as it comes, bounded. At its end it is compared with the checksum."""
    digest = _digest_of(checksum)
    request = urllib.request.Request(url, headers={"User-Agent": "steeple"})  # noqa: S310 - checked by check_source
    came = 0
    try:
        with urllib.request.build_opener(_OnlySafer).open(request, timeout=PLACE_DOWNLOAD_S) as answer:
            told = answer.headers.get("Content-Length", "")
            size = int(told) if told.isdigit() else None
            while piece := answer.read(_PIECE):
                came += len(piece)
                if came > PLACE_DOWNLOAD_BYTES_MAX:
                    raise _refused(f"The file is larger than {PLACE_DOWNLOAD_BYTES_MAX >> 20} MiB")
                digest.update(piece)
                tell(came, size)
                yield piece
            if size is not None and came != size:
                raise _refused(f"Only {came} of {size} bytes came")
    except urllib.error.HTTPError as fault:
        with fault:
            if fault.code == _NOT_FOUND:
                raise NotThere from None
            raise _refused(f"{url} answered {fault.code}") from None
    except (OSError, urllib.error.URLError) as fault:
        raise _refused(f"{url} cannot be read ({getattr(fault, 'reason', fault)})") from None
    if checksum is not None and digest.hexdigest() != checksum.lower():
        raise _refused(f"The checksum of what came is {digest.hexdigest()}")


def _digest_of(checksum: str | None) -> Any:
    if checksum is None:
        return hashlib.sha256()
    kind = _DIGESTS.get(len(checksum))
    if kind is None:
        raise GatewayError("setting_invalid", "A checksum is MD5, SHA-1 or SHA-256 in hexadecimal.", param="checksum")
    return kind(usedforsecurity=False)


def _unpack(pieces: Generator[bytes], to: IO[bytes]) -> None:
    """Writes the unpacked file, bounded. Raises `GatewayError` for one that ends too early or goes on after that."""
    unpacker = zlib.decompressobj(_GZIP)
    written = 0
    for piece in pieces:
        rest = piece
        while rest:
            if unpacker.eof:
                raise _refused("Something stands behind the end of the file")
            try:
                plain = unpacker.decompress(rest, _PIECE)
            except zlib.error:
                raise _refused("What came is not packed with gzip, or is damaged") from None
            written += len(plain)
            if written > PLACE_FILE_BYTES_MAX:
                raise _refused(f"Unpacked, the file is larger than {PLACE_FILE_BYTES_MAX >> 20} MiB")
            to.write(plain)
            rest = unpacker.unconsumed_tail or unpacker.unused_data
    if not unpacker.eof:
        raise _refused("The file ends too early")


def _refused(why: str) -> GatewayError:
    return GatewayError("setting_invalid", f"{why}; the file that is in use was left as it is.")
