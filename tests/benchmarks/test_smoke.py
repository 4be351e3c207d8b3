"""The benchmarks run, lose nothing, and say what they found. No figure is held to anything here."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from ssl import create_default_context

import msgspec
import pytest

from benchmarks.contest import NAMES
from benchmarks.figures import Figures
from benchmarks.machine import find_nginx
from benchmarks.sink import Sink, running_sink
from tests.house.tree import ROOT

pytestmark = pytest.mark.skipif(find_nginx() is None, reason="needs nginx: apt-get install nginx-light")

_PEERS = [name for name in NAMES if not name.startswith("npm")]
"""npm would fetch its package from the internet."""
_TINY = {
    "planning": 300,
    "recipients": 300,
    "rounds": 1,
    "accept-s": 0.5,
    "warm-up-s": 0.2,
    "persons": 20,
    "rate": 50,
    "part-messages": 500,
    "part-rounds": 1,
    "peer-messages": 80,
    "peer-rounds": 1,
}


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


def _post(sink: Sink, path: str) -> int:
    context = create_default_context(cafile=str(sink.ca_file))
    connection = HTTPSConnection("localhost", sink.port, context=context, timeout=5)
    connection.request("POST", path, body=b"x" * 300)
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_sink_says_created_and_counts(sink: Sink) -> None:
    """Each push is answered like a push service does, and counted by somebody else than the sender."""
    before = sink.requests()
    assert [_post(sink, f"/wpush/v2/{number}") for number in range(3)] == [201, 201, 201]
    assert sink.requests() - before == 4, "three pushes, and this question"


def test_the_sink_ends_with_its_block(folder: Path) -> None:
    """Nothing goes on running after a benchmark."""
    with running_sink(folder / "sink") as running:
        assert Path(f"/proc/{running.pid}").exists()
    assert not Path(f"/proc/{running.pid}").exists()


@pytest.mark.timeout(300)
def test_every_part_runs_and_every_message_arrives(folder: Path) -> None:
    """The whole benchmark at the smallest size: it stops with an error when a single message is lost."""
    sizes = [text for name, size in _TINY.items() for text in (f"--{name}", str(size))]
    page, raw = folder / "page.md", folder / "raw.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.load", "--json", *sizes),
            *("--peers", *_PEERS, "--results", str(page), "--raw", str(raw)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    figures = msgspec.json.decode(done.stdout, type=Figures)
    assert raw.is_file()
    assert figures.planning is not None
    assert figures.planning.recipients == 300
    assert [one.recipients for one in figures.campaigns] == [300]
    assert set(figures.campaigns[0].memory) >= {"worker-1"}
    assert [run.rate for run in figures.accepting] == [None, 50]
    assert all(run.client.accepted and not run.client.refused for run in figures.accepting)
    assert figures.store is not None
    assert figures.store.recipients == 300
    assert figures.parts is not None
    assert all(cost_us > 0 for cost_us in figures.parts.values())
    assert figures.contest is not None
    assert {one.name for one in figures.contest.standings} == set(_PEERS)
    text = page.read_text(encoding="utf-8")
    for heading in ("Goals", "Peers", "A message to everybody", "Single sends", "Store", "Steps of a worker"):
        assert f"## {heading}\n" in text


def test_a_part_that_cannot_be_measured_is_an_error() -> None:
    """A name that is no part is refused with the list of parts, rather than nothing being measured."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", "--only", "everything"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "campaign" in done.stderr
