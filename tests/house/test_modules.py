"""Every module imports alone, so that no file leans on another one having been imported before it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT, python_modules

# One interpreter loads the libraries, then forks a child per module: 20 ms each instead of 300.
_DRIVER = """
import asyncio, importlib, json, os, sys, traceback
import aiohttp.web, asyncpg, click, cryptography, msgspec, rich, structlog
assert not [name for name in sys.modules if name.partition(".")[0] == "gateway"]
faults = {}
for name in json.loads(sys.argv[1]):
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(read)
        try:
            importlib.import_module(name)
        except BaseException:
            os.write(write, traceback.format_exc()[-2000:].encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    if text:
        faults[name] = text
print(json.dumps(faults))
"""


def _import_each(names: list[str], folder: Path) -> dict[str, str]:
    outcome = subprocess.run(
        [sys.executable, "-c", _DRIVER, json.dumps(names)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_every_module_imports_alone() -> None:
    """Any file can be the first one that somebody imports."""
    assert _import_each(python_modules(), ROOT) == {}


def test_a_module_that_leans_on_another_is_caught(tmp_path: Path) -> None:
    """Negative control: `import a.b` does not make `a.c` appear."""
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "sound.py").write_text("VALUE = 1\n")
    (room / "leaning.py").write_text("import room\nVALUE = room.sound.VALUE\n")
    faults = _import_each(["room.sound", "room.leaning"], tmp_path)
    assert list(faults) == ["room.leaning"]
    assert "AttributeError" in faults["room.leaning"]
