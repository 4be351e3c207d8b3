"""The others do the same work as we do: the same message, to as many devices, and all of it arrives."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import http_ece
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import contest
from benchmarks.contestants import ENTRIES, Entry, command_of
from benchmarks.machine import find_nginx
from benchmarks.orders import PROVIDERS, Orders, Provider
from benchmarks.peers import steeple_path
from benchmarks.peers.order import Order, Push
from benchmarks.sink import Sink
from benchmarks.tools import ToolMissing, find_go, go_program
from gateway.model.delivery import Push as OurPush
from gateway.wire.base64url import decode_base64url, encode_base64url

pytestmark = pytest.mark.skipif(find_nginx() is None, reason="needs nginx: apt-get install nginx-light")

_HERE = [entry for entry in ENTRIES.values() if entry.language == "python" and not entry.is_ours]
_GO = [entry for entry in ENTRIES.values() if entry.language == "go"]


async def _send(entry: Entry, folder: Path, sink: Sink, messages: int) -> int:
    """How many messages arrived by the contestant's own score; `contest` checks it against the sink."""
    try:
        await command_of(entry, folder, folder)
    except ToolMissing as why:
        pytest.skip(f"needs more than there is: {why}")
    found, _ = await contest.contestants([entry.name], folder, sink, messages=messages, gateway=None)
    send, _ = found[entry.name]
    return (await send(messages)).messages


@pytest.mark.parametrize("entry", _HERE, ids=lambda entry: entry.name)
async def test_a_peer_in_python_sends_what_it_was_given(entry: Entry, folder: Path, sink: Sink) -> None:
    """Every message arrives: otherwise the round is no round."""
    assert await _send(entry, folder, sink, 30) == 30


@pytest.mark.nightly
@pytest.mark.parametrize("entry", _GO, ids=lambda entry: entry.name)
@pytest.mark.timeout(300)
async def test_the_peer_in_go_sends_what_it_was_given(entry: Entry, folder: Path, sink: Sink) -> None:
    """The same, compiled on this machine."""
    if find_go() is None:
        pytest.skip("needs Go: the extra `bench`")
    assert await _send(entry, folder, sink, 200) == 200


@pytest.mark.nightly
@pytest.mark.timeout(300)
async def test_the_peer_in_go_encrypts_what_a_browser_can_read(folder: Path, sink: Sink) -> None:
    """Another implementation reads its bodies: it has done all of the work that is compared."""
    if find_go() is None:
        pytest.skip("needs Go: the extra `bench`")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    order = Orders(sink).order("webpush", 3, warm_up=0, concurrency=1)
    pushes = [_readdressed(push, key) for push, key in zip(order.pushes, keys, strict=True)]
    file = folder / "order.json"
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(order, pushes=pushes)))
    program = await go_program(folder)
    bodies = await _lines([str(program), "--encrypt", str(file)])
    for body, push, key in zip(bodies, pushes, keys, strict=True):
        auth = decode_base64url(push.address["keys"]["auth"])
        read = http_ece.decrypt(decode_base64url(body), private_key=key, auth_secret=auth, version="aes128gcm")
        assert read.decode() == push.payload


def _readdressed(push: Push, key: ec.EllipticCurvePrivateKey) -> Push:
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {**push.address["keys"], "p256dh": encode_base64url(point)}
    return Push({**push.address, "keys": keys}, push.payload)


async def _lines(command: Sequence[str]) -> list[str]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().split()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_others_send_as_much_as_we_do(provider: Provider, sink: Sink) -> None:
    """What they are given is as long as what our own renderer makes of the same message, to three in a hundred."""
    order = Orders(sink).order(provider, 20, warm_up=0, concurrency=1)
    async with steeple_path.opened(order) as path:
        ours = [len(body) for body in _bodies(path, order)]
    theirs = [len(push.payload.encode()) for push in order.pushes]
    assert sum(theirs) == pytest.approx(sum(ours), rel=0.03)


def _bodies(path: steeple_path.SendPath, order: Order) -> list[bytes]:
    ready, (devices,) = path.ready, path.groups(order.pushes)
    compiled = ready.compiled[order.provider]
    bodies: list[bytes] = []
    for device in devices:
        token = ready.signer.sign(message_id=ready.message.id, subscription_id=device.subscription_id, day=ready.day)
        payload = compiled.render(device, token, order.ttl_s)
        push = OurPush(1, 1, device.wire, payload, order.ttl_s, "normal", ready.collapse_key, compiled.options)
        # FCM's body is put around the payload when it is sent; the others send the payload itself.
        bodies.append(push.options.around(push, now_s=0.0) if order.provider == "fcm" else payload)
    return bodies
