"""Against the sandbox's Apple, over real HTTP/2 and TLS: each row of its table, and the accidents that cost devices."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.model.delivery import Accepted, Device, Gone, Misconfigured, Outcome, Push, Rejected, Retry, Suspect
from gateway.model.ids import to_text
from gateway.model.message import Content
from gateway.policy.circuit import CredentialHealth, Verdict, is_gone
from gateway.sandbox import Ledger, Rule, Sandbox
from gateway.transports.apns import Provider
from gateway.transports.base import Credential, Token, Wire
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from tests.transports.apple_material import BUNDLE, credential_of, p8
from tests.transports.apple_world import Clock
from tests.transports.fakes import OwnTokens
from tests.transports.test_apns_answers import EVERY

MESSAGE, SUBSCRIPTION = 2**61 + 5, 2**60 + 9
MINUTE_S = 60.0


class CountedTokens(OwnTokens):
    """Shared tokens that know how many were made."""

    made = 0

    async def get(self, name: str, make: Callable[[], Awaitable[Token]], **options: Any) -> Token:
        async def counted() -> Token:
            self.made += 1
            return await make()

        return await super().get(name, counted, **options)


class World:
    """A gateway's way to the sandbox. Each side has a clock of its own, which start together."""

    def __init__(self, sandbox: Sandbox, clock: Clock, http: HttpClient, egress: EgressPolicy) -> None:
        self.sandbox = sandbox
        self.apples_clock = clock
        self.clock = Clock()
        self.clock.now_s = clock.now_s
        self.tokens = CountedTokens(self.clock)
        self.provider = Provider(
            Wire(egress=egress, http=http, clock=self.clock, tokens=self.tokens, dice=random.Random(1))
        )
        self.key = sandbox.senders.make_key(bundles=[BUNDLE])
        self.credential = credential_of(p8(p8=self.key.p8, key_id=self.key.key_id, team_id=self.key.team_id))

    def devices(self, count: int = 1, *, environment: Any = "production") -> list[bytes]:
        """Addresses of devices that the sandbox knows."""
        tokens = self.sandbox.phones.mint(count, "apns", BUNDLE, environment=environment)
        return [self.address(token, environment=environment) for token in tokens]

    def address(self, token: str, **changed: Any) -> bytes:
        return self.provider.address({"token": token, "bundle_id": BUNDLE, **changed}).wire

    async def send(
        self, wire: bytes, *, credential: Credential | None = None, content: Content | None = None
    ) -> Outcome:
        """One message to one device, as delivery does it."""
        compiled = self.provider.compile(content or Content(title="Shipped"), message_id=MESSAGE)
        payload = compiled.render(Device(SUBSCRIPTION, "apns", 1, wire, 20, None, None), "t" * 55, 3600)
        push = Push(1, 1, wire, payload, 3600, "normal", f"1.{MESSAGE}", compiled.options)
        return await self.provider.send(push, credential or self.credential)

    async def send_all(self, wires: list[bytes]) -> list[Outcome]:
        return list(await asyncio.gather(*map(self.send, wires)))

    @property
    def counted(self) -> Any:
        return self.sandbox.ledger.counters


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = Clock()
    clock.now_s = time.time()
    async with Sandbox(ledger_path=tmp_path / "ledger.ndjson", clock=clock) as sandbox:
        settings = sandbox.egress_settings()
        egress = EgressPolicy.of(
            defaults=Provider.hosts,
            allow=settings["STEEPLE_EGRESS_ALLOW"].split(","),
            resolve=settings["STEEPLE_EGRESS_RESOLVE"].split(","),
            sandbox=True,
            ca_file=sandbox.ca_path,
        )
        async with HttpClient(egress, connections_max=8) as http:
            yield World(sandbox, clock, http, egress)


@pytest.mark.parametrize(("status", "reason", "wanted"), EVERY)
async def test_each_row_of_apples_table(world: World, status: int, reason: str, wanted: Outcome):
    """What comes over the wire means what the table says; a gone device is gone since when Apple says."""
    (device,) = world.devices()
    world.sandbox.order_faults(Rule(reason=reason, gone_at_s=1_700_000_000.5))

    outcome = await world.send(device)

    assert outcome == (Gone("unregistered", 1_700_000_000.5) if status == 410 else wanted)
    assert world.counted[f"fault_{reason}"] >= 1


