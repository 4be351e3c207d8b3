"""What fails beside others runs once more, alone; what fails twice fails the run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT

_UNSTEADY = """
from pathlib import Path
import pytest

@pytest.mark.parametrize("given", [{"a b": [1, 2]}], ids=str)
def test_now_and_then(given):
    ran = Path("ran")
    if not ran.exists():
        ran.touch()
        raise AssertionError
"""
_BROKEN = "def test_never():\n    raise AssertionError\n"
_MANY = "import pytest\n\n@pytest.mark.parametrize('n', range(6))\ndef test_never(n):\n    raise AssertionError\n"
_BREAKS_OFF = "import os\n\ndef test_ends_it():\n    os._exit(3)\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project with our scripts and no tests yet."""
    (tmp_path / "tests").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "scripts" / "test_deps.sh").write_text("")
    return tmp_path


def _run(tree: Path, test: str) -> subprocess.CompletedProcess[str]:
    (tree / "tests" / "test_it.py").write_text(test)
    command = ["sh", "scripts/test.sh", "0", "tests", "-p", "no:randomly", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)


def test_what_passes_alone_is_named_and_does_not_fail_the_run(tree: Path) -> None:
    """With its parameters, so that it can be found and mended."""
    done = _run(tree, _UNSTEADY)
    assert done.returncode == 0, done.stdout
    name = "tests/test_it.py::test_now_and_then[{'a b': [1, 2]}]"
    assert f"unsteady: failed beside others, passed alone: {name}" in done.stdout
    assert (tree / "artefacts" / "unsteady.txt").read_text() == f"{name}\n"


@pytest.mark.parametrize("test", [_BROKEN, _MANY, _BREAKS_OFF], ids=["one", "many", "broken off"])
def test_what_is_broken_fails_the_run(tree: Path, test: str) -> None:
    """Also when it breaks the run off, or when so many fail that it is no coincidence."""
    assert _run(tree, test).returncode == 1
    assert (tree / "artefacts" / "unsteady.txt").read_text() == ""
