"""The ledger knows every accepted message, whatever dies afterwards."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from gateway.sandbox import Entry, Ledger, Sandbox
from gateway.sandbox.devices import SubscriptionJson
from sandbox.actors import AppServer, sealed

PAYLOAD = (
    b'{"web_push": 8030, "notification": {"title": "t", "data": {"steeple": {"m": "msg_1", "s": "sub_2", "r": "x"}}}}'
)

PROGRAM = """
import asyncio, sys
from pathlib import Path
from gateway.sandbox import run
asyncio.run(run(ledger_path=Path(sys.argv[1]), until=asyncio.Event(), ready=lambda s: print(s.webpush_url, flush=True)))
"""


def read(sandbox: Sandbox) -> list[object]:
    assert sandbox.ledger.path is not None
    return list(Ledger.read(sandbox.ledger.path))


async def test_an_entry_holds_what_the_gateway_said(sandbox: Sandbox, server: AppServer) -> None:
    """Headers, sizes, and the ids inside the encrypted payload."""
    (device,) = sandbox.mint(1, server.key.public)
    body = sealed(device, PAYLOAD)

    answer = await server.post(device["endpoint"], body, Topic="cart", Urgency="high")

    assert sandbox.ledger.path is not None
    (entry,) = Ledger.read(sandbox.ledger.path)
    assert device["endpoint"].endswith(entry.token)
    assert answer.headers["Location"].endswith(entry.version)
    assert (entry.message, entry.subscription, entry.decrypted) == ("msg_1", "sub_2", True)
    assert (entry.topic, entry.urgency, entry.ttl_s, entry.body_bytes) == ("cart", "high", 60, len(body))


async def test_it_is_written_before_the_answer(sandbox: Sandbox, server: AppServer) -> None:
    """Whoever sees the 201 finds the line in the file, each time."""
    devices = sandbox.mint(20, server.key.public)
    for sent, device in enumerate(devices, start=1):
        assert (await server.send(device)).status == 201
        assert len(read(sandbox)) == sent


async def test_a_refused_message_is_not_in_it(sandbox: Sandbox, server: AppServer) -> None:
    """Refusals are only counted."""
    (device,) = sandbox.mint(1, server.key.public)
    await server.send(device, TTL=None)
    assert read(sandbox) == []
    assert sandbox.ledger.counters["refused_400"] == 1


async def test_a_body_for_somebody_else_is_marked(sandbox: Sandbox, server: AppServer) -> None:
    """Accepted, as a real service would, but found out."""
    first, second = sandbox.mint(2, server.key.public)
    mixed_up = SubscriptionJson(endpoint=first["endpoint"], keys=second["keys"])
    assert (await server.send(mixed_up)).status == 201
    assert sandbox.ledger.counters["undecryptable"] == 1


async def test_the_summary_counts(sandbox: Sandbox, server: AppServer) -> None:
    """Over HTTP, for whoever watches a rehearsal."""
    (device,) = sandbox.mint(1, server.key.public)
    await server.send(device)
    async with server.http.get(f"{sandbox.origin}/sandbox/ledger") as answer:
        summary = await answer.json()
    assert summary["accepted"] == 1
    assert summary["counters"]["decrypted"] == 1
    assert summary["first_at"] == summary["last_at"]


async def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    """A ledger whose disk filled up is still readable up to there."""
    path = tmp_path / "ledger"
    entry = Entry(
        at=1,
        monotonic_s=1,
        service="webpush",
        token="t",
        version="v",
        fate="taken",
        ttl_s=0,
        urgency="low",
        body_bytes=0,
        body_sha256="",
    )
    ledger = Ledger(path)
    ledger.append(entry)
    ledger.append(entry)
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert list(Ledger.read(path)) == [entry, entry]


@pytest.mark.chaos
async def test_killing_the_sandbox_loses_no_accepted_message(tmp_path: Path, server: AppServer) -> None:
    """By kill -9 right after the answer: the line is there."""
    path = tmp_path / "ledger of a rehearsal"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(path), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
    origin = url.removesuffix("/wpush/v2/")
    async with server.http.post(
        f"{origin}/sandbox/mint", params={"vapid_public_key": server.key.public_base64url}
    ) as minted:
        device: SubscriptionJson = await minted.json(content_type=None)

    status = (await server.send(device)).status
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()

    assert status == 201
    assert len(list(Ledger.read(path))) == 1
