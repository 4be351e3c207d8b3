"""Google's push service for apps: `POST /v1/projects/<id>/messages:send`, judged as strictly as Google does.

Sources: Google, "Method: projects.messages.send", "FCM v1 ErrorCode", "Throttling and quotas" (messages a minute and
project, messages a minute and hour to one device). Order of the checks: path, access token, project, quota, faults on
order, message, device. Rules for the token endpoint must name its host.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from secrets import randbits
from typing import Annotated, Final

import msgspec

from gateway.sandbox.exchange import Asked, Reply, count_name, met, spoilt
from gateway.sandbox.faults import Fault, Faults, spoken
from gateway.sandbox.fcm_message import FcmMessage, Invalid, read_message
from gateway.sandbox.google_accounts import GoogleAccounts
from gateway.sandbox.google_errors import CASE_OF, CASES, JSON, error_body, refuse
from gateway.sandbox.http2 import Conduct
from gateway.sandbox.ledger import Entry, Ledger, digest, find_ids
from gateway.sandbox.limits import FCM_PROJECT_PUSHES_A_MINUTE, PROVIDER_TOKENS_MAX
from gateway.sandbox.phones import Found, Phones, Shown

CONDUCT: Final = Conduct(streams=100)
"""Streams that Google's servers give a connection."""
_TOKEN_PATH: Final = "/token"  # noqa: S105 - an address
_SEND_PATH: Final = re.compile(r"/v1/projects/([^/]+)/messages:send")
_MINUTE_S: Final = 60


class Quota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is taken. Each is a bucket that fills evenly, not a minute of the clock."""

    project_a_minute: Annotated[int, msgspec.Meta(ge=1)] = FCM_PROJECT_PUSHES_A_MINUTE
    device_a_minute: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Google's is 240; None, as ever unless told, counts no single device."""
    retry_after_s: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """Comes with the 429; None: no header, as often."""


class _Bucket(msgspec.Struct):
    left: float
    at_s: float


