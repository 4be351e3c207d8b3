"""Every status and reason of Apple's can be ordered: by rule, for a device, an app, or a share of all pushes."""

import pytest

from gateway.sandbox import Rule, Sandbox
from sandbox.actors import Clock
from sandbox.app_senders import BUNDLE, AppleSender

ROWS = [
    (400, "BadCollapseId BadDeviceToken BadExpirationDate BadMessageId BadPriority BadTopic DeviceTokenNotForTopic"),
    (400, "DuplicateHeaders IdleTimeout InvalidPushType MissingDeviceToken MissingTopic PayloadEmpty TopicDisallowed"),
    (403, "BadCertificate BadCertificateEnvironment ExpiredProviderToken Forbidden InvalidProviderToken"),
    (403, "MissingProviderToken UnrelatedKeyIdInToken BadEnvironmentKeyIdInToken"),
    (404, "BadPath"),
    (405, "MethodNotAllowed"),
    (410, "ExpiredToken Unregistered"),
    (413, "PayloadTooLarge"),
    (429, "TooManyProviderTokenUpdates TooManyRequests"),
    (500, "InternalServerError"),
    (503, "ServiceUnavailable Shutdown"),
]


@pytest.mark.parametrize(("status", "reason"), [(status, one) for status, row in ROWS for one in row.split()])
async def test_every_reason_comes_on_order(sandbox: Sandbox, apple: AppleSender, status: int, reason: str) -> None:
    """By its name alone."""
    (device,) = sandbox.phones.mint(1, "apns", BUNDLE)
    sandbox.order_faults(Rule(reason=reason, times=1))
    line = await apple.line()

    answer = await apple.send(line, device)

    assert (answer.status, answer.reason) == (status, reason)
    assert ("timestamp" in answer.json) == (status == 410)
    assert len(answer.headers["apns-id"]) == 36
    assert (await apple.send(line, device)).status == 200


async def test_a_410_may_be_as_old_as_one_likes(sandbox: Sandbox, apple: AppleSender, clock: Clock) -> None:
    """For devices that registered again meanwhile; now, unless told."""
    (device,) = sandbox.phones.mint(1, "apns", BUNDLE)
    line = await apple.line()
    sandbox.order_faults(Rule(reason="Unregistered", gone_at_s=1_000.25, times=1), Rule(status=410))
    assert (await apple.send(line, device)).json["timestamp"] == 1_000_250
    assert (await apple.send(line, device)).json["timestamp"] == int(clock() * 1000)


async def test_a_rule_means_a_device_or_an_app(sandbox: Sandbox, apple: AppleSender) -> None:
    """Others go on."""
    first, second = sandbox.phones.mint(2, "apns", BUNDLE)
    (third,) = sandbox.phones.mint(1, "apns", "example.other.app")
    sandbox.order_faults(
        Rule(reason="Unregistered", token_prefix=first), Rule(reason="TopicDisallowed", topic="example.other.app")
    )
    line = await apple.line()
    assert (await apple.send(line, first)).reason == "Unregistered"
    assert (await apple.send(line, second)).status == 200
    assert (await apple.send(line, third, apns_topic="example.other.app")).reason == "TopicDisallowed"


async def test_a_rule_means_an_environment(sandbox: Sandbox, apple: AppleSender) -> None:
    """By host."""
    (device,) = sandbox.phones.mint(1, "apns", BUNDLE)
    sandbox.order_faults(Rule(status=503, host="api.sandbox.push.apple.com"))
    assert (await apple.send(await apple.line(), device)).status == 200
    sandbox.order_faults(Rule(status=503, host="api.push.apple.com", retry_after_s=7))
    answer = await apple.send(await apple.line(), device)
    assert (answer.status, answer.reason, answer.headers["retry-after"]) == (503, "ServiceUnavailable", "7")


async def test_a_rule_means_a_share_of_all(sandbox: Sandbox, apple: AppleSender) -> None:
    """The same seed, the same failures; the counters agree."""
    (device,) = sandbox.phones.mint(1, "apns", BUNDLE)
    line = await apple.line()

    async def statuses() -> list[int]:
        sandbox.order_faults(Rule(reason="TooManyRequests", probability=0.3), seed=3)
        return [(await apple.send(line, device)).status for _ in range(60)]

    first = await statuses()

    assert 5 < first.count(429) < 35
    assert await statuses() == first
    assert sandbox.ledger.counters["fault_TooManyRequests"] == 2 * first.count(429)


async def test_a_refused_sender_is_refused_whatever_the_rules_say(sandbox: Sandbox, apple: AppleSender) -> None:
    """A rule does not turn a wrong key into a dead device."""
    (device,) = sandbox.phones.mint(1, "apns", BUNDLE)
    sandbox.order_faults(Rule(reason="Unregistered"))
    answer = await apple.send(await apple.line(), device, authorization="bearer x")
    assert answer.reason == "InvalidProviderToken"
