"""A terminal, one on a database of its own, and a demo that runs."""

import contextlib
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import WAIT_S, Terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A shell on a machine where Steeple was never used."""
    return Terminal(tmp_path, STEEPLE_DATA_DIR=str(tmp_path / "data"))


@pytest.fixture
def installed(tmp_path: Path, dsn: str) -> Terminal:
    """A shell on a machine with a migrated, empty database."""
    return Terminal(tmp_path, STEEPLE_DATA_DIR=str(tmp_path / "data"), STEEPLE_DATABASE_URL=dsn)


@pytest.fixture(scope="session")
def demo(
    open_folder: Callable[[], contextlib.AbstractContextManager[Path]],
) -> Iterator[tuple[Terminal, dict[str, Any]]]:
    """A running demo with 40 devices, and where it is. It ends by SIGTERM, with exit code 0."""
    with open_folder() as folder:
        terminal = Terminal(folder)
        words = (
            "demo",
            "--json",
            "--data-dir",
            str(folder / "data"),
            "--port",
            "0",
            "--shop-port",
            "0",
            "--devices",
            "40",
        )
        playing = subprocess.Popen(
            terminal.command(*words), cwd=folder, env=terminal.variables(), stdout=subprocess.PIPE, text=True
        )
        try:
            assert playing.stdout is not None
            line = playing.stdout.readline()
            assert line, (folder / "data" / "demo.log").read_text()
            urls = json.loads(line)
            terminal.environment = {"STEEPLE_URL": urls["gateway"], "STEEPLE_API_KEY": urls["api_key"]}
            yield terminal, urls
            playing.send_signal(signal.SIGTERM)
            assert playing.wait(WAIT_S) == 0
        finally:
            playing.kill()
            playing.wait()
