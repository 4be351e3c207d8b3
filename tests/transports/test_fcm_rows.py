"""Every answer of Google's, over HTTP/2 from the sandbox's service, and what becomes of the push, the device, the lane.

Source of the table: Firebase, "FCM v1 ErrorCode" and "Error codes".
"""

import json
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway.model.delivery import (
    Accepted,
    Device,
    Gone,
    Misconfigured,
    Outcome,
    Push,
    Rejected,
    Retry,
    Suspect,
)
from gateway.model.message import Content
from gateway.sandbox import Rule, Sandbox
from gateway.sandbox.fcm import Quota
from gateway.transports.base import Credential, Wire
from gateway.transports.fcm import Provider
from gateway.transports.fcm.answers import outcome_of, refusal_in
from gateway.wire.egress import EgressPolicy
from gateway.wire.exchange import Answer
from gateway.wire.pool import HttpClient
from tests.transports.fakes import NOW_S, OwnTokens
from tests.transports.google_material import TYPE, refused

RECEIPT = "r" * 55
HOST = "fcm.googleapis.com"
TOKEN_HOST = "oauth2.googleapis.com"


class Rig:
    """A provider whose service is the sandbox, an account, and a clock that tests move."""

    def __init__(self, sandbox: Sandbox, http: HttpClient, policy: EgressPolicy, clock: Callable[[], float]) -> None:
        self.sandbox = sandbox
        self.tokens = OwnTokens(clock)
        self.provider = Provider(Wire(egress=policy, http=http, clock=clock, tokens=self.tokens, dice=random.Random(1)))
        self.account = sandbox.accounts.make()
        self.project: str = self.account["project_id"]
        self.credential = self.credential_of(self.account)

    def credential_of(self, account: dict[str, Any], number: int = 1) -> Credential:
        minted = Provider.load(json.dumps(account), "")
        return Credential(
            app_id=1, id=number, public_id=number, provider="fcm", is_current=True, public=minted.public,
            secret=minted.secret,
        )  # fmt: skip

    def device(self, project: str | None = None, prefix: str = "") -> str:
        (token,) = self.sandbox.phones.mint(1, "fcm", project or self.project, prefix=prefix)
        return token

    async def send(
        self, token: str, content: Content | None = None, *, ttl_s: int = 600, credential: Credential | None = None
    ) -> Outcome:
        wire = self.provider.address({"token": token}).wire
        content = content or Content(title="Shipped", body="On its way")
        compiled = self.provider.compile(content, message_id=2**61)
        payload = compiled.render(Device(5, "fcm", 1, wire, 0, None, None), RECEIPT, ttl_s)
        push = Push(1, 1, wire, payload, ttl_s, content.urgency, content.collapse_key, compiled.options)
        return await self.provider.send(push, credential or self.credential)


class Clock:
    """Unix time that tests move."""

    def __init__(self) -> None:
        self.now_s = float(int(time.time()))

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sandbox(tmp_path: Path, clock: Clock) -> AsyncIterator[Sandbox]:
    async with Sandbox(ledger_path=tmp_path / "ledger.ndjson", clock=clock) as running:
        yield running


@pytest.fixture
async def rig(sandbox: Sandbox, clock: Clock) -> AsyncIterator[Rig]:
    told = sandbox.egress_settings()
    policy = EgressPolicy.of(
        defaults=Provider.hosts,
        allow=told["STEEPLE_EGRESS_ALLOW"].split(","),
        resolve=told["STEEPLE_EGRESS_RESOLVE"].split(","),
        sandbox=True,
        ca_file=Path(told["STEEPLE_EGRESS_CA"]),
    )
    async with HttpClient(policy, connections_max=8, deadline_s=5.0) as http:
        yield Rig(sandbox, http, policy, clock)


ROWS = [
    ("INVALID_ARGUMENT", Rejected("request_refused", alarm=True)),
    ("INVALID_REGISTRATION", Suspect("registration_refused")),
    ("THIRD_PARTY_AUTH_ERROR", Retry("third_party_key", after_s=1800.0, scope="device")),
    ("APNS_AUTH_ERROR", Retry("third_party_key", after_s=1800.0, scope="device")),
    ("SENDER_ID_MISMATCH", Suspect("sender_id_mismatch")),
    ("PERMISSION_DENIED", Misconfigured("permission_denied")),
    ("SERVICE_DISABLED", Misconfigured("permission_denied")),
    ("UNREGISTERED", Gone("unregistered")),
    ("NOT_FOUND", Gone("unregistered")),
    ("QUOTA_EXCEEDED", Retry("throttled", after_s=60.0, scope="lane")),
    ("RESOURCE_EXHAUSTED", Retry("throttled", after_s=60.0, scope="lane")),
    ("INTERNAL", Retry("server_error")),
    ("UNAVAILABLE", Retry("unavailable", after_s=1.0)),
    ("UNAUTHENTICATED", Misconfigured("credential_refused")),
]


