"""The push resource: `POST <endpoint>` judged as strictly as any real push service does, or more strictly.

Sources: RFC 8030 section 5 (requesting delivery), RFC 8292 sections 2 to 4 (VAPID: 401 for a bad header, 403 for
another key than the subscription's), RFC 8291. Order of the checks: faults on order, endpoint, headers, body, sender.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from secrets import token_hex
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from gateway.sandbox.devices import Device, Devices
from gateway.sandbox.exchange import Asked, Reply, count_name, met, spoilt
from gateway.sandbox.faults import Fault, Faults, spoken
from gateway.sandbox.ledger import Entry, Fate, Ledger, digest
from gateway.sandbox.limits import VERIFIED_HEADERS_MAX
from gateway.sandbox.mailbox import Channel, Mailbox, StoredMessage
from gateway.sandbox.rules import GONE, NOT_FOUND, OTHER_KEY, PushHeaders, Refusal, check_body, check_headers
from gateway.wire.ece import Undecipherable, decrypt
from gateway.wire.vapid import AuthorizationInvalid, Claims, verify_authorization

_JSON: Final = {"Content-Type": "application/json"}
_GONE_CACHE: Final = {"Cache-Control": "max-age=86400"}


class _Ids(msgspec.Struct):
    m: str | None = None
    s: str | None = None


class _Data(msgspec.Struct):
    steeple: _Ids = msgspec.field(default_factory=_Ids)


class _Notification(msgspec.Struct):
    data: _Data = msgspec.field(default_factory=_Data)


class _Payload(msgspec.Struct):
    """Where the ids stand in the payload that the gateway makes."""

    notification: _Notification = msgspec.field(default_factory=_Notification)


class _Read(msgspec.Struct, frozen=True):
    """What decrypting a body told."""

    decrypted: bool | None = None
    message: str | None = None
    subscription: str | None = None
    payload: dict[str, Any] | None = None


class _Post(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A request that passed all checks."""

    receiver: Channel | Device
    headers: PushHeaders
    body: bytes


