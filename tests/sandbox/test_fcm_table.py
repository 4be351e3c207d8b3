"""Every answer of Google's can be had: by what a device is, by quota, or on order."""

from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from gateway.sandbox import Rule, Sandbox
from gateway.sandbox.fcm import Quota
from sandbox.actors import Clock
from sandbox.app_senders import GoogleSender
from sandbox.raw_http2 import Answer

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
HOST = "fcm.googleapis.com"
ROWS = [
    ("INVALID_ARGUMENT", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    ("INVALID_REGISTRATION", 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
    ("UNAUTHENTICATED", 401, "UNAUTHENTICATED", None),
    ("THIRD_PARTY_AUTH_ERROR", 401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
    ("APNS_AUTH_ERROR", 401, "UNAUTHENTICATED", "APNS_AUTH_ERROR"),
    ("SENDER_ID_MISMATCH", 403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
    ("PERMISSION_DENIED", 403, "PERMISSION_DENIED", None),
    ("SERVICE_DISABLED", 403, "PERMISSION_DENIED", None),
    ("UNREGISTERED", 404, "NOT_FOUND", "UNREGISTERED"),
    ("NOT_FOUND", 404, "NOT_FOUND", None),
    ("QUOTA_EXCEEDED", 429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
    ("RESOURCE_EXHAUSTED", 429, "RESOURCE_EXHAUSTED", None),
    ("INTERNAL", 500, "INTERNAL", "INTERNAL"),
    ("UNAVAILABLE", 503, "UNAVAILABLE", "UNAVAILABLE"),
]


@pytest.fixture
def device(sandbox: Sandbox, google: GoogleSender) -> str:
    (token,) = sandbox.phones.mint(1, "fcm", google.project)
    return token


def told(answer: Answer) -> tuple[int, str, str | None]:
    """Status, Google's status, and FCM's code if there is one."""
    error: dict[str, Any] = answer.json["error"]
    codes = [one["errorCode"] for one in error.get("details", []) if one["@type"] == FCM_ERROR]
    assert error["code"] == answer.status
    assert error["message"]
    return answer.status, error["status"], codes[0] if codes else None


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
async def test_every_case_comes_on_order(
    google: GoogleSender, device: str, row: tuple[str, int, str, str | None]
) -> None:
    """By its name alone."""
    case, *expected = row
    google.sandbox.order_faults(Rule(reason=case, times=1))
    line = await google.line()
    assert told(await google.send(line, {"token": device})) == tuple(expected)
    assert (await google.send(line, {"token": device})).status == 200


@pytest.mark.parametrize(
    ("form", "meant"),
    [("seconds", "30"), ("date", None), ("garbage", "soon, -1; maybe"), ("negative", "-31"), ("huge", "9" * 30)],
)
async def test_a_wait_is_told_in_every_form(
    google: GoogleSender, clock: Clock, device: str, form: Any, meant: str | None
) -> None:
    """Seconds, an HTTP date, and what nobody should send."""
    google.sandbox.order_faults(Rule(reason="UNAVAILABLE", retry_after_s=30, retry_after_form=form))
    value = (await google.send(await google.line(), {"token": device})).headers["retry-after"]
    if meant is None:
        assert parsedate_to_datetime(value).timestamp() == int(clock()) + 30
    else:
        assert value == meant


@pytest.mark.parametrize(
    ("status", "case"), [(404, "UNREGISTERED"), (403, "SENDER_ID_MISMATCH"), (400, "INVALID_ARGUMENT")]
)
async def test_a_token_says_what_it_wants(sandbox: Sandbox, google: GoogleSender, status: int, case: str) -> None:
    """`fault-404-`, as with browsers' endpoints."""
    (device,) = sandbox.phones.mint(1, "fcm", google.project, prefix=f"fault-{status}-")
    answer = await google.send(await google.line(), {"token": device})
    assert (answer.status, told(answer)[2]) == (status, case)


async def test_a_device_must_exist(google: GoogleSender) -> None:
    """Text that is no token, and a token of nobody's."""
    line = await google.line()
    for token in ("nonsense", "x" * 30, "phone-0011223344556677:APA91b" + "x" * 100):
        answer = await google.send(line, {"token": token})
        assert told(answer) == (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT")
        assert "not a valid FCM registration token" in answer.json["error"]["message"]


async def test_a_dead_device_is_unregistered(sandbox: Sandbox, google: GoogleSender) -> None:
    """404, with the code that says so."""
    phone = sandbox.phones.make("android", google.project)
    token = phone.token
    sandbox.phones.uninstall(phone)
    assert told(await google.send(await google.line(), {"token": token})) == (404, "NOT_FOUND", "UNREGISTERED")


async def test_a_project_keeps_to_itself(sandbox: Sandbox, google: GoogleSender) -> None:
    """A device of another one is a mismatch; another one's name in the path is not ours to use."""
    (foreign,) = sandbox.phones.mint(1, "fcm", "another-project")
    line = await google.line()
    assert told(await google.send(line, {"token": foreign}))[2] == "SENDER_ID_MISMATCH"
    assert told(await google.send(line, {"token": foreign}, project="another-project"))[:2] == (
        403,
        "PERMISSION_DENIED",
    )
    assert (await google.send(line, {"token": foreign}, token="ya29.nobody")).status == 401


async def test_a_project_has_a_quota_that_refills(
    sandbox: Sandbox, google: GoogleSender, clock: Clock, device: str
) -> None:
    """A bucket: 60 a minute come back one a second."""
    sandbox.set_quota(Quota(project_a_minute=60, retry_after_s=3))
    line = await google.line()
    statuses = [(await google.send(line, {"token": device})).status for _ in range(61)]
    assert statuses == [200] * 60 + [429]
    answer = await google.send(line, {"token": device})
    assert (told(answer)[2], answer.headers["retry-after"]) == ("QUOTA_EXCEEDED", "3")
    clock.advance(2)
    assert [(await google.send(line, {"token": device})).status for _ in range(3)] == [200, 200, 429]


async def test_a_device_has_a_quota_of_its_own(sandbox: Sandbox, google: GoogleSender, device: str) -> None:
    """Others go on; without a header when none was ordered."""
    sandbox.set_quota(Quota(device_a_minute=2))
    (other,) = sandbox.phones.mint(1, "fcm", google.project)
    line = await google.line()
    answers = [await google.send(line, {"token": device}) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert "retry-after" not in answers[2].headers
    assert (await google.send(line, {"token": other})).status == 200


async def test_a_rule_means_a_project(google: GoogleSender, device: str) -> None:
    """By the id in the path."""
    line = await google.line()
    google.sandbox.order_faults(Rule(reason="INTERNAL", topic="another-project"))
    assert (await google.send(line, {"token": device})).status == 200
    google.sandbox.order_faults(Rule(reason="INTERNAL", topic=google.project))
    assert (await google.send(line, {"token": device})).status == 500


async def test_it_speaks_http_1_as_well(
    sandbox: Sandbox, google: GoogleSender, device: str, http: aiohttp.ClientSession
) -> None:
    """On the plain port, too, for whoever sets a base address."""
    url = f"{sandbox.origin}/v1/projects/{google.project}/messages:send"
    headers = {"Authorization": f"Bearer {await google.token()}"}
    async with http.post(url, headers=headers, json={"message": {"token": device}}) as answer:
        assert (answer.status, "name" in await answer.json()) == (200, True)
    sandbox.order_faults(Rule(kind="goaway", status=503))
    async with http.post(url, headers=headers, json={"message": {"token": device}}) as answer:
        assert answer.headers["Connection"] == "close"


async def test_other_paths_are_not_found(google: GoogleSender) -> None:
    """Nothing else is there."""
    line = await google.line()
    assert (await line.post("/v1/projects/x/messages:batch", [], b"{}")).status == 404
    assert (await line.answer(line.ask(f"/v1/projects/{google.project}/messages:send", method="GET"))).status == 404
