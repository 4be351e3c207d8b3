"""Every answer that a push service may give, through the whole gateway: what becomes of the recipient and its device.

One row for each row of the status table in docs/reference; the services differ, so the host is part of a row.
"""

from typing import Any

import msgspec
import pytest

from gateway.sandbox import Rule
from tests.journeys.world import Device, Shop, World

ANY = ""
MOZILLA = "updates.push.services.mozilla.com"
APPLE = "web.push.apple.com"
GOOGLE = "fcm.googleapis.com"
WINDOWS = "wns2-am3p.notify.windows.com"


class Case(msgspec.Struct, frozen=True):
    """An answer, and the end it leads to (state, reason), or how many seconds pass before the next try."""

    host: str
    status: int
    end: tuple[str, str | None] | None = None
    headers: dict[str, str] = {}
    body: str = ""
    again_s: tuple[float, float] = (0, 0)
    is_kept: bool = True
    is_suspect: bool = False

    def __str__(self) -> str:
        name = self.host.split(".")[-2] if self.host else "any"
        words = [name, str(self.status), *self.headers.values(), self.body[:40]]
        return " ".join(word for word in words if word).replace("/", "_")


SENT = ("sent", None)
GONE = ("gone", None)
REJECTED = ("failed", "rejected")
TOO_LARGE = ("failed", "too_large")
SHORT = (0.4, 7.0)
"""Half of a second to a second, rounded up to a step of waiting that others share."""
MINUTE = (28.0, 151.0)
"""A minute of our own choosing, when a service says "slow down" without saying how long."""

ENDS = [
    *(Case(ANY, status, SENT) for status in (200, 201, 202, 204)),
    Case(ANY, 404, GONE, is_kept=False),
    Case(ANY, 410, GONE, is_kept=False),
    Case(APPLE, 410, GONE, body='{"reason":"Unregistered"}', is_kept=False),
    Case(MOZILLA, 410, GONE, body='{"code":410,"errno":106}', is_kept=False),
    Case(WINDOWS, 410, GONE, headers={"X-WNS-Error-Description": "Channel expired"}, is_kept=False),
    Case(ANY, 413, TOO_LARGE),
    *(Case(ANY, status, REJECTED) for status in (301, 302, 303, 307, 308)),
    *(Case(ANY, status, REJECTED) for status in (400, 402, 405, 409, 415, 418, 422)),
    Case(MOZILLA, 400, GONE, body='{"code":400,"errno":108}', is_kept=False),
    Case(MOZILLA, 400, REJECTED, body='{"code":400,"errno":113}'),
    Case(MOZILLA, 400, REJECTED, body="[1, 2"),
    Case(MOZILLA, 400, REJECTED, body="[]"),
    Case(GOOGLE, 400, REJECTED, body='{"errno":108}'),
    *(
        Case(APPLE, 400, REJECTED, body=f'{{"reason":"{word}"}}')
        for word in ("BadTtl", "BadUrgency", "BadWebPushRequest")
    ),
    Case(APPLE, 400, SENT, body='{"reason":"BadWebPushTopic"}'),
    Case(WINDOWS, 201, SENT, headers={"X-WNS-Status": "received"}),
    Case(WINDOWS, 201, SENT, headers={"X-WNS-NotificationStatus": "received"}),
]
AGAIN = [
    Case(ANY, 429, again_s=MINUTE),
    Case(ANY, 429, headers={"Retry-After": "20"}, again_s=(19.0, 38.0)),
    Case(APPLE, 429, body='{"reason":"TooManyRequests"}', again_s=(59.0, 151.0)),
    Case(APPLE, 429, headers={"Retry-After": "5"}, again_s=(59.0, 151.0)),
    Case(WINDOWS, 406, again_s=MINUTE),
    Case(WINDOWS, 201, headers={"X-WNS-Status": "channelthrottled"}, again_s=(59.0, 151.0)),
    Case(WINDOWS, 201, headers={"X-WNS-NotificationStatus": "dropped"}, again_s=(59.0, 151.0)),
    *(Case(ANY, status, again_s=SHORT) for status in (500, 502, 503, 504, 599)),
    Case(ANY, 503, headers={"Retry-After": "20"}, again_s=(19.0, 38.0)),
    Case(ANY, 500, headers={"Retry-After": "20"}, again_s=(19.0, 38.0)),
]
OUR_KEY = [
    Case(APPLE, 403, body='{"reason":"BadJwtToken"}', again_s=(59.0, 151.0)),
    Case(WINDOWS, 410, headers={"X-WNS-Error-Description": "Domain blocked for abuse"}, again_s=(59.0, 151.0)),
]
DOUBTFUL = [
    Case(ANY, 401, again_s=MINUTE, is_suspect=True),
    Case(ANY, 403, again_s=MINUTE, is_suspect=True),
    Case(MOZILLA, 401, body='{"errno":109}', again_s=MINUTE, is_suspect=True),
    Case(MOZILLA, 400, body='{"code":400,"errno":101}', again_s=SHORT, is_suspect=True),
    Case(MOZILLA, 400, body='{"code":400,"errno":110}', again_s=SHORT, is_suspect=True),
    Case(GOOGLE, 403, body="the VAPID credentials do not correspond", again_s=MINUTE, is_suspect=True),
    Case(APPLE, 400, body='{"reason":"VapidPkHashMismatch"}', again_s=MINUTE, is_suspect=True),
    Case(GOOGLE, 400, body="UnauthorizedRegistration", again_s=MINUTE, is_suspect=True),
    Case(GOOGLE, 400, body="InvalidTokenFormat", again_s=MINUTE, is_suspect=True),
]


