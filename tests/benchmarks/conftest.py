"""A sink for the length of a test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.sink import Sink, running_sink


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that nginx's worker gets to even if we are root; its name has a space."""
    with tempfile.TemporaryDirectory(prefix="steeple bench ") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture
def sink(folder: Path) -> Iterator[Sink]:
    with running_sink(folder / "sink") as running:
        yield running
