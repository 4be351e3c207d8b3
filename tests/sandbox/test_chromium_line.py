"""Chromium's side, spoken by a script: what the real browser cannot be made to do at will."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp
import pytest

from gateway.sandbox import Ledger, Sandbox
from gateway.sandbox.protobuf import MalformedFieldError, field_bytes, field_fixed64, field_int, fields, varint
from sandbox.actors import AppServer, Clock

SUBTYPE = "wp:https://shop.example/#0-V2"
BODY = b"\0" * 16 + (4096).to_bytes(4, "big") + b"\x41\x04" + b"k" * 64 + b"c" * 30


class ChromiumLine:
    """A checked-in device with one registration and an MCS connection."""

    def __init__(self, http: aiohttp.ClientSession, sandbox: Sandbox) -> None:
        self._http = http
        self._sandbox = sandbox
        self._reader = asyncio.StreamReader()
        self._writer: asyncio.StreamWriter | None = None
        self.device = ""

    async def check_in(self) -> Self:
        """Get a device number."""
        async with self._http.post(f"{self._sandbox.origin}/gcm/checkin", data=b"") as answer:
            self.device = str(dict(fields(await answer.read()))[7])
        return self

    async def register(self, key: str, *, device: str | None = None, **more: str) -> str:
        """Ask for a token; the answer as text."""
        form = {"app": "org.chromium", "X-subtype": SUBTYPE, "device": device or self.device, "sender": key, **more}
        async with self._http.post(f"{self._sandbox.origin}/gcm/register3", data=form) as answer:
            return await answer.text()

    async def come(self, *, received: tuple[str, ...] = ()) -> None:
        """Connect and log in, telling what arrived before."""
        switch = next(s for s in self._sandbox.chromium_switches if s.startswith("--gcm-mcs-endpoint="))
        trust = ssl.create_default_context(cafile=str(self._sandbox.ca_path))
        port = int(switch.rpartition(":")[2])
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        self._writer.write(bytes([41]))
        self.say(2, field_bytes(3, self.device) + b"".join(field_bytes(10, one) for one in received))
        assert await self._reader.readexactly(1) == bytes([41])
        assert (await self.hear())[0] == 3

    def say(self, tag: int, body: bytes) -> None:
        """Send one frame."""
        assert self._writer is not None
        self._writer.write(bytes([tag]) + varint(len(body)) + body)

    async def hear(self) -> tuple[int, list[tuple[int, Any]]]:
        """The next frame: its tag and fields."""
        async with asyncio.timeout(5):
            tag = (await self._reader.readexactly(1))[0]
            size, shift = 0, 0
            while (byte := (await self._reader.readexactly(1))[0]) > 0x7F:
                size, shift = size | (byte & 0x7F) << shift, shift + 7
            return tag, list(fields(await self._reader.readexactly(size | byte << shift)))

    async def hears_nothing(self) -> bool:
        """Nothing is on the way: the answer to a ping comes first."""
        self.say(0, b"")
        return (await self.hear())[0] == 1

    async def hang_up(self) -> None:
        """Leave."""
        if self._writer is not None:
            self._writer.close()
            await self._writer.wait_closed()


@pytest.fixture
async def chromium(http: aiohttp.ClientSession, sandbox: Sandbox) -> AsyncIterator[ChromiumLine]:
    line = await ChromiumLine(http, sandbox).check_in()
    yield line
    await line.hang_up()


async def endpoint_of(chromium: ChromiumLine, sandbox: Sandbox, server: AppServer) -> str:
    token = (await chromium.register(server.key.public_base64url)).removeprefix("token=")
    return f"{sandbox.origin}/fcm/send/{token}"


async def test_a_message_carries_what_the_browser_needs(
    chromium: ChromiumLine, sandbox: Sandbox, server: AppServer
) -> None:
    """Sender, app, subtype, encoding and the body unchanged."""
    endpoint = await endpoint_of(chromium, sandbox, server)
    await chromium.come()

    assert (await server.post(endpoint, BODY)).status == 201

    tag, stanza = await chromium.hear()
    assert tag == 8
    said = dict(stanza)
    assert (said[3], said[5], said[17], said[21]) == (server.key.public_base64url.encode(), b"org.chromium", 60, BODY)
    app_data = {dict(fields(value))[1]: dict(fields(value))[2] for number, value in stanza if number == 7}
    assert app_data == {b"subtype": SUBTYPE.encode(), b"content-encoding": b"aes128gcm"}


async def test_it_waits_and_is_not_sent_again_once_received(
    chromium: ChromiumLine, sandbox: Sandbox, server: AppServer
) -> None:
    """Kept while away; the next login says what had arrived."""
    endpoint = await endpoint_of(chromium, sandbox, server)
    await server.post(endpoint, BODY)
    await server.post(endpoint, BODY, TTL="0")
    await chromium.come()
    version = dict((await chromium.hear())[1])[9].decode()
    assert await chromium.hears_nothing()
    await chromium.hang_up()

    await chromium.come(received=(version,))

    assert await chromium.hears_nothing()


async def test_a_frame_that_counts_ours_confirms_them(
    chromium: ChromiumLine, sandbox: Sandbox, server: AppServer
) -> None:
    """The login answer was the first frame, the message the second."""
    endpoint = await endpoint_of(chromium, sandbox, server)
    await chromium.come()
    await server.post(endpoint, BODY)
    await chromium.hear()
    token = endpoint.rpartition("/")[2]
    assert len(sandbox.mailbox.waiting(token)) == 1

    chromium.say(7, field_int(10, 2))

    assert await chromium.hears_nothing()
    assert sandbox.mailbox.waiting(token) == []


async def test_a_deleted_registration_is_a_410(chromium: ChromiumLine, sandbox: Sandbox, server: AppServer) -> None:
    """What unsubscribe() leads to."""
    endpoint = await endpoint_of(chromium, sandbox, server)
    assert (await chromium.register(server.key.public_base64url, delete="true", scope="*")).startswith("token=")
    assert (await server.post(endpoint, BODY)).status == 410


async def test_the_same_registration_keeps_its_token(chromium: ChromiumLine, server: AppServer) -> None:
    """Asking twice changes nothing; another key does."""
    first = await chromium.register(server.key.public_base64url)
    assert await chromium.register(server.key.public_base64url) == first
    assert await chromium.register("1234567890") != first


async def test_strangers_and_nonsense_get_no_token(chromium: ChromiumLine, server: AppServer) -> None:
    """A device that never checked in, and a key that is none."""
    assert (await chromium.register(server.key.public_base64url, device="12345")).startswith("Error=")
    assert (await chromium.register("bm9uc2Vuc2U")).startswith("Error=")


@pytest.mark.parametrize(
    "frame",
    [
        bytes([41, 2]) + varint(1 << 27),
        bytes([41, 2]) + b"\xff" * 12,
        bytes([41, 2]) + varint(2) + b"\x1a\x7f",
        bytes([41, 2]) + varint(3) + field_bytes(3, "1"),
    ],
    ids=["endless", "no-length", "cut-field", "stranger"],
)
async def test_a_line_that_talks_nonsense_is_closed(sandbox: Sandbox, frame: bytes) -> None:
    """Hostile bytes end the line, not the sandbox."""
    switch = next(s for s in sandbox.chromium_switches if s.startswith("--gcm-mcs-endpoint="))
    trust = ssl.create_default_context(cafile=str(sandbox.ca_path))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(switch.rpartition(":")[2]), ssl=trust)
    writer.write(frame)

    async with asyncio.timeout(5):
        assert await reader.read() == bytes([41])

    writer.close()
    await writer.wait_closed()


async def test_its_faults_and_rules_are_the_same(
    chromium: ChromiumLine, sandbox: Sandbox, server: AppServer, clock: Clock
) -> None:
    """One push resource serves both browsers."""
    endpoint = await endpoint_of(chromium, sandbox, server)
    assert (await server.post(endpoint, BODY, TTL=None)).status == 400
    assert (await server.post(endpoint.replace("/fcm/send/", "/fcm/send/fault-503-7s-"), BODY)).status == 503
    assert (await server.post(endpoint, BODY)).status == 201
    assert sandbox.ledger.path is not None
    (entry,) = Ledger.read(sandbox.ledger.path)
    assert (entry.service, entry.channel, entry.fate, entry.at) == ("gcm", SUBTYPE, "stored", clock())


def test_numbers_survive_the_coding() -> None:
    """Varints and fixed64 read back as written, at the edges of a byte and of 64 bits."""
    for number in (0, 1, 127, 128, 16_383, 16_384, 2**63 - 1):
        assert list(fields(field_int(3, number) + field_fixed64(4, number))) == [(3, number), (4, number)]


@pytest.mark.parametrize("data", [b"\x80", b"\x08", b"\x08" + b"\x80" * 11, b"\x12\x05abc", b"\x09abc", b"\x0b"])
def test_a_cut_message_is_no_message(data: bytes) -> None:
    """Never an IndexError, never a guess."""
    with pytest.raises(MalformedFieldError):
        list(fields(data))
