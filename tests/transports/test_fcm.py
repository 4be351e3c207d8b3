"""Devices of Firebase's: what is a device, what is a service account, and how access tokens are come by and used."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from gateway.model.delivery import Accepted, Misconfigured, Push, Retry
from gateway.model.errors import GatewayError, Invalid
from gateway.model.limits import TTL_S_MAX
from gateway.transports.base import Tokens
from gateway.transports.fcm import Provider
from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Answer, FailureKind, WireFailure
from tests.transports.fakes import NOW_S, FakeHttp, OwnTokens, wire_on
from tests.transports.google_material import (
    DEVICE_TOKEN,
    EMAIL,
    PROJECT,
    account,
    credential,
    granted,
    private_key_pem,
    refused,
    taken,
)
from tests.transports.samples import Sample

UNAUTHENTICATED = refused(401, "UNAUTHENTICATED")
NO_ACCOUNT = Answer(400, {}, b'{"error":"invalid_grant","error_description":"Invalid grant: account not found"}')
WRONG_TIME = Answer(
    400,
    {},
    b'{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in'
    b' a reasonable timeframe. Check your iat and exp values in the JWT claim."}',
)


def sample() -> Sample:
    """For the tests that every provider passes."""
    return Sample(
        device={"token": DEVICE_TOKEN},
        junk=[
            ({}, "token"),
            ({"token": None}, "token"),
            ({"token": ""}, "token"),
            ({"token": 5}, "token"),
            ({"token": DEVICE_TOKEN.encode()}, "token"),
            ({"token": "short"}, "token"),
            ({"token": "x" * 19}, "token"),
            ({"token": "x" * 4097}, "token"),
            ({"token": f"{DEVICE_TOKEN} x"}, "token"),
            ({"token": f"{DEVICE_TOKEN}\n"}, "token"),
            ({"token": f'{DEVICE_TOKEN}"'}, "token"),
            ({"token": f"{DEVICE_TOKEN}\\"}, "token"),
            ({"token": f"{DEVICE_TOKEN}é"}, "token"),
            ({"token": f"{DEVICE_TOKEN}\ud800"}, "token"),
        ],
        credential=credential(),
    )


def provider(http: FakeHttp, *, tokens: Tokens | None = None, base_url: str | None = None, allow: str = "") -> Provider:
    policy = EgressPolicy.of(defaults=Provider.hosts, allow=[allow] if allow else [])
    client: Any = http
    settings = {} if base_url is None else {"fcm": {"base_url": base_url}}
    return Provider(msgspec.structs.replace(wire_on(client, policy, lambda: NOW_S, tokens=tokens), settings=settings))


def push() -> Push:
    return Push(1, 1, b"\x01" + DEVICE_TOKEN.encode(), b'{"data":{"a":"b"}}', 60, "normal", None)


# --- service accounts -------------------------------------------------------------------------------------------------


def test_a_service_account_shows_what_is_no_secret():
    """Whoever lists credentials sees which account it is, and nothing of its key."""
    minted = Provider.load(json.dumps(account()), "")

    assert minted.public == {
        "project_id": PROJECT,
        "client_email": EMAIL,
        "private_key_id": "0123456789abcdef0123456789abcdef01234567",
    }
    assert b"client_id" not in minted.secret


@pytest.mark.parametrize(
    ("raw", "param", "word"),
    [
        (json.dumps({"project_info": {"project_id": "x"}}), "type", "google-services.json"),
        (json.dumps({"apiKey": "AIza", "messagingSenderId": "1"}), "type", "web page"),
        (json.dumps(account(type="authorized_user")), "type", "service account"),
        (json.dumps(account(project_id=None)), "project_id", "misses"),
        (json.dumps(account(project_id="../../evil")), "project_id", "unusual"),
        (json.dumps(account(project_id="a/b")), "project_id", "unusual"),
        (json.dumps(account(client_email="nobody")), "client_email", "unusual"),
        (json.dumps(account(client_email=["a"])), "client_email", "unusual"),
        (json.dumps(account(private_key_id="a b")), "private_key_id", "unusual"),
        (json.dumps(account(private_key=None)), "private_key", "misses"),
        (
            json.dumps(account(private_key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")),
            "private_key",
            "PEM",
        ),
        (json.dumps(account(private_key="\u00e9")), "private_key", "PEM"),
        (json.dumps(account(token_uri="https://evil.example/token")), "token_uri", "oauth2.googleapis.com"),
        (json.dumps(account(token_uri="http://oauth2.googleapis.com/token")), "token_uri", "oauth2.googleapis.com"),
        (
            json.dumps(account(token_uri="https://oauth2.googleapis.com.evil.example/")),
            "token_uri",
            "oauth2.googleapis.com",
        ),
        (
            json.dumps(account(token_uri="https://user@oauth2.googleapis.com/token")),
            "token_uri",
            "oauth2.googleapis.com",
        ),
        (json.dumps(account(token_uri=7)), "token_uri", "oauth2.googleapis.com"),
        ("[]", "private_key", "service account"),
        ("-----BEGIN PRIVATE KEY-----", "private_key", "JSON"),
    ],
)
def test_what_is_no_service_account_is_refused_with_the_reason(raw: str, param: str, word: str):
    """Firebase hands out several files: the answer says which one is wanted, names the field, quotes nothing."""
    with pytest.raises(Invalid) as refusal:
        Provider.load(raw, "")

    assert refusal.value.param == param
    assert word in refusal.value.message
    assert "BEGIN" not in refusal.value.message
    assert "evil" not in refusal.value.message


def test_a_weak_key_is_refused():
    """A key that Google would not take is found out when it is added, not when the first message goes out."""
    with pytest.raises(Invalid) as refusal:
        Provider.load(json.dumps(account(private_key=private_key_pem(1024))), "")

    assert refusal.value.param == "private_key"


def test_files_as_they_come_are_taken():
    """Older files name older addresses, and environment variables spell newlines out."""
    same = Provider.load(json.dumps(account()), "")

    for changes in (
        {"token_uri": "https://accounts.google.com/o/oauth2/token"},
        {"token_uri": None},
        {"type": None},
        {"private_key": private_key_pem().replace("\n", "\\n")},
        {"private_key": f"\n{private_key_pem()}\n"},
    ):
        assert Provider.load(json.dumps(account(**changes)), "") == same


def test_keys_are_issued_by_google():
    """There is nothing to generate."""
    assert Provider.generate("mailto:push@shop.example") is None


# --- where pushes go --------------------------------------------------------------------------------------------------


async def test_a_push_goes_to_the_project_with_the_access_token():
    """One request for the token, one for the push; the answer's name is kept."""
    http = FakeHttp(granted(), taken())

    outcome = await provider(http).send(push(), credential())

    assert outcome == Accepted(f"projects/{PROJECT}/messages/0:17%ab")
    (asked, fields, _), (sent, headers, body) = http.requests
    assert (asked.url, fields) == (
        "https://oauth2.googleapis.com/token",
        {"content-type": "application/x-www-form-urlencoded"},
    )
    assert sent.url == f"https://fcm.googleapis.com/v1/projects/{PROJECT}/messages:send"
    assert headers == {"authorization": "Bearer ya29.first", "content-type": "application/json"}
    assert json.loads(body)["message"]["token"] == DEVICE_TOKEN