@pytest.mark.parametrize(
    "content",
    [
        Content(title="Shipped", body="today", data={"order": 7}, badge_count=2, url="https://shop.example/7"),
        Content(title="x", urgency="low", collapse_key="k" * 64),
        Content(title="x", ttl_s=0, urgency="very-low"),
        *(
            Content(title="x", extra={"apns": {"push_type": kind}})
            for kind in (
                "background", "voip", "complication", "fileprovider", "location", "pushtotalk", "widgets", "controls",
            )
        ),
        Content(
            title="x",
            extra={"apns": {"event": "start", "attributes-type": "A", "attributes": {}, "content-state": {"left": 3}}},
        ),
        Content(title="x", extra={"apns": {"event": "update", "content-state": {"left": 2}}}),
        Content(title="x", extra={"apns": {"event": "end"}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("environment", ["production", "sandbox"])
async def test_a_service_as_strict_as_apples_takes_every_kind_of_push(world: World, content: Content, environment: str):
    """Headers, topic and payload of each kind agree; its ledger knows the push by our ids."""
    (device,) = world.devices(environment=environment)

    outcome = await world.send(device, content=content)

    assert isinstance(outcome, Accepted)
    assert world.sandbox.ledger.path is not None
    (entry,) = Ledger.read(world.sandbox.ledger.path)
    assert (entry.message, entry.subscription) == (to_text("msg", MESSAGE), to_text("sub", SUBSCRIPTION))
    assert entry.version == outcome.provider_id


async def test_a_certificate_sends_and_a_revoked_one_stops(world: World):
    """TLS shows it; Apple's word on it stops the lane and nothing else."""
    made = world.sandbox.senders.make_certificate(BUNDLE, environments=("production",))
    credential = credential_of(made.certificate_pem + made.key_pem)
    (device,) = world.devices()
    (other,) = world.devices(environment="sandbox")

    assert isinstance(await world.send(device, credential=credential), Accepted)
    assert await world.send(other, credential=credential) == Rejected("credential_missing", is_unsent=True)
    world.sandbox.senders.revoke_certificate(made.fingerprint)
    assert await world.send(device, credential=credential) == Misconfigured("BadCertificate")
    assert world.tokens.made == 0


async def test_a_revoked_key_stops_its_lane(world: World):
    """A key that Apple does not know any more."""
    (device,) = world.devices()
    world.sandbox.senders.revoke_key(world.key.key_id)

    assert await world.send(device) == Misconfigured("InvalidProviderToken")


async def test_many_at_once_go_over_few_connections(world: World):
    """A new connection takes one request first: none of a hundred is turned away."""
    outcomes = await world.send_all(world.devices(100))

    assert [one for one in outcomes if not isinstance(one, Accepted)] == []
    assert world.counted["h2_streams_refused"] == 0
    assert world.counted["h2_connections"] <= 8
    assert world.tokens.made == 1


async def test_the_wrong_environment_costs_no_device(world: World):
    """Everybody registered for production with builds of Xcode's: the credential is judged, and nobody is dropped."""
    tokens = world.sandbox.phones.mint(200, "apns", BUNDLE, environment="sandbox")
    wires = [world.address(token, environment="production") for token in tokens]
    health = CredentialHealth()
    long_ago, now = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC)

    outcomes = await world.send_all(wires)
    dropped = 0
    for outcome in outcomes:
        health.record(is_doubtful=isinstance(outcome, Suspect))
        dropped += isinstance(outcome, Gone) or is_gone(suspect_at=long_ago, now=now, verdict=health.verdict)

    assert outcomes == [Suspect("BadDeviceToken")] * 200
    assert (dropped, health.verdict) == (0, Verdict.CREDENTIAL)


async def test_a_device_that_registered_again_is_not_gone(world: World):
    """Apple's word is older than the registration, and says so: who settles it can tell."""
    registered_at_s = world.clock.now_s
    (device,) = world.devices()
    world.sandbox.order_faults(Rule(reason="Unregistered", gone_at_s=registered_at_s - 5, times=1))

    outcome = await world.send(device)

    assert isinstance(outcome, Gone)
    assert outcome.at_s is not None
    assert outcome.at_s < registered_at_s
    assert isinstance(await world.send(device), Accepted)


async def test_a_token_that_expires_under_everybody_is_renewed_once(world: World):
    """All in flight hear it: one token is made, and every push goes out."""
    devices = world.devices(60)
    await world.send(devices[0])
    world.clock.now_s += 25 * MINUTE_S
    world.apples_clock.now_s += 61 * MINUTE_S

    outcomes = await world.send_all(devices)

    assert [one for one in outcomes if not isinstance(one, Accepted)] == []
    assert world.tokens.made == 2
    assert 1 <= world.counted["apns_ExpiredProviderToken"] <= 60
    assert world.counted["apns_TooManyProviderTokenUpdates"] == 0


async def test_a_clock_that_is_wrong_does_not_flood_apple_with_tokens(world: World):
    """At most one new token in twenty minutes, however often Apple finds it too old."""
    (device,) = world.devices()
    world.apples_clock.now_s += 61 * MINUTE_S

    outcomes = [await world.send(device) for _ in range(5)]

    assert outcomes == [Misconfigured("ExpiredProviderToken")] * 5
    assert world.tokens.made == 1


async def test_a_connection_that_apple_gave_up_on_is_left(world: World):
    """Too many tokens on one: the next push goes over a new one with the same token, and gets through."""
    (device,) = world.devices()
    assert isinstance(await world.send(device), Accepted)
    world.sandbox.order_faults(Rule(reason="TooManyProviderTokenUpdates", times=1))

    assert await world.send(device) == Retry("TooManyProviderTokenUpdates", after_s=60.0, scope="lane")
    before = world.counted["h2_connections"]
    assert isinstance(await world.send(device), Accepted)
    assert world.counted["h2_connections"] == before + 1
    assert world.tokens.made == 1


async def test_five_thousand_refusals_over_one_connection(world: World):
    """Each answer has a body; a client that does not count them comes to a stop after about 1,200."""
    wires = [world.address(f"{number:064x}") for number in range(500)]

    for _ in range(10):
        outcomes = await world.send_all(wires)
        assert outcomes == [Suspect("BadDeviceToken")] * 500
