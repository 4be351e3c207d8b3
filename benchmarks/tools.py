"""What peers in other languages need: Node.js packages and a compiled Go program, or a sentence why there are none."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_PEERS: Final = Path(__file__).resolve().parent / "peers"
_GO_SOURCE: Final = _PEERS / "go_sender"
_GO_CACHE: Final = _PEERS.parent.parent / "artefacts" / "go-build"
"""Kept between runs: compiling Go's own library takes a minute, anything after that a second."""
_INSTALL_S: Final = 300.0
_TAIL: Final = 300


class ToolMissing(Exception):
    """A peer cannot run on this machine; the text says what it lacks."""


def need_module(name: str) -> None:
    """Raises `ToolMissing` unless this Python has the package."""
    if find_spec(name) is None:
        raise ToolMissing(f"the package {name} is not installed (pip install -c constraints.txt -e '.[test,bench]')")


async def node_packages(folder: Path) -> Path:
    """Where the pinned packages of peers/package-lock.json are installed: `folder`."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise ToolMissing("Node.js and npm are not installed")
    if not (folder / "node_modules").exists():
        await asyncio.to_thread(_copy_lock, folder)
        await _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, {})
    return folder


def _copy_lock(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(_PEERS / name, folder / name)


async def go_program(folder: Path) -> Path:
    """The peer written in Go, compiled into `folder`."""
    go = find_go()
    if go is None:
        raise ToolMissing("Go is not installed (it comes with the extra `bench`, or from your distribution)")
    made = folder / "go_sender"
    if not made.exists():
        _GO_CACHE.mkdir(parents=True, exist_ok=True)
        environment = {"GOCACHE": str(_GO_CACHE), "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
        await _run([go, "build", "-o", str(made), "."], _GO_SOURCE, environment)
    return made


def find_go() -> str | None:
    """Go of this Python's environment, else of the PATH."""
    return shutil.which("go", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}")


async def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    what = Path(command[0]).name
    try:
        async with asyncio.timeout(_INSTALL_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise ToolMissing(f"{what} was not done after {_INSTALL_S:.0f} s") from None
    if process.returncode:
        raise ToolMissing(f"{what} failed: {' '.join(output.decode(errors='replace').split())[-_TAIL:]}")
