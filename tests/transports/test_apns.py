"""A push to an app on its way: what Apple sees of it, whose token admits it, over whose connection it goes."""

import asyncio
import random
import re
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.delivery import Accepted, Misconfigured, Push, Rejected, Retry
from gateway.model.errors import GatewayError, Invalid
from gateway.model.message import Content
from gateway.transports.apns import Provider
from gateway.transports.base import Credential, Wire
from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Answer
from tests.transports.apple_material import (
    BUNDLE,
    DEVICE,
    KEY_ID,
    TEAM_ID,
    TOKEN,
    certificate,
    certificate_pem,
    credential_of,
    p8,
    pem_of,
)
from tests.transports.fakes import NOW_S, FakeHttp, OwnTokens, wire_on
from tests.transports.samples import Sample

MESSAGE = 2**61 + 5
MINUTE_S = 60.0
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
OK = Answer(200, {}, b"")
EXPIRED = Answer(403, {}, b'{"reason":"ExpiredProviderToken"}')
OTHER = {**DEVICE, "token": TOKEN[::-1]}


def sample() -> Sample:
    """For the promises that every provider keeps."""
    return Sample(
        device=DEVICE,
        junk=[
            ({}, "token"),
            ({**DEVICE, "token": None}, "token"),
            ({**DEVICE, "token": 5}, "token"),
            ({**DEVICE, "token": b"00"}, "token"),
            ({**DEVICE, "token": ""}, "token"),
            ({**DEVICE, "token": "00" * 3}, "token"),
            ({**DEVICE, "token": "0" * 9}, "token"),
            ({**DEVICE, "token": "00" * 101}, "token"),
            ({**DEVICE, "token": "0" * 100_000}, "token"),
            ({**DEVICE, "token": "xyz" * 10}, "token"),
            ({**DEVICE, "token": TOKEN + "/../x"}, "token"),
            ({**DEVICE, "token": "\uff10" * 64}, "token"),
            ({**DEVICE, "token": "\ud800" * 8}, "token"),
            ({**DEVICE, "environment": "development"}, "environment"),
            ({**DEVICE, "environment": None}, "environment"),
            ({**DEVICE, "environment": ["production"]}, "environment"),
            ({"token": TOKEN}, "bundle_id"),
            ({**DEVICE, "bundle_id": None}, "bundle_id"),
            ({**DEVICE, "bundle_id": ""}, "bundle_id"),
            ({**DEVICE, "bundle_id": "com.shop.app\r\nx: y"}, "bundle_id"),
            ({**DEVICE, "bundle_id": "com/shop"}, "bundle_id"),
            ({**DEVICE, "bundle_id": "é.shop"}, "bundle_id"),
            ({**DEVICE, "bundle_id": "a" * 156}, "bundle_id"),
        ],
        credential=credential_of(p8()),
    )


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


class Http(FakeHttp):
    """Answers in the next turn of the loop, as a network does, and finds one provider token too old."""

    expired = ""

    async def post(self, target: Any, fixed: Any, own: Any, body: bytes, **options: Any) -> Answer:
        answer = await super().post(target, fixed, own, body, **options)
        await asyncio.sleep(0)
        is_expired = self.expired and dict(fixed.pairs).get("authorization") == f"bearer {self.expired}"
        return EXPIRED if is_expired else answer


class Apple:
    """A provider with a clock, shared tokens and a client that answers to order."""

    def __init__(
        self,
        *answers: Any,
        tokens: OwnTokens | None = None,
        clock: Clock | None = None,
        seed: int = 1,
        **settings: str,
    ) -> None:
        self.clock = clock or Clock()
        self.http = Http(*(answers or (OK,)))
        self.tokens = tokens or OwnTokens(self.clock)
        client: Any = self.http
        egress = EgressPolicy.of(defaults=[*Provider.hosts, "push.rehearsal.example:8443"])
        wire: Wire = msgspec.structs.replace(
            wire_on(client, egress, self.clock),
            tokens=self.tokens,
            settings={"apns": settings},
            dice=random.Random(seed),
        )
        self.provider = Provider(wire)

    async def send(self, credential: Credential, device: dict[str, Any] = DEVICE, **changed: Any) -> Any:
        """The outcome of one push."""
        push = Push(1, 1, self.provider.address(device).wire, b"{}", 3600, "normal", "order-7")
        return await self.provider.send(msgspec.structs.replace(push, **changed), credential)

    async def headers(
        self, credential: Credential, content: Content, device: Any = DEVICE, **changed: Any
    ) -> dict[str, str]:
        """What Apple sees of a message."""
        options = self.provider.compile(content, message_id=MESSAGE).options
        outcome = await self.send(credential, device, options=options, urgency=content.urgency, **changed)
        assert isinstance(outcome, Accepted)
        return self.http.requests[-1][1]

    @property
    def texts(self) -> list[str]:
        """The provider tokens of all requests so far."""
        return [headers["authorization"].removeprefix("bearer ") for _, headers, _ in self.http.requests]


