"""Apple's push service for apps: `POST /3/device/<token>` over HTTP/2, judged as strictly as Apple does.

Sources: Apple, "Sending notification requests to APNs" and "Handling notification responses from APNs". Order of the
checks: method and path, sender, faults on order, headers, device, payload. One notification waits for a device that is
offline, per app: the next one takes its place.
"""

import time
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import msgspec

from gateway.sandbox.apns_rules import (
    REASON_OF,
    STATUS_OF,
    TELLS_SINCE,
    Order,
    check_headers,
    check_payload,
    is_device_token,
)
from gateway.sandbox.apple_senders import Sender, Senders
from gateway.sandbox.exchange import Asked, Reply, count_name, met, spoilt
from gateway.sandbox.faults import Fault, Faults, Strike
from gateway.sandbox.http2 import Conduct
from gateway.sandbox.ledger import Entry, Ledger, digest, find_ids
from gateway.sandbox.limits import LIFE_S_MAX
from gateway.sandbox.phone_tokens import Environment
from gateway.sandbox.phones import Found, Gone, Phones, Shown

CONDUCT: Final = Conduct(streams=1_000, streams_first=1)
"""One request until the client is known, then what Apple typically gives."""
_ENVIRONMENTS: Final[dict[str, Environment]] = {
    "api.push.apple.com": "production",
    "api.sandbox.push.apple.com": "sandbox",
    "api.development.push.apple.com": "sandbox",
}
_PATH: Final = "/3/device/"


