"""Every row of the push services' tables, over TLS from a service that says so: what the gateway makes of each answer.

The sandbox answers under the real names of the services; where no rule says otherwise it judges by itself, as strictly
as the RFCs permit.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
import pytest

from gateway.model.delivery import Accepted, Gone, Misconfigured, Outcome, Push, Rejected, Retry, Suspect
from gateway.sandbox import Rule, Sandbox
from gateway.transports.webpush import Provider
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from gateway.wire.retry_after import http_date
from tests.transports.fakes import wire_on
from tests.transports.samples import minted

MOZILLA: Final = "updates.push.services.mozilla.com"
GOOGLE: Final = "fcm.googleapis.com"
APPLE: Final = "web.push.apple.com"
WINDOWS: Final = "wns2-am3p.notify.windows.com"
ANY: Final = "an RFC 8030 service"
ALARM: Final = Rejected("request_refused", alarm=True)
UNKNOWN: Final = Rejected("unknown_answer", alarm=True)
REFUSED: Final = Suspect("vapid_refused")
DOWN: Final = Retry("server_error")
ENDED: Final = Gone("unsubscribed")


class Row(msgspec.Struct, frozen=True):
    """A service, what it says, and what that means."""

    words: str
    service: str
    status: int
    outcome: Outcome
    body: str = ""
    headers: dict[str, str] = {}


def autopush(status: int, errno: int) -> str:
    return json.dumps({"code": status, "errno": errno, "error": "x", "message": "y", "more_info": "z"})


def mozilla(words: str, status: int, errno: int, outcome: Outcome, **headers: str) -> Row:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Row(f"Mozilla {status}/{errno}: {words}", MOZILLA, status, outcome, autopush(status, errno), named)


def google(words: str, status: int, outcome: Outcome, body: str = "", **headers: str) -> Row:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Row(f"Google {status}: {words}", GOOGLE, status, outcome, body, named)


def apple(reason: str, status: int, outcome: Outcome) -> Row:
    body = json.dumps({"reason": reason}) if reason else ""
    return Row(f"Apple {status} {reason}".strip(), APPLE, status, outcome, body)


def windows(words: str, status: int, outcome: Outcome, body: str = "", **headers: str) -> Row:
    named = {"X-" + name.replace("_", "-"): value for name, value in headers.items()}
    if "X-Retry-After" in named:
        named["Retry-After"] = named.pop("X-Retry-After")
    return Row(f"Windows {status}: {words}", WINDOWS, status, outcome, body, named)


def plain(words: str, status: int, outcome: Outcome, **headers: str) -> Row:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Row(f"RFC 8030 {status}: {words}", ANY, status, outcome, headers=named)


ROWS: Final = [
    plain("created", 201, Accepted(), Location="https://push.example/m/1"),
    plain("created, kept for less than asked", 201, Accepted(), TTL="60"),
    plain("accepted", 202, Accepted()),
    plain("bad header of ours", 400, ALARM),
    plain("no such subscription", 404, ENDED),
    plain("subscription expired", 410, ENDED),
    plain("larger than it takes", 413, Rejected("too_large")),
    plain("too many, no time named", 429, Retry("throttled", scope="lane")),
    plain("too many, seconds named", 429, Retry("throttled", 30.0, "lane"), Retry_After="30"),
    plain("too many, beyond an hour", 429, Retry("throttled", 3600.0, "lane"), Retry_After="86400"),
    plain("too many, a time long past", 429, Retry("throttled", 0.0, "lane"), Retry_After=http_date(1_000_000_000)),
    plain("too many, nonsense", 429, Retry("throttled", scope="lane"), Retry_After="soon"),
    plain("redirect for good", 301, Rejected("redirect", alarm=True)),
    plain("redirect that keeps the method", 307, Rejected("redirect", alarm=True)),
    plain("method not allowed", 405, UNKNOWN),
    plain("a refusal that nobody knows", 418, UNKNOWN),
    plain("a fault that nobody knows", 599, DOWN),
    Row("Mozilla 201: stored or handed on", MOZILLA, 201, Accepted()),
    mozilla("missing crypto keys", 400, 101, Suspect("device_keys_refused")),
    mozilla("bad crypto keys", 400, 110, Suspect("device_keys_refused")),
    mozilla("router type", 400, 108, Gone("router_type")),
    mozilla("TTL missing", 400, 111, ALARM),
    mozilla("TTL bad", 400, 112, ALARM),
    mozilla("Topic bad", 400, 113, ALARM),
    mozilla("TTL negative", 400, 114, ALARM),
    mozilla("VAPID wrong", 401, 109, REFUSED),
    mozilla("bad endpoint", 404, 102, ENDED),
    mozilla("gone: expired", 410, 103, ENDED, Cache_Control="max-age=86400"),
    mozilla("gone: router", 410, 105, ENDED),
    mozilla("gone: unsubscribed", 410, 106, ENDED),
    mozilla("too large", 413, 104, Rejected("too_large")),
    mozilla("unknown", 500, 999, DOWN),
    *(mozilla("bridge", 502, errno, DOWN) for errno in (900, 901, 902, 903)),
    mozilla("back off", 503, 201, Retry("unavailable", 120.0, "lane"), Retry_After="120"),
    mozilla("back off, no time named", 503, 201, Retry("unavailable", 120.0, "lane")),
    google("taken", 201, Accepted()),
    google("no or wrong VAPID", 400, Suspect("registration_refused"), "UnauthorizedRegistration"),
    google("no subscription of its", 400, Suspect("registration_refused"), "InvalidTokenFormat"),
    google("signature missing, ended or bad", 401, REFUSED),
    google("made with another key", 403, REFUSED, "the VAPID credentials do not correspond to those used"),
    google("gone", 404, ENDED),
    google("gone", 410, ENDED, "NotRegistered"),
    google("too large", 413, Rejected("too_large")),
    google("throttled, also sites that visitors find disruptive", 429, Retry("throttled", scope="lane")),
    google("throttled, time named", 429, Retry("throttled", 7.0, "lane"), Retry_After="7"),
    *(google("fault", status, DOWN) for status in (500, 502, 504)),
    google("unavailable", 503, Retry("unavailable")),
    google("unavailable, time named", 503, Retry("unavailable", 9.0, "lane"), Retry_After="9"),
    Row("Apple 201 with apns-id", APPLE, 201, Accepted(), headers={"apns-id": "5F0C"}),
    *(apple(reason, 400, ALARM) for reason in ("BadTtl", "BadUrgency", "BadWebPushTopic", "BadWebPushRequest")),
    *(apple("VapidPkHashMismatch", status, REFUSED) for status in (400, 403, 410)),
    apple("BadJwtToken", 403, Misconfigured("vapid_refused")),
    apple("", 404, ENDED),
    apple("Unregistered", 410, ENDED),
    apple("PayloadTooLarge", 413, Rejected("too_large")),
    apple("TooManyRequests", 429, Retry("throttled", 60.0)),
    apple("InternalServerError", 500, DOWN),
    apple("ServiceUnavailable", 503, Retry("unavailable")),
    windows("received", 201, Accepted(), WNS_Status="received"),
    windows("received, by its other name", 200, Accepted(), WNS_NotificationStatus="received"),
    windows("dropped", 201, Retry("throttled", 60.0), WNS_Status="dropped"),
    windows("channel throttled", 201, Retry("throttled", 60.0), WNS_NotificationStatus="channelthrottled"),
    windows("headers conflict", 400, ALARM, WNS_Error_Description="Ttl value conflicts with X-WNS-Cache-Policy."),
    windows("not authenticated", 401, REFUSED),
    windows("not for this channel", 403, REFUSED),
    windows("no such channel", 404, ENDED),
    windows("method", 405, UNKNOWN),
    windows("throttled", 406, Retry("throttled", scope="lane")),
    windows("throttled, time named", 406, Retry("throttled", 15.0, "lane"), Retry_After="15"),
    windows("channel expired", 410, ENDED),
    windows("domain blocked", 410, Misconfigured("blocked"), WNS_Error_Description="Domain Blocked"),
    windows("too large", 413, Rejected("too_large")),
    windows("fault", 500, DOWN),
    windows("unavailable", 503, Retry("unavailable")),
]


class Bench:
    """The real provider on the real client, and the services beside it."""

    def __init__(self, sandbox: Sandbox, http: HttpClient, policy: EgressPolicy) -> None:
        self.sandbox = sandbox
        self.credential = minted("webpush")
        self.ahead_s = 0.0
        """What our clock is ahead of the services'."""
        self.provider = Provider(wire_on(http, policy, lambda: time.time() + self.ahead_s))

    def device(self, service: str, *, key: str | None = None) -> dict[str, Any]:
        """A new subscription at this service, made with our key or another one."""
        base = self.sandbox.webpush_url if service == ANY else f"https://{service}/wpush/v2/"
        (line,) = self.sandbox.devices.mint(
            1, key or self.credential.public["vapid_public_key"], base_url=base, receiver_keys=1
        )
        said = msgspec.to_builtins(line)
        return {"endpoint": said["endpoint"], "keys": said["keys"]}

    async def send(self, device: dict[str, Any], **changed: Any) -> Outcome:
        """One push to it."""
        push = Push(1, 1, self.provider.address(device).wire, b'{"title":"x"}', 3600, "normal", "order-7")
        return await self.provider.send(msgspec.structs.replace(push, **changed), self.credential)

    def struck(self, status: int) -> int:
        """How often a service has said so since the module began."""
        return self.sandbox.ledger.counters[f"fault_{status}"]


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[tuple[Sandbox, HttpClient, EgressPolicy]]:
    async with Sandbox() as sandbox:
        egress = sandbox.egress_settings()
        policy = EgressPolicy.of(
            defaults=Provider.hosts,
            allow=egress["STEEPLE_EGRESS_ALLOW"].split(","),
            resolve=egress["STEEPLE_EGRESS_RESOLVE"].split(","),
            sandbox=True,
            ca_file=sandbox.ca_path,
        )
        async with HttpClient(policy, connections_max=16, deadline_s=2.0) as http:
            yield sandbox, http, policy


