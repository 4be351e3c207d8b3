"""The load that ingest is measured with is what devices send: genuine, well formed, and nothing twice."""

from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from benchmarks.ingest_client import Answer, Device, Order, requests_of
from benchmarks.ingesting import Case, Run, Taken, section_of
from benchmarks.machine import Machine
from benchmarks.processes import Level
from gateway.api.schema.receipts import ReceiptsRequest
from gateway.api.schema.users import DeviceEventsRequest
from gateway.policy import receipt_token

_SECRET = bytes(range(32))
_DEVICES = [Device(number, f"sub_{number}", f"stpl_ds_x_{number}") for number in range(1, 51)]


def _bodies(what: Any, size: int, count: int) -> list[bytes]:
    order = Order(
        host="127.0.0.1", port=1, what=what, size=size, connections=1, seconds=1, warm_up_s=0, rate=None,
        devices=_DEVICES, app_id=7, key_id=3, secret=_SECRET,
    )  # fmt: skip
    bodies: list[bytes] = []
    for request in islice(requests_of(order), count):
        head, _, body = request.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
        bodies.append(body)
    return bodies


def test_receipts_are_genuine_and_each_comes_once() -> None:
    """Every token would count; over several rounds of the devices no report is repeated."""
    reported: set[tuple[int, int, str]] = set()
    for body in _bodies("receipts", 20, 10):
        for one in msgspec.json.decode(body, type=ReceiptsRequest).receipts:
            claim = receipt_token.read(one.token, secrets={3: _SECRET}, today=datetime.now(UTC).date())
            assert claim is not None
            reported.add((claim.message_id, claim.subscription_id, one.kind))
    assert len(reported) == 200
    assert {kind for _, _, kind in reported} == {"shown", "clicked"}


def test_events_are_such_as_a_page_tracks() -> None:
    """As the API reads them, with money and items; no id comes twice."""
    said = [msgspec.json.decode(body, type=DeviceEventsRequest) for body in _bodies("events", 3, 120)]
    assert {len(one.events) for one in said} == {3}
    assert len({one.subscription for one in said}) == 50
    ids = [event.id for one in said for event in one.events]
    assert len(set(ids)) == len(ids) == 360


def test_the_section_tells_what_one_core_takes() -> None:
    """Items per second of CPU of the API process, with Postgres told apart."""
    client = Answer(taken=1000, refused=0, posted=1200, seconds=2.0, p50_ms=40, p99_ms=90, worst_ms=95)
    level = Level([80.0] * 4, 84.0)
    taken = Taken(case=Case("events", 20, 64), client=client, api_us=100.0, postgres_us=50.0, memory_mb=level)
    run = Run(
        at=datetime(2026, 11, 22, tzinfo=UTC), machine=Machine("a CPU", 2, 25, "6.1", {}), load_before=0.1,
        seconds=2.0, devices=50, cases=[taken],
    )  # fmt: skip
    assert "| events, 20 a request, as fast as it goes | 10,000 | 100 | 50 | 500 | 40 | 90 | 84 |" in section_of(run)
    assert "a CPU, 2 cores" in section_of(run)