async def answered(shop: Shop, case: Case) -> tuple[Device, str]:
    """A device whose service answers so the first time, and a message to it."""
    (device,) = await shop.devices(host=case.host, prefix="case-")
    rule = Rule(status=case.status, headers=case.headers, body=case.body, token_prefix=device.token, times=1)
    shop.world.faults(rule)
    return device, await shop.send({"subscriptions": [device.id]})


@pytest.mark.parametrize("case", ENDS, ids=str)
async def test_an_answer_ends_it(shop: Shop, case: Case):
    """The recipient comes to the one end that the answer means, and only a device that is gone is dropped."""
    device, message = await answered(shop, case)
    said = await shop.done(message)
    assert case.end is not None
    assert await shop.end_of(message, device) == case.end
    assert said["counts"][case.end[0]] == 1
    assert await shop.is_kept(device) is case.is_kept


@pytest.mark.parametrize("case", [*AGAIN, *OUR_KEY, *DOUBTFUL], ids=str)
async def test_an_answer_means_another_try(world: World, shop: Shop, case: Case):
    """The recipient is tried again after the time that the answer means, and is reached then; the device is kept."""
    device, message = await answered(shop, case)
    await shop.waits(message, 1)
    wait_s = await waits_s(shop)
    assert case.again_s[0] <= wait_s <= case.again_s[1]
    assert await shop.is_kept(device)
    assert (await suspect_at(shop, device) is not None) is case.is_suspect
    assert await shop.tokens_reached(message) == []
    await world.let_pass(case.again_s[1] + 1)
    said = await shop.done(message)
    assert said["counts"]["sent"] == 1
    assert await shop.tokens_reached(message) == [device.token]
    assert await suspect_at(shop, device) is None


async def waits_s(shop: Shop) -> float:
    """How long the only thing that waits has to wait yet."""
    return await shop.world.db.fetchval(
        "SELECT extract(epoch FROM max(due_at) - now())::float8 FROM chunks WHERE app_id = $1 AND state = 0",
        shop.app.id,
    )


async def suspect_at(shop: Shop, device: Device) -> Any:
    """Since when the device is in doubt."""
    return await shop.world.db.fetchval("SELECT suspect_at FROM subscriptions WHERE id = $1", device.number)