async def test_projects_do_not_share_connections():
    """What one project does to its connection is no other's trouble."""
    http = FakeHttp(granted(), taken(), granted(), taken())
    transport = provider(http)
    other = Provider.load(json.dumps(account(project_id="another-shop")), "")

    await transport.send(push(), credential())
    await transport.send(push(), credential(other))

    assert http.peers[1] != http.peers[3]


async def test_a_rehearsal_goes_elsewhere():
    """The operator's table names the host; it has to be an allowed one all the same."""
    http = FakeHttp(granted(), taken())
    allowed = provider(http, base_url="https://fcm.sandbox.example:8443/", allow="fcm.sandbox.example:8443")
    assert isinstance(await allowed.send(push(), credential()), Accepted)
    assert http.requests[1][0].url == f"https://fcm.sandbox.example:8443/v1/projects/{PROJECT}/messages:send"
    assert allowed.lane_of(b"") == "https://fcm.sandbox.example:8443"

    stranger = FakeHttp()
    assert await provider(stranger, base_url="https://evil.example").send(push(), credential()) == Misconfigured(
        "endpoint_refused"
    )
    assert stranger.requests == []


@pytest.mark.parametrize("table", [{"base_url": "fcm"}, {"base_url": 5}, {"base_url": "https://a/b c"}, {"host": "x"}])
def test_a_wrong_setting_is_said_at_the_start(table: dict[str, Any]):
    """A typing error in steeple.toml stops the start with its name, not the first push."""
    wire: Any = type("W", (), {"settings": {"fcm": table}, "egress": None})()
    with pytest.raises(GatewayError) as refusal:
        Provider(wire)
    assert refusal.value.code == "setting_invalid"
    assert "providers.fcm" in refusal.value.message