@pytest.fixture
def bench(running: tuple[Sandbox, HttpClient, EgressPolicy]) -> Bench:
    running[0].order_faults()
    return Bench(*running)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.words)
async def test_an_answer_means(row: Row, bench: Bench):
    """What the service says over the wire, and what becomes of the push, the device, the key and the lane."""
    bench.sandbox.order_faults(Rule(status=row.status, body=row.body, headers=row.headers))

    assert await bench.send(bench.device(row.service)) == row.outcome


def test_no_row_is_told_twice():
    """Each has words of its own; a service's every row stands here."""
    words = [row.words for row in ROWS]

    assert {row.service for row in ROWS} == {ANY, MOZILLA, GOOGLE, APPLE, WINDOWS}
    assert len({(row.service, row.status, row.body, *row.headers.items()) for row in ROWS}) == len(words)


async def test_mozilla_503_202_may_be_tried_again_at_once(bench: Bench):
    """After 1 to 5 seconds, each push at another moment."""
    bench.sandbox.order_faults(Rule(status=503, body=autopush(503, 202)))
    device = bench.device(MOZILLA)

    waits_s = {outcome.after_s async for outcome in _many(bench, device, 5) if isinstance(outcome, Retry)}

    assert len(waits_s) == 5
    assert all(after_s is not None and 1 <= after_s <= 5 for after_s in waits_s)


