"""The table from answer to outcome, row by row, for each push service.

Sources: RFC 8030; autopush-rs, docs (errors, HTTP); Firebase, Web Push; Apple, "Sending web push notifications in web
apps and browsers"; Microsoft, WNS request and response headers.
"""

import json
import random

import pytest

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Rejected, Retry, Suspect
from gateway.transports.webpush.answers import outcome_of
from gateway.wire.exchange import Answer
from gateway.wire.retry_after import http_date
from tests.transports.fakes import NOW_S

MOZILLA = "updates.push.services.mozilla.com"
GOOGLE = "fcm.googleapis.com"
APPLE = "web.push.apple.com"
WINDOWS = "wns2-par02p.notify.windows.com"
OTHER = "push.operator.example"
EVERY = (MOZILLA, GOOGLE, APPLE, WINDOWS, OTHER)


def outcome(host: str, status: int, body: str = "", **headers: str) -> Outcome:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return outcome_of(host, Answer(status, named, body.encode()), now_s=NOW_S, dice=random.Random(1))


def errno(number: int) -> str:
    """What autopush says of an error."""
    return json.dumps({"code": 400, "errno": number, "error": "Bad Request", "more_info": "x", "message": "y"})


@pytest.mark.parametrize(
    ("host", "status", "headers", "wanted"),
    [
        (MOZILLA, 201, {"location": "https://push/m/1"}, Accepted(None)),
        (GOOGLE, 201, {}, Accepted(None)),
        (APPLE, 201, {"apns_id": "C0FFEE"}, Accepted(None)),
        (OTHER, 202, {}, Accepted(None)),
        (OTHER, 201, {"x_wns_status": "dropped"}, Accepted(None)),
        (WINDOWS, 201, {"x_wns_status": "received"}, Accepted(None)),
        (WINDOWS, 200, {"x_wns_notificationstatus": "Received"}, Accepted(None)),
        (WINDOWS, 200, {"x_wns_status": "dropped"}, Retry("throttled", after_s=60.0)),
        (WINDOWS, 201, {"x_wns_notificationstatus": "channelthrottled"}, Retry("throttled", after_s=60.0)),
    ],
)
def test_what_was_taken(host: str, status: int, headers: dict[str, str], wanted: Outcome):
    """A success is one only where Windows' own header says so as well."""
    assert outcome(host, status, **headers) == wanted


@pytest.mark.parametrize("host", EVERY)
@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_ended(host: str, status: int):
    """The RFC says 404, in practice it is 410: both close the device."""
    assert outcome(host, status, "NotRegistered") == Gone("unsubscribed")
    assert outcome(MOZILLA, status, errno(106)) == Gone("unsubscribed")


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_blocked_sender_is_not_a_dead_device(where: str):
    """Windows says 410 to a domain that it blocked: closing devices on it would close all of them."""
    found = (
        outcome(WINDOWS, 410, x_wns_error_description="The Domain Blocked this sender")
        if where == "header"
        else outcome(WINDOWS, 410, "domain blocked")
    )
    assert found == Misconfigured("blocked")


@pytest.mark.parametrize("host", EVERY)
def test_too_large(host: str):
    """This push never; the device stays."""
    assert outcome(host, 413) == Rejected("too_large")


@pytest.mark.parametrize(
    ("host", "status", "body", "wanted"),
    [
        (GOOGLE, 401, "", Suspect("vapid_refused")),
        (GOOGLE, 403, "the key in the authorization header does not correspond", Suspect("vapid_refused")),
        (GOOGLE, 403, "VAPID credentials do not correspond", Suspect("vapid_refused")),
        (GOOGLE, 400, "UnauthorizedRegistration", Suspect("registration_refused")),
        (GOOGLE, 400, "InvalidTokenFormat", Suspect("registration_refused")),
        (MOZILLA, 401, errno(109), Suspect("vapid_refused")),
        (APPLE, 400, '{"reason":"VapidPkHashMismatch"}', Suspect("vapid_refused")),
        (APPLE, 403, '{"reason":"VapidPkHashMismatch"}', Suspect("vapid_refused")),
        (APPLE, 410, '{"reason":"VapidPkHashMismatch"}', Suspect("vapid_refused")),
        (APPLE, 403, '{"reason":"BadJwtToken"}', Misconfigured("vapid_refused")),
        (APPLE, 400, '{"reason":"BadJwtToken"}', Misconfigured("vapid_refused")),
        (WINDOWS, 401, "", Suspect("vapid_refused")),
        (WINDOWS, 403, "", Suspect("vapid_refused")),
    ],
)
def test_a_refusal_that_may_be_our_key(host: str, status: int, body: str, wanted: Outcome):
    """Such an answer never closes a device by itself."""
    assert outcome(host, status, body) == wanted


