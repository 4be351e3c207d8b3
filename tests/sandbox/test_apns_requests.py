"""What Apple's service takes and refuses of a push: path, headers, device, payload."""

from typing import Any
from uuid import uuid4

import pytest

from gateway.sandbox import Sandbox
from sandbox.app_senders import ALERT, BUNDLE, DEVELOPMENT, AppleSender

SILENT = {"aps": {"content-available": 1}}


@pytest.fixture
def device(sandbox: Sandbox) -> str:
    (token,) = sandbox.phones.mint(1, "apns", BUNDLE)
    return token


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("apns_topic", None, "MissingTopic"),
        ("apns_topic", "", "MissingTopic"),
        ("apns_topic", "shop", "BadTopic"),
        ("apns_topic", "example.bell shop", "BadTopic"),
        ("apns_topic", "example.other.app", "DeviceTokenNotForTopic"),
        ("apns_topic", BUNDLE + ".voip", "InvalidPushType"),
        ("apns_push_type", "popup", "InvalidPushType"),
        ("apns_push_type", "voip", "InvalidPushType"),
        ("apns_push_type", "liveactivity", "InvalidPushType"),
        ("apns_id", "not-a-uuid", "BadMessageId"),
        ("apns_id", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "BadMessageId"),
        ("apns_expiration", "soon", "BadExpirationDate"),
        ("apns_expiration", "-1", "BadExpirationDate"),
        ("apns_expiration", "1.5", "BadExpirationDate"),
        ("apns_priority", "7", "BadPriority"),
        ("apns_priority", "high", "BadPriority"),
        ("apns_collapse_id", "x" * 65, "BadCollapseId"),
        ("apns_collapse_id", "", "BadCollapseId"),
    ],
)
async def test_a_bad_header_is_a_400(
    apple: AppleSender, device: str, header: str, value: str | None, reason: str
) -> None:
    """With Apple's word for it, and nothing in the ledger."""
    answer = await apple.send(await apple.line(), device, **{header: value})

    assert (answer.status, answer.reason) == (400, reason)
    assert apple.sandbox.ledger.counters["accepted"] == 0


@pytest.mark.parametrize(
    ("header", "value"),
    [("apns_collapse_id", "x" * 64), ("apns_priority", "1"), ("apns_expiration", "0"), ("apns_push_type", None)],
)
async def test_the_edge_of_what_is_right_is_taken(apple: AppleSender, device: str, header: str, value: str) -> None:
    """64 bytes of collapse id, the lowest priority, no life at all, no push type."""
    assert (await apple.send(await apple.line(), device, **{header: value})).status == 200


@pytest.mark.parametrize(
    ("push_type", "ending"),
    [
        ("voip", ".voip"),
        ("complication", ".complication"),
        ("fileprovider", ".pushkit.fileprovider"),
        ("location", ".location-query"),
        ("liveactivity", ".push-type.liveactivity"),
        ("pushtotalk", ".voip-ptt"),
        ("widgets", ".push-type.widgets"),
        ("controls", ".push-type.controls"),
        ("mdm", ""),
    ],
)
async def test_a_push_type_has_its_own_topic(apple: AppleSender, device: str, push_type: str, ending: str) -> None:
    """The bundle id with what belongs to the type behind it."""
    answer = await apple.send(await apple.line(), device, apns_push_type=push_type, apns_topic=BUNDLE + ending)
    assert answer.status == 200


async def test_a_header_twice_is_a_400(apple: AppleSender, device: str) -> None:
    """Nobody guesses which one is meant."""
    line = await apple.line()
    headers = [*apple.headers(), ("apns-topic", BUNDLE)]
    answer = await line.post(f"/3/device/{device}", headers, b'{"aps": {}}')
    assert (answer.status, answer.reason) == (400, "DuplicateHeaders")


async def test_an_id_is_given_back_or_made(apple: AppleSender, device: str) -> None:
    """Also with a refusal; in development a second one comes along."""
    own, line = str(uuid4()), await apple.line()
    assert (await apple.send(line, device, apns_id=own)).headers["apns-id"] == own
    made = await apple.send(line, device)
    assert len(made.headers["apns-id"]) == len(own)
    assert "apns-unique-id" not in made.headers
    refused = await apple.send(await apple.line(DEVELOPMENT), device, apns_id=own)
    assert (refused.headers["apns-id"], refused.reason) == (own, "BadDeviceToken")