# --- access tokens ----------------------------------------------------------------------------------------------------


async def test_one_token_serves_many_pushes():
    """An access token lives an hour: it is not asked for with each push."""
    http = FakeHttp(granted(), taken())
    transport, key = provider(http), credential()
    await transport.send(push(), key)
    for _ in range(20):
        await transport.send(push(), key)

    assert len(http.requests) == 22


async def test_a_refused_token_is_renewed_and_the_push_sent_again_at_once():
    """A token that was revoked costs one request, not the push."""
    tokens = OwnTokens(lambda: NOW_S + 60)
    http = FakeHttp(granted("ya29.first"), UNAUTHENTICATED, granted("ya29.second"), taken())

    assert isinstance(await provider(http, tokens=tokens).send(push(), credential()), Accepted)

    assert [request[1].get("authorization") for request in http.requests] == [
        None,
        "Bearer ya29.first",
        None,
        "Bearer ya29.second",
    ]


async def test_an_account_that_is_refused_with_a_new_token_too_stops_the_lane():
    """It is not the token's age then: the operator has to look, and nothing is lost meanwhile."""
    tokens = OwnTokens(lambda: NOW_S + 60)
    http = FakeHttp(granted("ya29.first"), UNAUTHENTICATED, granted("ya29.second"), UNAUTHENTICATED)

    outcome = await provider(http, tokens=tokens).send(push(), credential())

    assert outcome == Misconfigured("credential_refused")
    assert len(http.requests) == 4


async def test_a_young_token_that_is_refused_is_not_renewed():
    """A lane full of refusals asks Google for one token, not for one each."""
    http = FakeHttp(granted(), UNAUTHENTICATED)

    assert await provider(http).send(push(), credential()) == Misconfigured("credential_refused")
    assert len(http.requests) == 2


async def test_a_third_partys_refusal_renews_nothing():
    """It is about the key that the project has at Apple; ours is fine."""
    http = FakeHttp(granted(), refused(401, "UNAUTHENTICATED", code="THIRD_PARTY_AUTH_ERROR"))
    tokens = OwnTokens(lambda: NOW_S + 60)

    assert isinstance(await provider(http, tokens=tokens).send(push(), credential()), Retry)
    assert len(http.requests) == 2


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (NO_ACCOUNT, Misconfigured("account_refused")),
        (WRONG_TIME, Misconfigured("clock_wrong")),
        (Answer(401, {}, b'{"error":"deleted_client"}'), Misconfigured("account_refused")),
        (Answer(403, {}, b"<html>"), Misconfigured("account_refused")),
        (Answer(400, {}, b"[" * 3000), Misconfigured("account_refused")),
        (Answer(429, {"retry-after": "30"}, b""), Retry("token_endpoint", after_s=30.0, scope="lane")),
        (Answer(500, {}, b""), Retry("token_endpoint", scope="lane")),
        (Answer(503, {"retry-after": "7"}, b"x"), Retry("token_endpoint", after_s=7.0, scope="lane")),
        (Answer(200, {}, b""), Retry("token_endpoint", scope="lane")),
        (Answer(200, {}, b'{"access_token":"a\\r\\nb","expires_in":3599}'), Retry("token_endpoint", scope="lane")),
        (granted(expires_in=0), Retry("token_endpoint", scope="lane")),
        (granted(expires_in="soon"), Retry("token_endpoint", scope="lane")),
        ("timeout", Retry("token_endpoint", scope="lane")),
        ("unreachable", Retry("token_endpoint", scope="lane")),
        ("tls", Misconfigured("tls")),
        ("refused", Misconfigured("endpoint_refused")),
    ],
)  # fmt: skip
async def test_without_a_token_nothing_is_lost(answer: Answer | FailureKind, outcome: Any):
    """Google's token endpoint is down, or says that the account is at fault: the lane waits or stops, no push ends."""
    http = FakeHttp(answer)

    assert await provider(http).send(push(), credential()) == outcome
    assert len(http.requests) == 1