class _Post(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A request that passed all checks."""

    token: str
    order: Order
    found: Found
    payload: dict[str, Any]
    body: bytes


class AppleService:
    """Takes pushes for iPhones, and writes each accepted one into the ledger."""

    def __init__(
        self, *, senders: Senders, phones: Phones, ledger: Ledger, faults: Faults, clock: Callable[[], float]
    ) -> None:
        """Its parts."""
        self._senders = senders
        self._phones = phones
        self._ledger = ledger
        self._faults = faults
        self._clock = clock

    async def serve(self, asked: Asked) -> Reply:
        """Answer one request."""
        host = asked.host.partition(":")[0]
        environment = _ENVIRONMENTS.get(host)
        if environment is None or asked.line is None:
            return Reply(status=421)
        message_id = asked.headers.get("apns-id") or str(uuid4())
        if (reason := _check_target(asked)) is not None:
            return self._refuse(reason, message_id)
        sender = self._senders.judge(asked.headers.get("authorization"), asked.line, environment)
        if isinstance(sender, str):
            return self._refuse(sender, message_id)
        asked.line.open_up()
        return await self._post(asked, sender, environment, host=host, message_id=message_id)

    async def _post(
        self, asked: Asked, sender: Sender, environment: Environment, *, host: str, message_id: str
    ) -> Reply:
        token = asked.path[len(_PATH) :]
        fault = await self._fault(asked, token, host)
        if fault is not None and not (fault.after_accept or fault.lets_answer_through):
            return self._spoilt(fault, message_id, sender)
        verdict = self._judge(asked, token, sender, environment)
        if isinstance(verdict, Gone):
            return self._refuse(verdict.reason, message_id, since_s=verdict.at_s)
        if isinstance(verdict, str):
            return self._refuse(verdict, message_id)
        is_lost = fault is not None and not fault.lets_answer_through
        headers = self._take(verdict, message_id, environment, answer_lost=is_lost)
        accepted = Reply(status=200, headers=headers)
        return accepted if fault is None else self._spoilt(fault, message_id, sender, otherwise=accepted)

    async def _fault(self, asked: Asked, token: str, host: str) -> Fault | None:
        topic = asked.headers.get("apns-topic", "")
        strike: Strike = self._faults.strike(host=host, token=token, topic=topic)
        if strike.streams is not None and asked.line is not None:
            asked.line.order_streams(strike.streams.streams, for_s=strike.streams.streams_for_s)
        return await met(strike)

    def _judge(self, asked: Asked, token: str, sender: Sender, environment: Environment) -> _Post | Gone | str:
        order = check_headers(asked.headers, bundle=sender.bundle)
        if isinstance(order, str):
            return order
        owner = self._senders.owner(order.bundle)
        if (sender.bundle not in {None, order.bundle}) or (
            sender.team is not None and owner not in {None, sender.team}
        ):
            return "TopicDisallowed"
        found = self._device(token, order, environment)
        if not isinstance(found, Found):
            return found
        payload = check_payload(asked.body, order)
        if isinstance(payload, str):
            return payload
        return _Post(token=token, order=order, found=found, payload=payload, body=asked.body)

    def _device(self, token: str, order: Order, environment: Environment) -> Found | Gone | str:
        found = self._phones.find(token.lower()) if is_device_token(token) else None
        if found is None or found.home.service != "apns" or found.home.environment != environment:
            return "BadDeviceToken"
        if found.home.owner != order.bundle:
            return "DeviceTokenNotForTopic"
        return found if found.gone is None else found.gone

    # --- answers ------------------------------------------------------------------------------------------------------
    def _refuse(self, reason: str, message_id: str, *, since_s: float | None = None) -> Reply:
        status = STATUS_OF[reason]
        self._ledger.refuse(status)
        self._ledger.counters[f"apns_{reason}"] += 1
        body = {"reason": reason} if since_s is None else {"reason": reason, "timestamp": int(since_s * 1000)}
        return Reply(status=status, headers={"apns-id": message_id}, body=msgspec.json.encode(body))

    def _spoilt(self, fault: Fault, message_id: str, sender: Sender, otherwise: Reply | None = None) -> Reply:
        """The answer of a fault: a status or a reason alone is enough, the rest follows from Apple's table."""
        self._ledger.counters[count_name(fault)] += 1
        if fault.reason == "ExpiredProviderToken":
            self._senders.expire(sender.team)
        now_s = self._clock()
        reason = fault.reason or REASON_OF.get(fault.status, "InternalServerError")
        status = STATUS_OF.get(fault.reason, fault.status)
        body: dict[str, object] = {"reason": reason}
        if reason in TELLS_SINCE:
            body["timestamp"] = int((now_s if fault.gone_at_s is None else fault.gone_at_s) * 1000)
        told = msgspec.structs.replace(
            fault,
            status=status,
            body=fault.body or msgspec.json.encode(body).decode(),
            headers={"apns-id": message_id, **fault.headers},
        )
        return spoilt(told, now_s=now_s, otherwise=otherwise)

    def _take(self, post: _Post, message_id: str, environment: Environment, *, answer_lost: bool) -> dict[str, str]:
        """Hand on or keep the push, and write it down; returns the headers of the answer."""
        now_s = self._clock()
        order = post.order
        life_s = LIFE_S_MAX if order.expires_at_s is None else max(0, order.expires_at_s - int(now_s))
        push = Shown(
            id=message_id,
            at=now_s,
            expires_at_s=now_s + min(life_s, LIFE_S_MAX),
            payload=post.payload,
            collapse=order.collapse,
        )
        fate = self._phones.hand_on(post.found.phone, push, keeps_one=True)
        message, subscription = find_ids(post.body)
        self._ledger.append(
            Entry(
                at=now_s,
                monotonic_s=time.monotonic(),
                service="apns",
                token=post.token,
                channel=order.topic,
                version=message_id,
                status=200,
                fate=fate,
                topic=order.collapse,
                ttl_s=life_s,
                urgency=str(order.priority),
                body_bytes=len(post.body),
                body_sha256=digest(post.body),
                message=message,
                subscription=subscription,
                answer_lost=answer_lost,
            )
        )
        return {"apns-id": message_id} | ({"apns-unique-id": str(uuid4())} if environment == "sandbox" else {})


def _check_target(asked: Asked) -> str | None:
    if not asked.path.startswith(_PATH):
        return "BadPath"
    if asked.method != "POST":
        return "MethodNotAllowed"
    return None if len(asked.path) > len(_PATH) else "MissingDeviceToken"