class PushService:
    """Takes messages for browsers and virtual devices, and writes each accepted one into the ledger."""

    def __init__(
        self,
        *,
        mailbox: Mailbox,
        devices: Devices,
        ledger: Ledger,
        faults: Faults,
        clock: Callable[[], float],
        decrypts: bool,
    ) -> None:
        """`decrypts`: open each body for a virtual device, at about 65 us a message."""
        self._mailbox = mailbox
        self._devices = devices
        self._ledger = ledger
        self._faults = faults
        self._clock = clock
        self._decrypts = decrypts
        self._verified: OrderedDict[tuple[str, str], Claims] = OrderedDict()
        self._boot = token_hex(4)
        self._taken = 0

    async def post(self, asked: Asked, token: str, *, origin: str) -> Reply:
        """Answer one message to the endpoint that ends in `token`; `origin` is that endpoint's own."""
        fault, bare_token = await self._fault(token, host=urlsplit(origin).hostname or "")
        if fault is not None and not (fault.after_accept or fault.lets_answer_through):
            return self._spoilt(fault)
        verdict = self._judge(asked, token, bare_token, origin=origin)
        if isinstance(verdict, Refusal):
            self._ledger.refuse(verdict.status)
            return refuse(verdict)
        version = self._take(verdict, token, answer_lost=fault is not None and not fault.lets_answer_through)
        headers = {"Location": f"{origin}/m/{version}", "TTL": str(verdict.headers.ttl_s)}
        accepted = Reply(status=201, headers=headers)
        return accepted if fault is None else self._spoilt(fault, otherwise=accepted)

    def withdraw(self, version: str) -> Reply:
        """`DELETE` of a message resource: 204 if it was still undelivered, RFC 8030 section 6.2 (else 404)."""
        return Reply(status=204) if self._mailbox.confirm(version) else refuse(NOT_FOUND)

    async def _fault(self, token: str, *, host: str) -> tuple[Fault | None, str]:
        """The fault that answers this request, after having waited as ordered; and the token without its wish."""
        asked, bare_token = spoken(token) if token.startswith("fault-") else (None, token)
        return await met(self._faults.strike(host=host, token=token), asked), bare_token

    def _spoilt(self, fault: Fault, otherwise: Reply | None = None) -> Reply:
        self._ledger.counters[count_name(fault)] += 1
        return spoilt(fault, now_s=self._clock(), otherwise=otherwise)

    def _judge(self, asked: Asked, token: str, bare_token: str, *, origin: str) -> _Post | Refusal:
        receiver = self._receiver(token, bare_token)
        if isinstance(receiver, Refusal):
            return receiver
        headers = check_headers(asked.headers)
        if isinstance(headers, Refusal):
            return headers
        refusal = check_body(asked.body, encoding=asked.headers.get("Content-Encoding")) or self._check_sender(
            asked.headers.get("Authorization"), receiver.vapid_key, origin
        )
        return refusal or _Post(receiver=receiver, headers=headers, body=asked.body)

    def _receiver(self, token: str, bare_token: str) -> Channel | Device | Refusal:
        if self._mailbox.is_gone(token) or self._mailbox.is_gone(bare_token):
            return GONE
        return self._devices.find(token) or self._mailbox.channel(bare_token) or NOT_FOUND

    def _check_sender(self, authorization: str | None, vapid_key: bytes | None, origin: str) -> Refusal | None:
        if authorization is None:
            if vapid_key is None:
                return None
            return Refusal(status=401, errno=109, message="An Authorization header with VAPID is required.")
        try:
            claims = self._verify(authorization, origin)
        except AuthorizationInvalid as error:
            return Refusal(status=401, errno=109, message=str(error))
        return OTHER_KEY if vapid_key is not None and claims.public != vapid_key else None

    def _verify(self, authorization: str, origin: str) -> Claims:
        """Claims of a header. Of one seen before, only the end of its life is checked: a signature stays what it is."""
        seen = self._verified.get((authorization, origin))
        now_s = self._clock()
        if seen is not None and seen.exp > now_s:
            return seen
        claims = verify_authorization(authorization, audience=origin, now_s=now_s)
        self._verified[authorization, origin] = claims
        if len(self._verified) > VERIFIED_HEADERS_MAX:
            self._verified.popitem(last=False)
        return claims

    def _take(self, post: _Post, token: str, *, answer_lost: bool) -> str:
        """Deliver or keep the message, and write it down; returns its id."""
        self._taken += 1
        version = f"{self._boot}-{self._taken:x}"
        now_s = self._clock()
        fate, read = self._hand_on(post, token, version, now_s)
        channel = post.receiver if isinstance(post.receiver, Channel) else None
        entry = Entry(
            at=now_s,
            monotonic_s=time.monotonic(),
            service="webpush" if channel is None else channel.service,
            token=token,
            channel="" if channel is None else channel.name,
            version=version,
            fate=fate,
            topic=post.headers.topic,
            ttl_s=post.headers.ttl_s,
            urgency=post.headers.urgency,
            body_bytes=len(post.body),
            body_sha256=digest(post.body),
            decrypted=read.decrypted,
            message=read.message,
            subscription=read.subscription,
            payload=read.payload,
            answer_lost=answer_lost,
        )
        self._ledger.append(entry)
        return version

    def _hand_on(self, post: _Post, token: str, version: str, now_s: float) -> tuple[Fate, _Read]:
        if isinstance(post.receiver, Device):
            return "taken", _read(post.receiver, post.body) if self._decrypts else _Read()
        message = StoredMessage(
            version=version,
            token=token,
            body=post.body,
            ttl_s=post.headers.ttl_s,
            topic=post.headers.topic,
            accepted_at=now_s,
            expires_at=now_s + post.headers.ttl_s,
        )
        return self._mailbox.post(post.receiver, message), _Read()


def refuse(refusal: Refusal) -> Reply:
    """The error answer, in the shape of Mozilla's autopush."""
    body = {
        "code": refusal.status,
        "errno": refusal.errno,
        "error": HTTPStatus(refusal.status).phrase,
        "message": refusal.message,
    }
    return Reply(
        status=refusal.status,
        body=msgspec.json.encode(body),
        headers=_JSON | _GONE_CACHE if refusal is GONE else _JSON,
    )


def _read(device: Device, body: bytes) -> _Read:
    """Decrypt as the device would; the ids come along when the payload is one of the gateway's."""
    try:
        plaintext = decrypt(body, private_key=device.private_key, auth=device.auth)
    except Undecipherable:
        return _Read(decrypted=False)
    try:
        ids = msgspec.json.decode(plaintext, type=_Payload).notification.data.steeple
        payload = msgspec.json.decode(plaintext, type=dict[str, Any])
    except msgspec.DecodeError:
        return _Read(decrypted=True)
    return _Read(decrypted=True, message=ids.m, subscription=ids.s, payload=payload)
