"""Who may import whom, and proof that each rule bites."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import GATEWAY, ROOT

_LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", _LINT], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its contracts, to break."""
    shutil.copytree(GATEWAY, tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_the_floors_hold() -> None:
    """A room imports only from the floors below it."""
    outcome = _lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    ("name", "source", "contract"),
    [
        ("transports/leak.py", "import gateway.sending", "Floors"),
        ("wire/leak.py", "import gateway.store", "Floors"),
        ("sending/leak.py", "import gateway.delivery", "Floors"),
        ("policy/leak.py", "import asyncpg", "Nouns and reasons do no I/O"),
        ("model/leak.py", "import asyncio", "Nouns and reasons do no I/O"),
        ("delivery/leak.py", "import asyncpg", "Only the store speaks to Postgres"),
        ("transports/leak.py", "import gateway.transports.webpush", "Providers do not know one another"),
        ("sandbox/leak.py", "import gateway.config", "The sandbox is built from nouns and bytes alone"),
        ("subscribers/leak.py", "import gateway.sandbox", "No running gateway holds the sandbox"),
    ],
)
def test_a_broken_floor_is_caught(copy: Path, name: str, source: str, contract: str) -> None:
    """Each contract turns red when it is broken on purpose."""
    (copy / "gateway" / name).write_text(source + "\n")
    outcome = _lint(copy)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    broken = outcome.stdout.partition("Broken contracts")[2]
    assert contract in " ".join(broken.split()), outcome.stdout


def test_a_stray_module_is_caught(copy: Path) -> None:
    """A new file beside the rooms must be given its floor."""
    (copy / "gateway" / "utils.py").write_text("")
    outcome = _lint(copy)
    assert outcome.returncode == 1
    assert "gateway.utils" in outcome.stdout + outcome.stderr


def test_a_cycle_between_siblings_is_caught(copy: Path) -> None:
    """Two files of one room may not need each other."""
    (copy / "gateway" / "model" / "hen.py").write_text("import gateway.model.egg\n")
    (copy / "gateway" / "model" / "egg.py").write_text("import gateway.model.hen\n")
    outcome = _lint(copy)
    assert outcome.returncode == 1
    assert "No cycles are allowed in gateway.model" in " ".join(outcome.stdout.split())