@pytest.fixture(scope="module")
def credential() -> Credential:
    return credential_of(p8())


async def test_apple_sees_what_its_page_asks_for(credential: Credential):
    """To whom, for which app, of which kind, how urgent, how long, what it replaces; and who sends."""
    apple = Apple()
    headers = await apple.headers(credential, Content(title="x"))

    token = headers.pop("authorization").removeprefix("bearer ")
    assert UUID.fullmatch(headers.pop("apns-id"))
    assert headers == {
        "apns-topic": BUNDLE,
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": str(int(NOW_S) + 3600),
        "apns-collapse-id": "order-7",
    }
    assert apple.http.requests[0][0].url == f"https://api.push.apple.com/3/device/{TOKEN}"
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": KEY_ID, "typ": "JWT"}
    key = load_pem_private_key(msgspec.json.decode(credential.secret)["p8"].encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    claims = jwt.decode(token, key.public_key(), algorithms=["ES256"], options={"verify_iat": False})
    assert claims == {"iss": TEAM_ID, "iat": int(NOW_S)}


@pytest.mark.parametrize(
    ("environment", "host"), [("production", "api.push.apple.com"), ("sandbox", "api.sandbox.push.apple.com")]
)
async def test_the_device_says_which_of_apples_services_knows_it(credential: Credential, environment: str, host: str):
    """A build of Xcode's and one of the store have tokens of different services; each is a lane of its own."""
    apple = Apple()
    device = {**DEVICE, "environment": environment}
    await apple.send(credential, device)

    assert apple.http.requests[0][0].host == host
    assert apple.provider.lane_of(apple.provider.address(device).wire) == f"https://{host}"


def test_a_token_is_the_same_device_however_it_is_spelled():
    """Apps print it in capitals, or with a line break behind it; production is what most mean."""
    provider = Apple().provider
    plain = provider.address(DEVICE)

    assert provider.address({**DEVICE, "token": TOKEN.upper() + "\n"}) == plain
    assert provider.address({"token": TOKEN, "bundle_id": BUNDLE}) == plain
    assert provider.address({**DEVICE, "environment": "sandbox"}).unique != plain.unique
    assert provider.address({**DEVICE, "bundle_id": "com.shop.other"}).unique != plain.unique


@given(token=st.binary(min_size=4, max_size=100), environment=st.sampled_from(["production", "sandbox"]))
def test_every_address_describes_itself(token: bytes, environment: str):
    """Short tokens, and the long ones of Live Activities."""
    provider = Apple().provider
    device = {"token": token.hex(), "environment": environment, "bundle_id": "a" * 155}

    assert provider.describe(provider.address(device).wire) == device


@pytest.mark.parametrize(
    ("push_type", "topic"),
    [
        ("alert", BUNDLE),
        ("background", BUNDLE),
        ("voip", f"{BUNDLE}.voip"),
        ("complication", f"{BUNDLE}.complication"),
        ("fileprovider", f"{BUNDLE}.pushkit.fileprovider"),
        ("location", f"{BUNDLE}.location-query"),
        ("pushtotalk", f"{BUNDLE}.voip-ptt"),
        ("widgets", f"{BUNDLE}.push-type.widgets"),
        ("controls", f"{BUNDLE}.push-type.controls"),
    ],
)
async def test_each_kind_of_push_has_its_topic(credential: Credential, push_type: str, topic: str):
    """Apple refuses a kind with another kind's topic."""
    headers = await Apple().headers(credential, Content(title="x", extra={"apns": {"push_type": push_type}}))

    assert (headers["apns-push-type"], headers["apns-topic"]) == (push_type, topic)


async def test_a_live_activity_is_known_by_its_event(credential: Credential):
    """Nobody has to say it twice."""
    extra = {"apns": {"event": "update", "content-state": {"left": 3}}}
    headers = await Apple().headers(credential, Content(title="x", extra=extra))

    assert (headers["apns-push-type"], headers["apns-topic"]) == ("liveactivity", f"{BUNDLE}.push-type.liveactivity")


@pytest.mark.parametrize(
    ("push_type", "urgency", "priority"),
    [
        ("alert", "high", "10"),
        ("alert", "normal", "10"),
        ("alert", "low", "5"),
        ("alert", "very-low", "1"),
        ("background", "high", "5"),
        ("background", "very-low", "5"),
        ("voip", "low", "10"),
        ("pushtotalk", "very-low", "10"),
        ("liveactivity", "normal", "10"),
        ("liveactivity", "very-low", "5"),
        ("widgets", "normal", "10"),
    ],
)
async def test_urgency_becomes_apples_priority(credential: Credential, push_type: str, urgency: Any, priority: str):
    """What may wake a device does; what must not have 10 does not get it."""
    extra = {"apns": {"push_type": push_type, **({"event": "end"} if push_type == "liveactivity" else {})}}
    headers = await Apple().headers(credential, Content(title="x", urgency=urgency, extra=extra))

    assert headers["apns-priority"] == priority


async def test_a_message_may_name_priority_and_collapse_id(credential: Credential):
    """For those who know Apple's headers."""
    extra = {"apns": {"priority": 5, "collapse_id": "mine"}}
    headers = await Apple().headers(credential, Content(title="x", extra=extra))

    assert (headers["apns-priority"], headers["apns-collapse-id"]) == ("5", "mine")


@pytest.mark.parametrize(
    ("ttl_s", "expiration"), [(0, "0"), (1, str(int(NOW_S) + 1)), (2_419_200, str(int(NOW_S) + 2_419_200))]
)
async def test_how_long_apple_keeps_it(credential: Credential, ttl_s: int, expiration: str):
    """0: now or never."""
    headers = await Apple().headers(credential, Content(title="x"), ttl_s=ttl_s)

    assert headers["apns-expiration"] == expiration


@pytest.mark.parametrize("key", ["k" * 65, "clé", "a\nb", "🛍️" * 40])
async def test_a_collapse_key_that_no_header_holds_is_hashed(credential: Credential, key: str):
    """At most 64 bytes; the same key gives the same id, others give others."""
    apple = Apple()
    first, again, other = [
        (await apple.headers(credential, Content(title="x"), topic=topic))["apns-collapse-id"]
        for topic in (key, key, key + "x")
    ]

    assert first == again != other
    assert re.fullmatch(r"[!-~]{1,64}", first)


async def test_without_anything_to_replace_there_is_no_collapse_id(credential: Credential):
    """Nothing is replaced that nobody wants replaced."""
    assert "apns-collapse-id" not in await Apple().headers(credential, Content(title="x"), topic=None)


async def test_a_repetition_carries_the_same_id(credential: Credential):
    """A retry hours later, by whatever process, is known as the same push; others have others."""
    first = (await Apple().headers(credential, Content(title="x")))["apns-id"]
    later = (await Apple().headers(credential, Content(title="x"), ttl_s=5))["apns-id"]
    device = (await Apple().headers(credential, Content(title="x"), OTHER))["apns-id"]
    apple = Apple()
    options = apple.provider.compile(Content(title="x"), message_id=MESSAGE + 1).options
    outcome = await apple.send(credential, options=options)

    assert first == later
    assert len({first, device, apple.http.requests[0][1]["apns-id"]}) == 3
    assert outcome == Accepted(apple.http.requests[0][1]["apns-id"])


# --- the provider token -----------------------------------------------------------------------------------------------


async def test_one_token_serves_for_forty_to_fifty_minutes(credential: Credential):
    """Apple refuses tokens of an hour, and senders with too many; each process has a moment of its own to renew it."""
    processes = [Apple(seed=seed) for seed in range(40)]
    renewed: list[int] = []
    for minutes in (0, 39, 45, 51):
        for apple in processes:
            apple.clock.now_s = NOW_S + minutes * MINUTE_S
            await apple.send(credential)
        renewed.append(sum(apple.texts[-1] != apple.texts[0] for apple in processes))

    assert renewed[1] == 0
    assert 0 < renewed[2] < 40
    assert renewed[3] == 40


async def test_all_processes_send_the_same_token(credential: Credential):
    """Two processes that share the store's tokens are one sender to Apple."""
    clock = Clock()
    tokens = OwnTokens(clock)
    one, other = Apple(tokens=tokens, clock=clock), Apple(tokens=tokens, clock=clock)
    await one.send(credential)
    await other.send(credential)

    assert one.texts == other.texts


async def test_an_expired_token_is_renewed_once_and_the_push_goes_out(credential: Credential):
    """All in flight hear it at once; one token is made, and each push is sent again with it."""
    apple = Apple()
    await apple.send(credential)
    apple.clock.now_s += 25 * MINUTE_S
    apple.http.expired = apple.texts[0]

    outcomes = await asyncio.gather(*(apple.send(credential) for _ in range(10)))

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert len(set(apple.texts)) == 2
    assert apple.texts.count(apple.texts[0]) == 11


async def test_a_token_is_not_renewed_twice_within_twenty_minutes(credential: Credential):
    """A clock that is wrong makes every token look old: the lane stops, and Apple is not flooded with new ones."""
    apple = Apple(EXPIRED)

    outcomes = [await apple.send(credential) for _ in range(3)]

    assert outcomes == [Misconfigured("ExpiredProviderToken")] * 3
    assert len(set(apple.texts)) == 1
    assert len(apple.texts) == 3


async def test_a_fresh_token_that_is_refused_as_well_stops_the_lane(credential: Credential):
    """Once is enough: it is not asked a third time."""
    apple = Apple(OK, EXPIRED)
    await apple.send(credential)
    apple.clock.now_s += 25 * MINUTE_S

    assert await apple.send(credential) == Misconfigured("ExpiredProviderToken")
    assert len(set(apple.texts)) == 2
    assert len(apple.http.requests) == 3


async def test_too_many_tokens_means_a_new_connection_and_the_same_token(credential: Credential):
    """That connection is of no use for a while; connecting anew each time would be taken for an attack."""
    apple = Apple(Answer(429, {}, b'{"reason":"TooManyProviderTokenUpdates"}'))

    outcomes = []
    for wait_s in (0, 1, 70):
        apple.clock.now_s += wait_s
        outcomes.append(await apple.send(credential))
    first, second, third = (peer.key for peer in apple.http.peers)

    assert outcomes == [Retry("TooManyProviderTokenUpdates", after_s=60.0, scope="lane")] * 3
    assert first != second == third
    await apple.send(credential)
    assert apple.http.peers[-1].key != third
    assert len(set(apple.texts)) == 1


async def test_a_store_that_is_away_is_waited_for(credential: Credential):
    """Without a token nothing is sent, and nothing is lost."""

    class Away(OwnTokens):
        async def get(self, *_: Any, **__: Any) -> Any:
            raise ConnectionError("the store is away")

    apple = Apple(tokens=Away())

    assert await apple.send(credential) == Retry("token_unavailable", scope="lane")
    assert apple.http.requests == []


async def test_whoever_claims_another_team_does_not_get_its_token(credential: Credential):
    """Anybody can type somebody else's team and key id; the token belongs to the key itself."""
    apple = Apple()
    pretender = credential_of(p8(), number=2)
    await apple.send(credential)
    await apple.send(pretender)

    assert credential.public["team_id"] == pretender.public["team_id"]
    assert apple.texts[0] != apple.texts[1]
    assert apple.http.peers[0] != apple.http.peers[1]


# --- connections ------------------------------------------------------------------------------------------------------


async def test_teams_and_environments_have_connections_of_their_own(credential: Credential):
    """Apple ties a connection to the first key that it sees there; a new one starts with one request."""
    apple = Apple()
    other_team = credential_of(p8(team_id="ZZZZZZZZZZ"), number=2)
    other_key = credential_of(p8(key_id="ZZZZZZZZZZ"), number=3)
    same_key = msgspec.structs.replace(credential, id=4)
    for one in (credential, other_team, other_key, same_key):
        await apple.send(one)
    await apple.send(credential, {**DEVICE, "environment": "sandbox"})
    await apple.send(credential)
    peers = apple.http.peers

    assert len({peers[number] for number in (0, 1, 2, 4)}) == 4
    assert peers[0] == peers[3] == peers[5]
    assert all(peer.is_one_first and peer.identity is None for peer in peers)


async def test_a_certificate_is_shown_by_tls_and_needs_no_token():
    """Its connection is its own; the private key goes to TLS and nowhere else."""
    leaf, key = certificate()
    apple = Apple()
    headers = await apple.headers(credential_of(certificate_pem(leaf) + pem_of(key)), Content(title="x"))

    identity = apple.http.peers[0].identity
    assert identity is not None
    assert (identity.certificate_pem.decode(), identity.key_pem.decode()) == (certificate_pem(leaf), pem_of(key))
    assert "authorization" not in headers
    assert headers["apns-topic"] == BUNDLE


async def test_an_expired_certificate_is_named_as_such():
    """TLS would fail as well, without saying why; the messages stay."""
    leaf, key = certificate(days=-1)
    apple = Apple()

    assert await apple.send(credential_of(certificate_pem(leaf) + pem_of(key))) == Misconfigured("certificate_expired")
    assert apple.http.requests == []


@pytest.mark.parametrize(
    ("changed", "form"),
    [
        ({"bundle_id": "com.shop.other"}, {}),
        ({"environment": "sandbox"}, {"environments": ["production"]}),
    ],
)
async def test_a_device_that_the_credential_does_not_cover_concerns_that_device(changed: Any, form: Any):
    """Anybody can register a device of a foreign app: it must not stop the others' lane."""
    apple = Apple()

    assert await apple.send(credential_of(p8(**form)), {**DEVICE, **changed}) == Rejected(
        "credential_missing", is_unsent=True
    )
    assert apple.http.requests == []


async def test_a_changed_key_is_used_from_then_on(credential: Credential):
    """The same place in the app, another key."""
    apple = Apple()
    changed = credential_of(p8(team_id="ZZZZZZZZZZ"))
    for one in (credential, msgspec.structs.replace(credential, is_current=False), changed):
        await apple.send(one)

    teams = [jwt.decode(text, options={"verify_signature": False})["iss"] for text in apple.texts]
    assert teams == [TEAM_ID, TEAM_ID, "ZZZZZZZZZZ"]


async def test_a_damaged_credential_stops_its_lane(credential: Credential):
    """The messages stay until somebody brings the key again."""
    damaged = msgspec.structs.replace(credential, secret=b'{"key_id": "x"}')

    assert await Apple().send(damaged) == Misconfigured("credential_unreadable")


@pytest.mark.parametrize("host", ["push.rehearsal.example:8443"])
async def test_a_rehearsal_goes_elsewhere(credential: Credential, host: str):
    """[providers.apns] host, for a sandbox or a proxy of one's own."""
    apple = Apple(host=host)
    await apple.send(credential)

    assert apple.http.requests[0][0].origin == f"https://{host}"


@pytest.mark.parametrize(
    "settings", [{"host": "127.0.0.1"}, {"host": "https://x.example"}, {"host": ""}, {"port": "1"}, {"host": 5}]
)
def test_a_setting_that_cannot_be_used_is_named(settings: Any):
    """At the start, and not by each push."""
    with pytest.raises(GatewayError, match=r"\[providers.apns\]") as refused:
        Apple(**settings)

    assert refused.value.code == "setting_invalid"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("refused", Rejected("endpoint_refused", is_unsent=True)),
        ("unresolved", Retry("unresolved", scope="lane")),
        ("unreachable", Retry("unreachable", scope="lane")),
        ("tls", Misconfigured("tls")),
        ("unprocessed", Retry("unprocessed")),
        ("timeout", Retry("timeout", unknown=True)),
        ("broken", Retry("broken", unknown=True)),
    ],
)
async def test_whether_it_may_have_arrived_is_known(credential: Credential, kind: Any, outcome: Any):
    """A cut connection may mean a second copy, which the collapse id then replaces."""
    assert await Apple(kind).send(credential) == outcome


def test_nobody_but_apple_makes_keys():
    """`steeple keys` says so instead of making one."""
    assert Provider.generate("mailto:push@shop.example") is None


def test_fields_of_a_message_are_checked_when_it_is_ordered():
    """And not when a million devices wait for it."""
    with pytest.raises(Invalid) as refused:
        Apple().provider.check_extra({"sonud": "x"})

    assert (refused.value.code, refused.value.param) == ("field_unknown", "apns.sonud")
