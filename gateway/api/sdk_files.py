"""The built script, its rooms and their words, and the worker, read once at start."""

import gzip
import hashlib
import re
from base64 import b64encode
from pathlib import Path
from typing import Final

import msgspec

from gateway.model.limits import SDK_FILE_BYTES_MAX, SDK_FILES_MAX, SDK_RELEASED_FILES_MAX

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}\.(?:js|json)", re.ASCII)
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".json": "application/json"}
_VERSION: Final = re.compile(rb"Steeple (\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.-]+)?)")
_BANNER_BYTES: Final = 200


class SdkFile(msgspec.Struct, frozen=True):
    """One file, ready to go out."""

    body: bytes
    media: str
    zipped: bytes
    etag: str
    integrity: str


class SdkFiles:
    """The built SDK, read once: the rolling files of the folder, and each under the version that its banner names.

    Files of former releases (`releases/<version>/`) stay under their version, so that pages which pin one by its hash
    outlive an upgrade; of a version that was released, its release is what holds.
    """

    def __init__(self, folder: Path) -> None:
        self.rolling: dict[str, SdkFile] = {path.name: _read(path) for path in _scripts(folder, "*.js*", SDK_FILES_MAX)}
        self.fixed: dict[tuple[str, str], SdkFile] = {}
        for name, file in self.rolling.items():
            self._fix(name, file)
        for path in _scripts(folder, "releases/*/*.js*", SDK_RELEASED_FILES_MAX):
            self._fix(path.name, _read(path))

    def _fix(self, name: str, file: SdkFile) -> None:
        banner = _VERSION.search(file.body[:_BANNER_BYTES])
        if banner is not None:
            self.fixed[banner[1].decode(), name] = file


def _scripts(folder: Path, pattern: str, count_max: int) -> list[Path]:
    fitting = [path for path in sorted(folder.glob(pattern)) if _NAME.fullmatch(path.name) and path.is_file()]
    return [path for path in fitting[:count_max] if path.stat().st_size <= SDK_FILE_BYTES_MAX]


def _read(path: Path) -> SdkFile:
    return _file(path.read_bytes(), _TYPES[path.suffix])


def _file(body: bytes, media: str) -> SdkFile:
    digest = hashlib.sha384(body).digest()
    return SdkFile(
        body=body,
        media=media,
        zipped=gzip.compress(body, compresslevel=9, mtime=0),
        # Weak: the same script plain and zipped. If-None-Match compares weakly (RFC 9110 section 13.1.2).
        etag=f'W/"{digest[:16].hex()}"',
        integrity=f"sha384-{b64encode(digest).decode()}",
    )