async def _many(bench: Bench, device: dict[str, Any], n: int) -> AsyncIterator[Outcome]:
    for _ in range(n):
        yield await bench.send(device)


@pytest.mark.parametrize("service", [ANY, MOZILLA, GOOGLE, APPLE, WINDOWS])
async def test_a_strict_service_takes_our_pushes(service: str, bench: Bench):
    """Without any rule: headers, signature and body are what RFC 8030, 8291 and 8292 ask for."""
    device = bench.device(service)

    for ttl_s, urgency, topic in [(0, "high", None), (60, "very-low", "a"), (2_419_200, "low", "x" * 64)]:
        assert await bench.send(device, ttl_s=ttl_s, urgency=urgency, topic=topic) == Accepted()


async def test_the_largest_payload_is_taken(bench: Bench):
    """3,993 bytes, which make 4,096 on the wire."""
    assert await bench.send(bench.device(MOZILLA), payload=b"x" * 3993) == Accepted()


async def test_a_subscription_of_another_key_is_suspect(bench: Bench):
    """403 from the service's own judgement: the key with which we signed is the one that we have for this device."""
    stranger = minted("webpush").public["vapid_public_key"]

    assert await bench.send(bench.device(GOOGLE, key=stranger)) == REFUSED


async def test_a_retired_subscription_is_gone(bench: Bench):
    """410 by itself."""
    device = bench.device(MOZILLA)
    bench.sandbox.mailbox.retire(device["endpoint"].rpartition("/")[2])

    assert await bench.send(device) == ENDED


async def test_a_subscription_that_never_was_is_gone(bench: Bench):
    """404 by itself."""
    device = bench.device(MOZILLA)

    assert await bench.send({**device, "endpoint": device["endpoint"][:-3] + "abc"}) == ENDED


@pytest.mark.parametrize("age_s", [0, 59])
async def test_google_401_on_a_new_signature_is_believed(age_s: int, bench: Bench):
    """The key is at fault then, and nobody is asked twice."""
    device = bench.device(GOOGLE)
    await bench.send(device)
    bench.ahead_s = age_s
    bench.sandbox.order_faults(Rule(status=401, host=GOOGLE))
    before = bench.struck(401)

    assert await bench.send(device) == REFUSED
    assert bench.struck(401) - before == 1


@pytest.mark.parametrize(("times", "outcome"), [(1, Accepted()), (None, REFUSED)], ids=["once", "for ever"])
async def test_google_401_on_an_older_signature_is_tried_with_a_new_one(
    times: int | None, outcome: Outcome, bench: Bench
):
    """At once, and one time."""
    device = bench.device(GOOGLE)
    await bench.send(device)
    bench.ahead_s = 60
    bench.sandbox.order_faults(Rule(status=401, host=GOOGLE, times=times))
    before = bench.struck(401)

    assert await bench.send(device) == outcome
    assert bench.struck(401) - before == (times or 2)


async def test_apple_bad_topic_is_tried_once_without(bench: Bench):
    """The push is taken; the second request carries no Topic."""
    bench.sandbox.order_faults(Rule(status=400, body='{"reason":"BadWebPushTopic"}', host=APPLE, times=1))
    before = bench.struck(400)

    assert await bench.send(bench.device(APPLE)) == Accepted()
    assert bench.struck(400) - before == 1


@pytest.mark.parametrize("kind", ["reset", "hang"])
async def test_an_answer_that_does_not_come_may_mean_a_copy(kind: Any, bench: Bench):
    """The line is cut, or nothing comes before the deadline: perhaps the service took it."""
    bench.sandbox.order_faults(Rule(kind=kind, host=MOZILLA))

    outcome = await bench.send(bench.device(MOZILLA))

    assert isinstance(outcome, Retry)
    assert outcome.unknown
