"""Virtual devices: many, cheap, and each with its own address and secret."""

from pathlib import Path

import msgspec
import pytest

from gateway.sandbox import Sandbox
from gateway.wire.vapid import VapidKey
from sandbox.actors import AppServer, sealed


async def test_each_has_its_own_address_and_secret(sandbox: Sandbox, server: AppServer) -> None:
    """Although they share receiver keys, no message to one can be read as another's."""
    devices = sandbox.mint(2_000, server.key.public, receiver_keys=4)
    assert len({device["endpoint"] for device in devices}) == 2_000
    assert len({device["keys"]["auth"] for device in devices}) == 2_000
    assert len({device["keys"]["p256dh"] for device in devices}) == 4


async def test_the_last_of_a_large_order_receives(sandbox: Sandbox, server: AppServer) -> None:
    """A token proves itself, nothing is looked up in a table."""
    device = sandbox.mint(50_000, server.key.public)[-1]
    assert (await server.send(device)).status == 201
    assert sandbox.ledger.counters["decrypted"] == 1


async def test_orders_do_not_know_each_other(sandbox: Sandbox, server: AppServer) -> None:
    """A token of one order with another's name on it is nobody's."""
    (first,), (second,) = sandbox.mint(1, server.key.public), sandbox.mint(1, VapidKey.generate().public)
    forged = first["endpoint"].replace("/d0.", "/d1.")
    assert second["endpoint"].startswith(sandbox.webpush_url + "d1.")
    assert (await server.post(forged, b"")).status == 404


async def test_they_are_minted_over_http_as_an_import_file(sandbox: Sandbox, server: AppServer) -> None:
    """Each line is a subscription that a gateway imports."""
    query = {"n": "2500", "vapid_public_key": server.key.public_base64url, "user_prefix": "cust-"}
    async with server.http.post(f"{sandbox.origin}/sandbox/mint", params=query) as answer:
        lines = [msgspec.json.decode(line) for line in (await answer.read()).splitlines()]
    assert len(lines) == 2_500
    assert lines[7]["channel"] == "webpush"
    assert lines[7]["user"] == "cust-7"
    assert (await server.send(lines[7])).status == 201


@pytest.mark.parametrize(
    "query",
    [
        {"n": "0"},
        {"n": "10000001"},
        {"receiver_keys": "5000"},
        {"prefix": "a/b"},
        {"vapid_public_key": "AAAA"},
        {"m": "1"},
    ],
)
async def test_a_wrong_order_is_a_422(sandbox: Sandbox, server: AppServer, query: dict[str, str]) -> None:
    """Refused with a sentence."""
    async with server.http.post(f"{sandbox.origin}/sandbox/mint", params=query) as answer:
        assert answer.status == 422
        assert (await answer.json())["error"]


async def test_they_outlive_the_sandbox_in_its_directory(server: AppServer, tmp_path: Path) -> None:
    """The subscriptions of yesterday's rehearsal still receive, and open, today; new orders do not collide."""
    async with Sandbox(directory=tmp_path) as yesterday:
        old = yesterday.mint(3, server.key.public)[2]

    async with Sandbox(directory=tmp_path, decrypts=True) as today:
        (new,) = today.mint(1, server.key.public)
        for device in (old, new):
            moved = today.webpush_url + device["endpoint"].rpartition("/")[2]
            assert (await server.post(moved, sealed(device, b"{}"))).status == 201
        assert today.ledger.counters["decrypted"] == 2


async def test_a_retired_device_is_gone(sandbox: Sandbox, server: AppServer) -> None:
    """By HTTP, for rehearsals of people who leave."""
    (device,) = sandbox.mint(1, server.key.public)
    token = device["endpoint"].rpartition("/")[2]
    async with server.http.post(f"{sandbox.origin}/sandbox/retire", json={"token": token}) as answer:
        assert answer.status == 200
    assert (await server.send(device)).status == 410
