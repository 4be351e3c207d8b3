"""Names, certificates and settings: how a gateway finds the sandbox, and who may not."""

import asyncio
import socket
import ssl

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.sandbox import Sandbox
from gateway.wire.egress import EgressPolicy, EgressRefused
from sandbox.actors import AppServer


class Names(AbstractResolver):
    """Resolves as STEEPLE_EGRESS_RESOLVE says."""

    def __init__(self, setting: str) -> None:
        self._table = dict(pair.split("=") for pair in setting.split(","))

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address, _, real_port = self._table[f"{host}:{port}"].rpartition(":")
        return [ResolveResult(hostname=host, host=address, port=int(real_port), family=family, proto=0, flags=0)]

    async def close(self) -> None:
        return


@pytest.mark.parametrize("host", ["jmt17.google.com", "fcm.googleapis.com"])
async def test_chromiums_endpoints_answer_under_their_own_names(sandbox: Sandbox, server: AppServer, host: str) -> None:
    """With the settings that the sandbox gives, an unchanged endpoint reaches it over verified TLS."""
    settings = sandbox.egress_settings()
    endpoint = f"https://{host}/fcm/send/nobody"
    connector = aiohttp.TCPConnector(
        resolver=Names(settings["STEEPLE_EGRESS_RESOLVE"]),
        ssl=ssl.create_default_context(cafile=settings["STEEPLE_EGRESS_CA"]),
    )
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post(endpoint, headers=server.headers(endpoint)) as answer,
    ):
        assert answer.status == 404
        assert (await answer.json())["errno"] == 102


async def test_a_gateway_with_its_settings_may_send_to_it(sandbox: Sandbox, server: AppServer) -> None:
    """Minted, Firefox's and Chromium's endpoints pass the gateway's own guard; others on loopback do not."""
    settings = sandbox.egress_settings()
    policy = EgressPolicy.of(
        allow=settings["STEEPLE_EGRESS_ALLOW"].split(","),
        resolve=settings["STEEPLE_EGRESS_RESOLVE"].split(","),
        sandbox=settings["STEEPLE_SANDBOX"] == "1",
    )
    (device,) = sandbox.mint(1, server.key.public)

    assert policy.check_url(device["endpoint"]).origin == sandbox.origin
    assert policy.check_url("https://jmt17.google.com/fcm/send/x").host == "jmt17.google.com"
    with pytest.raises(EgressRefused):
        policy.check_url(f"http://localhost:{sandbox.tls_port}/fcm/send/x")


async def test_its_certificate_is_trusted_by_nobody_else(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """Without the CA file the connection fails."""
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await http.post(f"https://127.0.0.1:{sandbox.tls_port}/fcm/send/x")


async def test_other_names_are_refused(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """A page that points its own name at loopback steers nothing."""
    async with http.get(f"{sandbox.origin}/sandbox", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_pages_of_other_origins_may_not_steer(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """Not even by a plain form post."""
    url = f"{sandbox.origin}/sandbox/agents/forget"
    async with http.post(url, headers={"Origin": "https://evil.example"}) as answer:
        assert answer.status == 403


async def test_it_tells_what_to_set(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """Everything that a gateway and both browsers need, in one answer."""
    async with http.get(f"{sandbox.origin}/sandbox") as answer:
        said = await answer.json()
    assert said["gateway_settings"]["STEEPLE_SANDBOX"] == "1"
    assert f"localhost:{sandbox.port}" in said["gateway_settings"]["STEEPLE_EGRESS_ALLOW"]
    assert said["firefox_ws_url"] == f"ws://127.0.0.1:{sandbox.port}/"
    assert any(switch.startswith("--gcm-mcs-endpoint=") for switch in said["chromium_switches"])


async def test_an_unknown_call_names_the_known_ones(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    """404 with a way out."""
    async with http.get(f"{sandbox.origin}/sandbox/minty") as answer:
        assert answer.status == 404
        assert "POST /sandbox/mint" in (await answer.json())["error"]


async def test_it_listens_on_loopback_only() -> None:
    """Nobody else on the network can use it."""
    with pytest.raises(ValueError, match="loopback"):
        await Sandbox().start("0.0.0.0")  # noqa: S104 - the refusal is the point


async def test_a_taken_port_leaves_nothing_behind(sandbox: Sandbox) -> None:
    """A start that fails half-way frees what it had."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free_port = probe.getsockname()[1]

    with pytest.raises(OSError, match="in use"):
        await Sandbox().start(port=free_port, tls_port=sandbox.port)

    async with asyncio.timeout(5):
        second = Sandbox()
        await second.start(port=free_port)
        await second.stop()


async def test_stopping_ends_hanging_requests(server: AppServer) -> None:
    """A rehearsal that hangs can be left at once."""
    sandbox = Sandbox()
    await sandbox.start()
    with pytest.raises((aiohttp.ClientError, TimeoutError)):
        async with server.http.post(sandbox.webpush_url + "fault-dribble-x") as answer:
            await sandbox.stop()
            await answer.read()