async def test_a_push_in_the_background_is_not_urgent(apple: AppleSender, device: str) -> None:
    """Priority 10, said or by default, is refused for what shows nothing."""
    line = await apple.line()
    assert (await apple.send(line, device, SILENT)).reason == "BadPriority"
    assert (await apple.send(line, device, ALERT, apns_push_type="background")).reason == "BadPriority"
    assert (await apple.send(line, device, SILENT, apns_push_type="background", apns_priority=None)).status == 400
    assert (await apple.send(line, device, SILENT, apns_push_type="background", apns_priority="5")).status == 200


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("", "MissingDeviceToken"),
        ("xyz", "BadDeviceToken"),
        ("ab" * 32, "BadDeviceToken"),
        ("ab" * 8, "BadDeviceToken"),
    ],
    ids=["none", "no-hex", "unknown", "short"],
)
async def test_a_device_must_exist(apple: AppleSender, token: str, reason: str) -> None:
    """In hexadecimal, and known."""
    answer = await apple.send(await apple.line(), token)
    assert (answer.status, answer.reason) == (400, reason)


async def test_a_device_lives_in_one_environment(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """A token of the App Store's app is bad in development, and the other way round."""
    (test_device,) = sandbox.phones.mint(1, "apns", BUNDLE, environment="sandbox")
    assert (await apple.send(await apple.line(DEVELOPMENT), test_device)).status == 200
    assert (await apple.send(await apple.line(DEVELOPMENT), device)).reason == "BadDeviceToken"
    assert (await apple.send(await apple.line(), test_device)).reason == "BadDeviceToken"
    assert (await apple.send(await apple.line("api.development.push.apple.com"), test_device)).status == 200


async def test_a_dead_token_tells_since_when(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """410 with the time in milliseconds, so that a later registration counts more."""
    sandbox.phones.forget_token(device, "ExpiredToken", at_s=1_700_000_000.5)
    answer = await apple.send(await apple.line(), device)
    assert answer.status == 410
    assert answer.json == {"reason": "ExpiredToken", "timestamp": 1_700_000_000_500}


def of_size(size_bytes: int) -> bytes:
    """A payload of exactly so many bytes."""
    frame = b'{"aps":{"alert":""}}'
    return frame[:-3] + b"x" * (size_bytes - len(frame)) + frame[-3:]


async def test_a_payload_may_have_4096_bytes(apple: AppleSender, device: str) -> None:
    """A call 5,120; a byte more is a 413."""
    line = await apple.line()
    voip = {"apns_push_type": "voip", "apns_topic": BUNDLE + ".voip"}
    assert (await apple.send(line, device, of_size(4096))).status == 200
    assert (await apple.send(line, device, of_size(4097))).reason == "PayloadTooLarge"
    assert (await apple.send(line, device, of_size(5120), **voip)).status == 200
    assert (await apple.send(line, device, of_size(5121), **voip)).status == 413


@pytest.mark.parametrize("raw", [b"", b"hello", b"[]", b"{}", b'{"aps": "x"}', b'{"aps": {}'])
async def test_a_payload_without_aps_is_a_400(apple: AppleSender, device: str, raw: bytes) -> None:
    """Nothing, no JSON, and JSON that shows nothing."""
    assert (await apple.send(await apple.line(), device, raw)).reason == "PayloadEmpty"


async def test_only_posts_to_devices_are_taken(apple: AppleSender, device: str) -> None:
    """404 for another path, 405 for another method."""
    line = await apple.line()
    other: Any = await line.post(f"/4/device/{device}", apple.headers(), b"{}")
    get: Any = await line.answer(line.ask(f"/3/device/{device}", apple.headers(), method="GET"))
    assert (other.status, other.reason) == (404, "BadPath")
    assert (get.status, get.reason) == (405, "MethodNotAllowed")


async def test_other_names_are_misdirected(apple: AppleSender, device: str) -> None:
    """The environment is in the name."""
    line = await apple.line()
    line.authority = "push.example"
    assert (await apple.send(line, device)).status == 421
