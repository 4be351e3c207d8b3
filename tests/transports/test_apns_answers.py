"""From what Apple answers to what becomes of the push: every reason that Apple documents, and those it does not."""

from typing import Any

import msgspec
import pytest

from gateway.model.delivery import Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.transports.apns.answers import outcome_of, refusal_in
from gateway.wire.exchange import Answer
from tests.transports.fakes import NOW_S

EVERY: list[tuple[int, str, Outcome]] = [
    (400, "BadCollapseId", Rejected("BadCollapseId", alarm=True)),
    (400, "BadExpirationDate", Rejected("BadExpirationDate", alarm=True)),
    (400, "BadMessageId", Rejected("BadMessageId", alarm=True)),
    (400, "BadPriority", Rejected("BadPriority", alarm=True)),
    (400, "InvalidPushType", Rejected("InvalidPushType", alarm=True)),
    (400, "DuplicateHeaders", Rejected("DuplicateHeaders", alarm=True)),
    (400, "PayloadEmpty", Rejected("PayloadEmpty", alarm=True)),
    (400, "MissingDeviceToken", Rejected("MissingDeviceToken", alarm=True)),
    (400, "BadDeviceToken", Suspect("BadDeviceToken")),
    (400, "DeviceTokenNotForTopic", Suspect("DeviceTokenNotForTopic")),
    (400, "BadTopic", Misconfigured("BadTopic")),
    (400, "MissingTopic", Misconfigured("MissingTopic")),
    (400, "TopicDisallowed", Misconfigured("TopicDisallowed")),
    (400, "IdleTimeout", Retry("IdleTimeout")),
    (403, "ExpiredProviderToken", Misconfigured("ExpiredProviderToken")),
    (403, "InvalidProviderToken", Misconfigured("InvalidProviderToken")),
    (403, "MissingProviderToken", Misconfigured("MissingProviderToken")),
    (403, "BadCertificate", Misconfigured("BadCertificate")),
    (403, "BadCertificateEnvironment", Misconfigured("BadCertificateEnvironment")),
    (403, "Forbidden", Misconfigured("Forbidden")),
    (403, "UnrelatedKeyIdInToken", Misconfigured("UnrelatedKeyIdInToken")),
    (403, "BadEnvironmentKeyIdInToken", Misconfigured("BadEnvironmentKeyIdInToken")),
    (404, "BadPath", Rejected("BadPath", alarm=True)),
    (405, "MethodNotAllowed", Rejected("MethodNotAllowed", alarm=True)),
    (410, "Unregistered", Gone("unregistered")),
    (410, "ExpiredToken", Gone("unregistered")),
    (413, "PayloadTooLarge", Rejected("too_large")),
    (429, "TooManyProviderTokenUpdates", Retry("TooManyProviderTokenUpdates", after_s=60.0, scope="lane")),
    (429, "TooManyRequests", Retry("throttled", after_s=60.0)),
    (500, "InternalServerError", Retry("server_error")),
    (503, "ServiceUnavailable", Retry("unavailable")),
    (503, "Shutdown", Retry("unavailable")),
]
"""Apple's table, row by row."""


def outcome(status: int, body: Any = b"", **headers: str) -> Outcome:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)
    return outcome_of(answer, refusal_in(answer), now_s=NOW_S)


@pytest.mark.parametrize(("status", "reason", "wanted"), EVERY)
def test_every_reason_that_apple_documents(status: int, reason: str, wanted: Outcome):
    """The push, the device, the credential or the connection: each has its own consequence."""
    assert outcome(status, {"reason": reason}) == wanted


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (400, Rejected("unknown_answer", alarm=True)),
        (402, Rejected("unknown_answer", alarm=True)),
        (403, Misconfigured("forbidden")),
        (404, Rejected("unknown_answer", alarm=True)),
        (408, Rejected("unknown_answer", alarm=True)),
        (410, Gone("unregistered")),
        (413, Rejected("too_large")),
        (418, Rejected("unknown_answer", alarm=True)),
        (421, Rejected("unknown_answer", alarm=True)),
        (429, Retry("throttled", after_s=60.0)),
        (500, Retry("server_error")),
        (502, Retry("server_error")),
        (599, Retry("server_error")),
        (503, Retry("unavailable")),
        (307, Rejected("unknown_answer", alarm=True)),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", {"reason": "NewlyInvented"}, {"reason": 5}, {"reason": [1]}, [1], b'{"reason": "\xff"}']
)
def test_a_reason_that_nobody_knows_yet(status: int, body: Any, wanted: Outcome):
    """The status still tells the class; what may be our credential loses nothing, what is a mistake is told."""
    assert outcome(status, body) == wanted


@pytest.mark.parametrize(
    ("timestamp", "at_s"),
    [
        (1_799_999_999_500, 1_799_999_999.5),
        (1_799_999_999_500.0, 1_799_999_999.5),
        (None, None),
        ("soon", None),
        (True, None),
        (0, None),
        (-5, None),
        (10**18, None),
        ({}, None),
    ],
)
def test_since_when_a_device_is_gone(timestamp: Any, at_s: float | None):
    """A device that registered again later stays: milliseconds become seconds, nonsense becomes nothing."""
    assert outcome(410, {"reason": "Unregistered", "timestamp": timestamp}) == Gone("unregistered", at_s)


def test_a_device_without_a_timestamp():
    """Older answers have none."""
    assert outcome(410, {"reason": "Unregistered"}) == Gone("unregistered", None)


@pytest.mark.parametrize(("said", "after_s"), [("5", 60.0), ("300", 300.0), ("soon", 60.0)])
def test_one_device_that_got_too_many_waits_a_minute_at_least(said: str, after_s: float):
    """Others go on."""
    assert outcome(429, {"reason": "TooManyRequests"}, retry_after=said) == Retry("throttled", after_s=after_s)


def test_a_service_that_says_how_long_it_is_away_is_believed():
    """For everybody on the lane."""
    assert outcome(503, {"reason": "ServiceUnavailable"}, retry_after="30") == Retry(
        "unavailable", after_s=30.0, scope="lane"
    )
    assert outcome(500, b"", retry_after="9") == Retry("server_error", after_s=9.0)