async def test_another_processs_trouble_with_the_token_holds_the_lane():
    """What the shared tokens say in place of a token is an outcome as well."""

    class Paused:
        async def get(self, name: str, make: Any, **_wishes: Any) -> Any:
            raise WireFailure("unreachable", f"{name} is paused, {make} is not called")

    assert await provider(FakeHttp(), tokens=Paused()).send(push(), credential()) == Retry(
        "token_endpoint", scope="lane"
    )


async def test_a_token_lives_as_long_as_google_says():
    """Expiry counts from the moment of asking, and what is absurdly long is not believed."""
    kept = OwnTokens(lambda: NOW_S)
    await provider(FakeHttp(granted(expires_in=1800), taken()), tokens=kept).send(push(), credential())
    (token,) = kept._kept.values()
    assert (token.made_at_s, token.expires_at_s) == (NOW_S, NOW_S + 1800)

    kept = OwnTokens(lambda: NOW_S)
    await provider(FakeHttp(granted(expires_in=10**9), taken()), tokens=kept).send(push(), credential())
    (token,) = kept._kept.values()
    assert token.expires_at_s == NOW_S + 86_400


async def test_tokens_are_shared_by_key_and_not_by_address():
    """Whoever adds an account of the same name without its key gets no token of the real one."""
    kept = OwnTokens(lambda: NOW_S)
    http = FakeHttp(granted(), taken(), granted(), taken())
    transport = provider(http, tokens=kept)
    forged = Provider.load(json.dumps(account(private_key=private_key_pem(3072))), "")

    await transport.send(push(), credential())
    await transport.send(push(), credential(forged))

    assert len(kept._kept) == 2
    assert all(name.startswith("fcm/") and PROJECT not in name for name in kept._kept)


async def test_the_grant_is_asked_for_as_google_wants_it():
    """RFC 7523: a signed assertion in a form."""
    http = FakeHttp(granted(), taken())
    await provider(http).send(push(), credential())

    form = parse_qs(http.requests[0][2].decode())

    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert len(form["assertion"][0].split(".")) == 3


async def test_a_new_key_of_the_same_credential_takes_effect():
    """The operator replaces the key: the next push uses it."""
    http = FakeHttp(granted("ya29.old"), taken(), granted("ya29.new"), taken())
    transport = provider(http)
    await transport.send(push(), credential())
    await transport.send(push(), credential(Provider.load(json.dumps(account(private_key=private_key_pem(3072))), "")))

    assert http.requests[-1][1]["authorization"] == "Bearer ya29.new"


async def test_pushes_at_the_same_time_do_not_disturb_each_other():
    """A lane has hundreds under way."""
    http = FakeHttp(granted(), taken())
    transport, key = provider(http), credential()
    await transport.send(push(), key)

    outcomes = await asyncio.gather(*(transport.send(push(), key) for _ in range(50)))

    assert all(isinstance(outcome, Accepted) for outcome in outcomes)


def test_the_pace_is_what_a_project_may_send():
    """600,000 a minute, reached within a minute."""
    assert (Provider.pace.rate_max, Provider.pace.ramp_s) == (10_000, 60)
    assert TTL_S_MAX == 2_419_200