@pytest.mark.parametrize(("case", "outcome"), ROWS, ids=[case for case, _ in ROWS])
async def test_every_row_of_the_table(rig: Rig, case: str, outcome: Outcome):
    """What Google answers has one meaning, and the next push finds everything as before."""
    device = rig.device()
    rig.sandbox.order_faults(Rule(reason=case, host=HOST, times=1))

    assert await rig.send(device) == outcome
    assert isinstance(await rig.send(device), Accepted)


@pytest.mark.parametrize(
    ("case", "form", "waits"),
    [
        ("QUOTA_EXCEEDED", "seconds", 30.0),
        ("QUOTA_EXCEEDED", "date", 30.0),
        ("QUOTA_EXCEEDED", "garbage", 60.0),
        ("QUOTA_EXCEEDED", "huge", 3600.0),
        ("UNAVAILABLE", "seconds", 30.0),
        ("UNAVAILABLE", "date", 30.0),
        ("UNAVAILABLE", "huge", 3600.0),
        ("UNAVAILABLE", "negative", 1.0),
    ],
)
async def test_the_lane_waits_as_long_as_it_is_told(rig: Rig, case: str, form: Any, waits: float):
    """Seconds or a date; no more than an hour, no less than a second, a minute where a 429 says nothing."""
    device = rig.device()
    rig.sandbox.order_faults(Rule(reason=case, host=HOST, times=1, retry_after_s=30, retry_after_form=form))

    outcome = await rig.send(device)

    assert isinstance(outcome, Retry)
    assert (outcome.after_s, outcome.scope) == (waits, "lane")


async def test_a_push_arrives(rig: Rig):
    """The phone gets it, the ledger knows message and device, and the answer's name is kept."""
    phone = rig.sandbox.phones.make("android", rig.project)

    outcome = await rig.send(phone.token, Content(title="Shipped", body="On its way", urgency="high"), ttl_s=321)

    assert isinstance(outcome, Accepted)
    assert outcome.provider_id is not None
    assert outcome.provider_id.startswith(f"projects/{rig.project}/messages/")
    (shown,) = phone.shown
    assert shown.payload["notification"] == {"title": "Shipped", "body": "On its way"}
    assert rig.sandbox.ledger.path is not None
    (entry,) = rig.sandbox.ledger.read(rig.sandbox.ledger.path)
    assert (entry.ttl_s, entry.urgency) == (321, "high")
    assert (entry.message, entry.subscription) == ("msg_2000000000000", "sub_0000000000005")


async def test_devices_are_told_apart(rig: Rig):
    """Another project's token, one that never was, and one whose app is gone."""
    phone = rig.sandbox.phones.make("android", rig.project)
    rig.sandbox.phones.uninstall(phone)

    assert await rig.send(phone.token) == Gone("unregistered")
    assert await rig.send(rig.device("another-project")) == Suspect("sender_id_mismatch")
    assert await rig.send("never-was-a-token-of-anybody") == Suspect("registration_refused")


async def test_a_used_up_quota_holds_the_lane(rig: Rig):
    """Google says 429 without a time: nobody of the project is tried for a minute."""
    rig.sandbox.set_quota(Quota(project_a_minute=1))
    device = rig.device()

    assert isinstance(await rig.send(device), Accepted)
    assert await rig.send(device) == Retry("throttled", after_s=60.0, scope="lane")


async def test_a_revoked_token_is_renewed_and_the_push_goes_out(rig: Rig, clock: Clock):
    """Somebody revokes the access token: one more request, no push lost."""
    device = rig.device()
    await rig.send(device)
    clock.now_s += 60
    rig.sandbox.accounts.revoke_tokens()

    assert isinstance(await rig.send(device), Accepted)
    assert rig.sandbox.accounts.asked_count == 2


async def test_a_disabled_account_stops_the_lane(rig: Rig, clock: Clock):
    """The operator disabled it at Google: no push is given up, and somebody is told."""
    device = rig.device()
    await rig.send(device)
    clock.now_s += 60
    rig.sandbox.accounts.disable(rig.account["client_email"])

    assert await rig.send(device) == Misconfigured("account_refused")


