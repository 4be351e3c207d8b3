"""A push to an app on its way: which devices there are, and what Apple sees of it."""

import re
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.delivery import Accepted, Misconfigured, Rejected, Retry
from gateway.model.errors import GatewayError, Invalid
from gateway.model.message import Content
from gateway.transports.apns import Provider
from gateway.transports.base import Credential
from tests.transports.apple_material import (
    BUNDLE,
    DEVICE,
    KEY_ID,
    TEAM_ID,
    TOKEN,
    credential_of,
    p8,
)
from tests.transports.apple_world import MESSAGE, Apple
from tests.transports.fakes import NOW_S
from tests.transports.samples import Sample

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
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
