"""The benchmarks run, lose nothing, and say what they found. No figure is held to anything here."""

import os
import subprocess
import sys
from http.client import HTTPSConnection
from pathlib import Path
from ssl import create_default_context
from typing import Any

import msgspec
import pytest

from benchmarks.contestants import ENTRIES
from benchmarks.figures import Figures
from benchmarks.machine import find_nginx
from benchmarks.sink import TIMED_PATH, Sink, running_sink
from benchmarks.soak import Soak
from tests.house.tree import ROOT

pytestmark = pytest.mark.skipif(find_nginx() is None, reason="needs nginx: apt-get install nginx-light")

_OURS = [name for name, entry in ENTRIES.items() if entry.is_ours]
_TINY = {
    "recipients": 600,
    "turns": 1,
    "plan-rounds": 1,
    "ahead-s": 6,
    "accept-s": 0.5,
    "warm-up-s": 0.2,
    "persons": 300,
    "single-rate": 40,
    "idle-s": 0.5,
    "beside-s": 4,
    "rate": 50,
    "part-messages": 500,
    "part-rounds": 1,
    "peer-messages": 80,
    "peer-rounds": 1,
}


def _run(*arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.load", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        env={**os.environ, "LC_ALL": "C"},
    )


def _post(sink: Sink, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    context = create_default_context(cafile=str(sink.ca_file))
    connection = HTTPSConnection("localhost", sink.port, context=context, timeout=5)
    connection.request(
        "POST", path, body=b"x" * 300, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )
    answer = connection.getresponse()
    said = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    connection.close()
    return said


def test_the_sink_says_what_each_service_says_and_counts_pushes(sink: Sink) -> None:
    """Each push is answered as its service does, and counted by somebody else than the sender; tokens are no pushes."""
    before = sink.pushes()
    assert before == 0, "the question itself is no push"
    assert _post(sink, "/wpush/v2/1", ttl="60")[0] == 201
    status, headers, _ = _post(sink, "/3/device/abc", apns_id="0b12")
    assert (status, headers["apns-id"]) == (200, "0b12")
    status, _, body = _post(sink, "/v1/projects/shop/messages:send")
    assert status == 200
    assert msgspec.json.decode(body)["name"].startswith("projects/")
    status, _, body = _post(sink, "/token")
    assert status == 200
    token: dict[str, Any] = msgspec.json.decode(body)
    assert token["token_type"] == "Bearer"
    assert token["expires_in"] > 3000
    assert sink.pushes() - before == 3


def test_the_sink_writes_down_when_a_timed_push_arrived(sink: Sink) -> None:
    """By urgency, so that a campaign's pushes to the same device are told apart."""
    _post(sink, f"{TIMED_PATH}7", urgency="high")
    _post(sink, f"{TIMED_PATH}7", urgency="normal")
    _post(sink, "/wpush/v2/8", urgency="high")
    sink.pushes()
    high, normal = sink.arrivals("high"), sink.arrivals("normal")
    assert list(high) == list(normal) == [f"{TIMED_PATH}7"]
    assert 1_700_000_000 < high[f"{TIMED_PATH}7"] <= normal[f"{TIMED_PATH}7"]


def test_the_sink_ends_with_its_block(folder: Path) -> None:
    """Nothing goes on running after a benchmark."""
    with running_sink(folder / "sink") as running:
        assert Path(f"/proc/{running.pid}").exists()
    assert not Path(f"/proc/{running.pid}").exists()


def test_a_message_is_planned_and_every_step_measured(folder: Path) -> None:
    """What is quick of the benchmark, every day: a gateway is served and filled, and a worker's steps run."""
    sizes = [text for name, size in _TINY.items() for text in (f"--{name}", str(size))]
    results = ("--results", str(folder / "page.md"), "--raw", str(folder / "raw.json"))
    done = _run("--json", *sizes, "--only", "plan", "parts", *results)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = msgspec.json.decode(done.stdout, type=Figures)
    assert figures.planning is not None
    assert figures.planning.recipients == 600
    assert list(figures.parts) == ["webpush", "apns", "fcm"]


@pytest.mark.nightly
@pytest.mark.timeout(300)
def test_every_part_runs_and_every_message_arrives(folder: Path) -> None:
    """The whole benchmark at the smallest size: it stops with an error when a single message is lost."""
    sizes = [text for name, size in _TINY.items() for text in (f"--{name}", str(size))]
    page, raw = folder / "page.md", folder / "raw.json"
    done = _run("--json", *sizes, "--peers", *_OURS, "--results", str(page), "--raw", str(raw))
    assert done.returncode == 0, done.stderr[-3000:]
    figures = msgspec.json.decode(done.stdout, type=Figures)
    assert raw.is_file()
    assert figures.planning is not None
    assert figures.planning_by_zone is not None
    assert figures.planning.recipients == figures.planning_by_zone.recipients == 600
    assert {name: [one.recipients for one in sends] for name, sends in figures.campaigns.items()} == {
        "cryptography": [600],
        "fast": [600],
        "composed": [600],
        "ahead": [600],
    }
    assert set(figures.campaigns["fast"][0].memory) >= {"worker-1"}
    assert figures.campaigns["fast"][0].made_ahead == 0
    assert figures.campaigns["ahead"][0].made_ahead > 0, "idle workers had the time"
    assert [one.beside for one in figures.latencies] == ["nothing", "a campaign to 600"]
    assert all(one.messages and 0 < one.p50_ms <= one.p99_ms <= one.worst_ms for one in figures.latencies)
    assert [run.rate for run in figures.accepting] == [None, 50]
    assert all(run.client.accepted and not run.client.refused for run in figures.accepting)
    assert figures.store is not None
    assert figures.store.recipients == 600
    assert list(figures.parts) == ["webpush", "apns", "fcm"]
    assert all(cost_us > 0 for steps in figures.parts.values() for cost_us in steps.values())
    assert figures.contest is not None
    assert {one.name for one in figures.contest.standings} | set(figures.contest.missing) == set(_OURS)
    text = page.read_text(encoding="utf-8")
    for heading in ("Goals", "Peers", "A message to everybody", "A single message", "Single sends", "Store"):
        assert f"## {heading}\n" in text
    assert (folder / "results.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.nightly
@pytest.mark.timeout(120)
def test_a_short_soak_runs_and_is_not_published(folder: Path) -> None:
    """A try leaves the page alone; only one of full length is kept."""
    kept = ROOT / "benchmarks" / "soak.json"
    before = kept.read_bytes() if kept.exists() else None
    done = _run("--only", "soak", "--minutes", "0.15", "--soak-recipients", "300", "--single-rate", "10")
    assert done.returncode == 0, done.stderr[-3000:]
    soak = msgspec.json.decode(done.stdout, type=Soak)
    assert soak.sent >= 300
    assert set(soak.held) >= {"supervisor", "api", "loops", "worker-1"}
    assert soak.held["worker-1"].memory_mb.most > 10
    assert soak.held["worker-1"].files.most > 5
    assert soak.held["worker-1"].lanes.most + soak.held["api"].lanes.most > 0, "nothing can be sent without a lane"
    assert (kept.read_bytes() if kept.exists() else None) == before
    assert not list(folder.iterdir())


def test_a_part_that_cannot_be_measured_is_an_error() -> None:
    """A name that is no part is refused with the list of parts, rather than nothing being measured."""
    done = _run("--only", "everything")
    assert done.returncode == 2
    assert "campaign" in done.stderr