async def test_another_projects_account_is_misconfigured(rig: Rig):
    """An account that may not send for the project it names."""
    foreign = {**rig.sandbox.accounts.make(), "project_id": rig.project}

    outcome = await rig.send(rig.device(), credential=rig.credential_of(foreign, 2))

    assert outcome == Misconfigured("permission_denied")


async def test_a_clock_that_is_ten_minutes_off_is_named(rig: Rig, clock: Clock):
    """Google refuses an assertion from the future: the reason says that it is the clock, not the account."""
    wire = msgspec.structs.replace(rig.provider._wire, clock=lambda: clock.now_s + 600)
    rig.provider = Provider(wire)

    assert await rig.send(rig.device()) == Misconfigured("clock_wrong")


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (Rule(status=400, host=TOKEN_HOST), Misconfigured("account_refused")),
        (Rule(status=500, host=TOKEN_HOST), Retry("token_endpoint", scope="lane")),
        (Rule(status=503, host=TOKEN_HOST, retry_after_s=9), Retry("token_endpoint", after_s=9.0, scope="lane")),
        (Rule(kind="reset", host=TOKEN_HOST), Retry("token_endpoint", scope="lane")),
    ],
)
async def test_the_token_endpoint_in_trouble(rig: Rig, rule: Rule, outcome: Outcome):
    """It is down, or says no: the lane waits or stops; once it is mended, pushes go out."""
    device = rig.device()
    rig.sandbox.order_faults(rule)
    assert await rig.send(device) == outcome

    rig.sandbox.order_faults()
    assert isinstance(await rig.send(device), Accepted)


async def test_a_third_partys_key_is_told_once_an_hour(rig: Rig, clock: Clock):
    """The project's key at Apple is missing: Androids go on, and the log says it, not a thousand times a second."""
    device = rig.device()
    rig.sandbox.order_faults(Rule(reason="THIRD_PARTY_AUTH_ERROR", host=HOST, token_prefix=device))

    with capture_logs() as logs:
        for _ in range(5):
            await rig.send(device)
        clock.now_s += 3600
        await rig.send(device)
        assert isinstance(await rig.send(rig.device()), Accepted)

    assert [line["event"] for line in logs] == ["third_party_key_refused"] * 2
    assert device not in str(logs)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (refused(400, "INVALID_ARGUMENT", fields=("message.android.ttl",)), Rejected("request_refused", alarm=True)),
        (refused(400, "INVALID_ARGUMENT", fields=("message.token",)), Suspect("registration_refused")),
        (
            refused(400, "INVALID_ARGUMENT", fields=("message.token", "message.data[from]")),
            Rejected("request_refused", alarm=True),
        ),
        (
            refused(400, "INVALID_ARGUMENT", message="Invalid value", code="INVALID_ARGUMENT"),
            Rejected("request_refused", alarm=True),
        ),
        (refused(400, "INVALID_ARGUMENT", message="Android message is too big"), Rejected("too_large")),
        (refused(413), Rejected("too_large")),
        (refused(403, "PERMISSION_DENIED"), Misconfigured("permission_denied")),
        (refused(401), Misconfigured("credential_refused")),
        (Answer(404, {}, b"<html>nginx</html>"), Rejected("unknown_answer", alarm=True)),
        (Answer(404, {}, b""), Rejected("unknown_answer", alarm=True)),
        (Answer(418, {}, b""), Rejected("unknown_answer", alarm=True)),
        (Answer(409, {}, b"{}"), Rejected("unknown_answer", alarm=True)),
        (Answer(302, {"location": "https://evil.example"}, b""), Rejected("redirect", alarm=True)),
        (Answer(502, {}, b""), Retry("server_error")),
        (Answer(504, {"retry-after": "3"}, b""), Retry("server_error", after_s=3.0)),
        (Answer(503, {"retry-after": "0"}, b""), Retry("unavailable", after_s=1.0, scope="lane")),
    ],
)
def test_what_the_sandbox_does_not_say(answer: Answer, outcome: Outcome):
    """Answers of layers in front of FCM, and of a wrong address: never a device that is gone."""
    assert outcome_of(answer, refusal_in(answer), now_s=NOW_S) == outcome


def test_one_device_over_its_quota_does_not_hold_the_others():
    """google.rpc.QuotaFailure says whose quota it was."""
    failure = {"@type": f"{TYPE}google.rpc.QuotaFailure", "violations": [{"subject": "device:x", "description": "y"}]}
    body = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [failure]}}
    answer = Answer(429, {}, json.dumps(body).encode())

    assert outcome_of(answer, refusal_in(answer), now_s=NOW_S) == Retry("throttled", after_s=60.0)