class GoogleService:
    """Takes pushes for Androids, and writes each accepted one into the ledger."""

    def __init__(
        self, *, accounts: GoogleAccounts, phones: Phones, ledger: Ledger, faults: Faults, clock: Callable[[], float]
    ) -> None:
        """`quota`: how much is taken."""
        self.quota = Quota()
        self._accounts = accounts
        self._phones = phones
        self._ledger = ledger
        self._faults = faults
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    async def serve(self, asked: Asked) -> Reply:
        """Answer one request: for an access token, or to send."""
        if asked.path == _TOKEN_PATH:
            return await self._token(asked)
        match = _SEND_PATH.fullmatch(asked.path)
        if match is None or asked.method != "POST":
            return self._refuse("NOT_FOUND")
        access = self._accounts.access(asked.headers.get("authorization"))
        if access is None:
            return self._refuse("UNAUTHENTICATED")
        if asked.line is not None:
            asked.line.open_up()
        if access.project != match[1]:
            return self._refuse("PERMISSION_DENIED")
        return await self._send(asked, match[1])

    async def _token(self, asked: Asked) -> Reply:
        """The token endpoint; only rules that name its host strike here."""
        host = asked.host.partition(":")[0]
        fault = await met(self._faults.strike(host=host, token="", must_name_host=True))
        if fault is None:
            return self._accounts.token(asked)
        self._accounts.asked_count += 1
        self._ledger.counters[count_name(fault)] += 1
        return spoilt(fault, now_s=self._clock())

    async def _send(self, asked: Asked, project: str) -> Reply:
        message = read_message(asked.body)
        token = message.token or "" if isinstance(message, FcmMessage) else ""
        fault, bare_token = await self._fault(asked, token, project)
        if fault is not None and not (fault.after_accept or fault.lets_answer_through):
            return self._spoilt(fault)
        if not isinstance(message, FcmMessage):
            return self._refuse("INVALID_ARGUMENT", _refused(message))
        found = self._check(message, project, bare_token)
        if isinstance(found, Reply):
            return found
        is_lost = fault is not None and not fault.lets_answer_through
        accepted = self._take(asked, message, found, project, answer_lost=is_lost)
        return accepted if fault is None else self._spoilt(fault, otherwise=accepted)

    async def _fault(self, asked: Asked, token: str, project: str) -> tuple[Fault | None, str]:
        wish, bare_token = spoken(token) if token.startswith("fault-") else (None, token)
        strike = self._faults.strike(host=asked.host.partition(":")[0], token=token, topic=project)
        if strike.streams is not None and asked.line is not None:
            asked.line.order_streams(strike.streams.streams, for_s=strike.streams.streams_for_s)
        return await met(strike, wish), bare_token

    def _check(self, message: FcmMessage, project: str, bare_token: str) -> Found | Reply | None:
        """The phone that a message is for (None: a topic, or a dry run), or why it is not sent."""
        if not self._has_room(f"project {project}", self.quota.project_a_minute):
            return self._over_quota()
        if message.token is None:
            return None
        found = self._phones.find(message.token) or self._phones.find(bare_token)
        if found is None or found.home.service != "fcm":
            return self._refuse("INVALID_REGISTRATION")
        if found.home.owner != project:
            return self._refuse("SENDER_ID_MISMATCH")
        if found.gone is not None:
            return self._refuse("UNREGISTERED")
        limit = self.quota.device_a_minute
        if limit is not None and not self._has_room(message.token, limit):
            return self._over_quota()
        return found

    def _has_room(self, name: str, a_minute: int) -> bool:
        now_s = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(float(a_minute), now_s)
            if len(self._buckets) > PROVIDER_TOKENS_MAX:
                self._buckets.popitem(last=False)
        passed_s = max(0.0, now_s - bucket.at_s)
        bucket.left = min(float(a_minute), bucket.left + passed_s * a_minute / _MINUTE_S)
        bucket.at_s = now_s
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    # --- answers ------------------------------------------------------------------------------------------------------
    def _over_quota(self) -> Reply:
        wait_s = self.quota.retry_after_s
        headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
        return self._refuse("QUOTA_EXCEEDED", refuse("QUOTA_EXCEEDED", headers=headers))

    def _refuse(self, case: str, reply: Reply | None = None) -> Reply:
        self._ledger.refuse(CASES[case].http)
        self._ledger.counters[f"fcm_{case}"] += 1
        return reply or refuse(case)

    def _spoilt(self, fault: Fault, otherwise: Reply | None = None) -> Reply:
        """The answer of a fault: a status or a case alone is enough, the rest follows from Google's table."""
        self._ledger.counters[count_name(fault)] += 1
        case = fault.reason or CASE_OF.get(fault.status, "INTERNAL")
        row = CASES.get(case)
        told = msgspec.structs.replace(
            fault,
            status=row.http if row is not None and fault.reason else fault.status,
            body=fault.body or ("" if row is None else error_body(case).decode()),
            headers={**JSON, **fault.headers},
        )
        return spoilt(told, now_s=self._clock(), otherwise=otherwise)

    def _take(
        self, asked: Asked, message: FcmMessage, found: Found | None, project: str, *, answer_lost: bool
    ) -> Reply:
        """Hand on or keep the message, and write it down; the answer names it."""
        if message.is_dry_run:
            return _named(project, "fake_message_id")
        now_s = self._clock()
        message_id = f"0:{int(now_s * 1e6)}%{randbits(64):016x}"
        push = Shown(
            id=message_id,
            at=now_s,
            expires_at_s=now_s + message.ttl_s,
            payload=message.fields,
            collapse=message.collapse,
        )
        phone = None if found is None else found.phone
        fate = self._phones.hand_on(phone, push, keeps_one=False)
        message_text, subscription = find_ids(asked.body)
        self._ledger.append(
            Entry(
                at=now_s,
                monotonic_s=time.monotonic(),
                service="fcm",
                token=message.token or "",
                channel=project,
                version=message_id,
                status=200,
                fate=fate,
                topic=message.collapse,
                ttl_s=int(message.ttl_s),
                urgency=message.priority,
                body_bytes=len(asked.body),
                body_sha256=digest(asked.body),
                message=message_text,
                subscription=subscription,
                answer_lost=answer_lost,
            )
        )
        return _named(project, message_id)


def _refused(invalid: Invalid) -> Reply:
    return refuse(
        "INVALID_ARGUMENT", message=invalid.message, violations=invalid.violations, has_code=not invalid.is_json
    )


def _named(project: str, message_id: str) -> Reply:
    body = msgspec.json.encode({"name": f"projects/{project}/messages/{message_id}"})
    return Reply(status=200, headers=JSON, body=body)
