"""`steeple keys check` asks the services themselves, and nobody gets anything."""

import json
from typing import Any

import msgspec
import pytest

from gateway.model.errors import Invalid
from gateway.transports import find
from gateway.transports.base import Credential
from gateway.wire.exchange import Answer
from tests.transports.fakes import FakeHttp, made
from tests.transports.samples import SUBJECT, sample_of


def _refusal(status: int, reason: str) -> Answer:
    return Answer(status, {}, json.dumps({"reason": reason}).encode())


def _with_apps(*bundle_ids: str, environments: tuple[str, ...] = ("production",)) -> Credential:
    """A key of Apple's for these apps."""
    given = json.loads(sample_of("apns").credential.secret)
    raw = msgspec.json.encode({**given, "bundle_ids": bundle_ids, "environments": environments})
    minted = find("apns").load(raw.decode(), SUBJECT)
    return msgspec.structs.replace(sample_of("apns").credential, public=minted.public, secret=minted.secret)


@pytest.mark.parametrize("reason", ["BadDeviceToken", "DeviceTokenNotForTopic"])
async def test_a_key_that_apple_takes_is_fine(reason: str):
    """The device does not exist, and that is all that Apple has against the push."""
    http = FakeHttp(_refusal(400, reason))

    assert await made(find("apns"), http).check(_with_apps("com.shop.app")) is None
    ((_, headers, payload),) = http.requests
    assert (headers["apns-push-type"], headers["apns-expiration"], headers["apns-priority"]) == ("background", "0", "5")
    assert json.loads(payload) == {"aps": {"content-available": 1}}


@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        (403, "InvalidProviderToken", "revoked"),
        (403, "BadEnvironmentKeyIdInToken", "other environment"),
        (400, "TopicDisallowed", "bundle id"),
        (403, "SomethingNew", "forbidden"),
        (503, "ServiceUnavailable", "again later"),
    ],
)
async def test_what_apple_has_against_a_key_is_said(status: int, reason: str, word: str):
    """In a sentence that says what to do, with the app and the environment that it is about."""
    problem = await made(find("apns"), FakeHttp(_refusal(status, reason))).check(_with_apps("com.shop.app"))

    assert problem is not None
    assert "com.shop.app (production)" in problem
    assert word in problem


async def test_each_app_of_a_key_is_tried_where_it_runs():
    """One bundle id may be wrong while the others are fine; the same fault is told once."""
    http = FakeHttp(_refusal(400, "BadDeviceToken"), _refusal(400, "TopicDisallowed"))

    problem = await made(find("apns"), http).check(_with_apps("a.b", "c.d", environments=("production", "sandbox")))

    tried = [(target.host, headers["apns-topic"]) for target, headers, _ in http.requests]
    assert tried == [(host, topic) for topic in ("a.b", "c.d") for host in find("apns").hosts]
    assert problem is not None
    assert problem.startswith("a.b (sandbox), c.d (production), c.d (sandbox): Apple does not let")


async def test_a_hundred_apps_do_not_make_a_hundred_pushes():
    """A trial is a few requests, whatever the key covers."""
    http = FakeHttp(_refusal(400, "BadDeviceToken"))

    await made(find("apns"), http).check(_with_apps(*(f"com.shop.app{n}" for n in range(100))))

    assert len(http.requests) == 20


async def test_google_judges_a_message_to_nobody():
    """It is checked and not sent, and names no device."""
    http = FakeHttp(Answer(200, {}, b'{"name": "projects/p/messages/fake_message_id"}'))

    assert await made(find("fcm"), http).check(sample_of("fcm").credential) is None
    ((_, _, body),) = http.requests
    asked = json.loads(body)
    assert asked["validate_only"] is True
    assert "token" not in asked["message"]


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [(403, "PERMISSION_DENIED", "role"), (404, "NOT_FOUND", "project"), (429, "RESOURCE_EXHAUSTED", "again later")],
)
async def test_what_google_has_against_an_account_is_said(status: int, code: str, word: str):
    """An access token alone would not have told: the account exists."""
    said: dict[str, Any] = {"error": {"code": status, "status": code, "message": "no"}}
    http = FakeHttp(Answer(status, {}, json.dumps(said).encode()))

    problem = await made(find("fcm"), http).check(sample_of("fcm").credential)

    assert problem is not None
    assert word in problem


@pytest.mark.parametrize("provider", ["webpush", "stub"])
async def test_who_cannot_be_asked_is_not_asked(provider: str):
    """A browser's push service judges a signature only with a push to a browser."""
    http = FakeHttp()

    assert await made(find(provider), http).check(sample_of(provider).credential) is None
    assert http.requests == []


@pytest.mark.parametrize(
    ("device", "param"),
    [({"bundle_id": "com.other.app"}, "bundle_id"), ({"environment": "sandbox"}, "environment")],
)
def test_a_key_reaches_the_apps_that_it_names(device: dict[str, str], param: str):
    """A device of another app is told which apps there are, before anything is sent to it."""
    transport = made(find("apns"))
    address = transport.address({"token": "ab" * 32, "bundle_id": "com.shop.app", **device})

    with pytest.raises(Invalid) as refused:
        transport.check_reach(address.wire, _with_apps("com.shop.app").public)

    assert refused.value.param == param


def test_a_certificate_for_calls_reaches_the_app_that_rings():
    """Its topic is com.shop.app.voip; the app registers as com.shop.app."""
    transport = made(find("apns"))
    wire = transport.address({"token": "ab" * 32, "bundle_id": "com.shop.app"}).wire
    public = {"bundle_ids": ["com.shop.app.voip"], "environments": ["production"]}

    transport.check_reach(wire, public)
    with pytest.raises(Invalid):
        transport.check_reach(wire, {**public, "bundle_ids": ["com.shop.app.beta"]})