@pytest.mark.parametrize(
    ("host", "body", "wanted"),
    [
        (MOZILLA, errno(101), Suspect("device_keys_refused")),
        (MOZILLA, errno(110), Suspect("device_keys_refused")),
        (MOZILLA, errno(108), Gone("router_type")),
        (MOZILLA, errno(111), Rejected("request_refused", alarm=True)),
        (MOZILLA, errno(113), Rejected("request_refused", alarm=True)),
        (MOZILLA, "not json", Rejected("request_refused", alarm=True)),
        (APPLE, '{"reason":"BadTtl"}', Rejected("request_refused", alarm=True)),
        (APPLE, '{"reason":"BadUrgency"}', Rejected("request_refused", alarm=True)),
        (APPLE, '{"reason":"BadWebPushTopic"}', Rejected("request_refused", alarm=True)),
        (APPLE, '{"reason":"BadWebPushRequest"}', Rejected("request_refused", alarm=True)),
        (WINDOWS, "", Rejected("request_refused", alarm=True)),
        (OTHER, errno(108), Rejected("request_refused", alarm=True)),
    ],
)
def test_a_bad_request(host: str, body: str, wanted: Outcome):
    """Mostly a fault of ours, and then an alarm; at Mozilla sometimes the device's keys."""
    assert outcome(host, 400, body) == wanted


@pytest.mark.parametrize("host", [MOZILLA, GOOGLE, WINDOWS, OTHER])
@pytest.mark.parametrize("status", [429, 406])
def test_a_service_that_wants_less(host: str, status: int):
    """It concerns everybody on the lane, for as long as the service says."""
    assert outcome(host, status) == Retry("throttled", after_s=None, scope="lane")
    assert outcome(host, status, retry_after="120") == Retry("throttled", after_s=120.0, scope="lane")


def test_apples_429_is_about_one_device():
    """It says "too many to one device": others go on, and this one waits a minute at least."""
    assert outcome(APPLE, 429) == Retry("throttled", after_s=60.0)
    assert outcome(APPLE, 429, retry_after="5") == Retry("throttled", after_s=60.0)
    assert outcome(APPLE, 429, retry_after="300") == Retry("throttled", after_s=300.0)


@pytest.mark.parametrize("host", EVERY)
def test_a_service_that_is_down(host: str):
    """Tried again; with Retry-After the whole lane waits so long."""
    assert outcome(host, 503) == Retry("unavailable", after_s=None)
    assert outcome(host, 503, retry_after="120") == Retry("unavailable", after_s=120.0, scope="lane")
    for status in (500, 502, 504, 599):
        assert outcome(host, status) == Retry("server_error", after_s=None)
    assert outcome(host, 500, retry_after="9") == Retry("server_error", after_s=9.0)


def test_mozilla_says_whether_to_come_back_at_once():
    """Its own numbers: after a while with everybody else, or soon and each at another moment."""
    backing_off, at_once = ({"code": 503, "errno": number} for number in (201, 202))

    assert outcome(MOZILLA, 503, json.dumps(backing_off)) == Retry("unavailable", after_s=120.0, scope="lane")
    assert outcome(OTHER, 503, json.dumps(backing_off)) == Retry("unavailable")
    dice = random.Random(1)
    answer = Answer(503, {}, json.dumps(at_once).encode())
    found = [outcome_of(MOZILLA, answer, now_s=NOW_S, dice=dice) for _ in range(50)]
    waits_s = [one.after_s for one in found if isinstance(one, Retry) and one.scope == "push" and one.after_s]
    assert len(set(waits_s)) == 50
    assert 1.0 <= min(waits_s) < 2.0
    assert 4.0 < max(waits_s) <= 5.0


@pytest.mark.parametrize(
    ("text", "after_s"),
    [
        ("0", 0.0),
        ("-5", 0.0),
        ("120", 120.0),
        (" 120 ", 120.0),
        ("86400", 3600.0),
        ("9" * 400, 3600.0),
        (http_date(NOW_S + 90), 90.0),
        (http_date(NOW_S - 90), 0.0),
        (http_date(NOW_S + 90_000), 3600.0),
        ("soon", None),
        ("1.5", None),
        ("", None),
        ("Thu, 99 Foo 2026", None),
    ],
)
def test_retry_after_in_all_its_forms(text: str, after_s: float | None):
    """Seconds or a date, no further than an hour, and nonsense is as good as nothing."""
    found = outcome(GOOGLE, 429, retry_after=text)

    assert isinstance(found, Retry)
    assert found.after_s == after_s


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 399])
def test_a_redirect_is_never_followed(status: int):
    """It would carry the body and our signature elsewhere."""
    assert outcome(GOOGLE, status, location="https://evil.example/") == Rejected("redirect", alarm=True)


@pytest.mark.parametrize("status", [402, 405, 408, 409, 412, 415, 418, 426, 431, 451, 499])
def test_an_unknown_refusal_is_told_and_not_repeated(status: int):
    """Nobody is asked the same wrong thing eight times."""
    assert outcome(OTHER, status) == Rejected("unknown_answer", alarm=True)
