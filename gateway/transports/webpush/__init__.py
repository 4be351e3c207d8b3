"""Web Push: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (VAPID).

Limits: 3,993 bytes of payload (2,744 where Firefox for Android receives), 32 characters of topic, 28 days of storage;
a push service may keep a message for less.

Read on in `answers` (what push services say, and where they differ from the RFCs) and `payload` (what a device gets).
"""

import base64
import hashlib
from collections.abc import Awaitable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final

import msgspec

from gateway.model.delivery import Outcome, Push, Rejected, Urgency
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.limits import EGRESS_ORIGINS_KEPT_MAX, PAYLOAD_BYTES_MAX, REFUSALS_TOLD_MAX, TOPICS_KEPT_MAX
from gateway.model.message import Content
from gateway.model.subscriber import Platform
from gateway.telemetry import log
from gateway.transports.base import (
    Address,
    Compiled,
    Credential,
    Medium,
    Minted,
    Pace,
    Wire,
    outcome_of_failure,
)
from gateway.transports.opened import Opened
from gateway.transports.webpush.answers import (
    WINDOWS,
    is_taken,
    is_topic_refused,
    is_worth_telling,
    outcome_of,
    shorter_life_s,
    words_of,
)
from gateway.transports.webpush.payload import OWN_FIELDS, renderer
from gateway.wire import ece
from gateway.wire.base64url import decode_base64url, encode_base64url
from gateway.wire.egress import Target
from gateway.wire.exchange import Answer, Fields, Peer, WireFailure
from gateway.wire.sealing import Sealing
from gateway.wire.urls import EgressRefused
from gateway.wire.vapid import VapidKey, VapidSigner, check_subject

_FORMAT: Final = 1
_POINT: Final = slice(1, 66)
_AUTH: Final = slice(66, 82)
_ENDPOINT: Final = slice(82, None)
_HOST_FROM: Final = 82 + len("https://")
_FIREFOX_ANDROID_BYTES_MAX: Final = 2744
"""Mozilla bridges to Google's service there, which takes less (autopush documentation, HTTP, size of data)."""
_TOPIC_CHARS: Final = 32
"""RFC 8030 section 5.4 permits up to 32; Apple refuses lengths that are no whole base64 (1 mod 4), so always 32."""
_FIELDS_KEPT_MAX: Final = 1024
"""Of one credential: a signature for each push service, and four urgencies."""
_UNAUTHORIZED: Final = 401


class Provider:
    """Browsers, through whatever push service each of them brings."""

    name: ClassVar[str] = "webpush"
    medium: ClassVar[Medium] = "push"
    hosts: ClassVar[tuple[str, ...]] = (
        "fcm.googleapis.com",
        "android.googleapis.com",
        "updates.push.services.mozilla.com",
        "*.push.services.mozilla.com",
        "*.push.apple.com",
        "*.notify.windows.com",
    )
    binds_devices: ClassVar[bool] = True
    pace: ClassVar[Pace] = Pace()
    platform: ClassVar[Platform] = Platform.OTHER
    page_fields: ClassVar[frozenset[str]] = frozenset({"vapid_public_key"})

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._sealing = Sealing()
        self._senders = Opened(_Sender)
        self._origins: dict[bytes, str] = {}
        self._lives_s: dict[str, int] = {}
        """The longest life that was asked of an origin: shorter ones it keeps, as far as it said."""
        self._told: set[tuple[str, int, str]] = set()

    @staticmethod
    def generate(subject: str) -> Minted:
        """A new VAPID key pair. `subject` is the contact that push services see (RFC 8292 section 2.1)."""
        return _minted(VapidKey.generate(), subject)

    @staticmethod
    def load(raw: str, subject: str) -> Minted:
        """A VAPID key from PEM, from the 32-byte scalar in base64url, or from the JSON that `web-push` prints."""
        text = raw.strip()
        try:
            if text.startswith("{"):
                text = str(msgspec.json.decode(text)["privateKey"])
            key = VapidKey.from_pem(text.encode()) if "BEGIN" in text else VapidKey.from_base64url(text)
        except (ValueError, KeyError, TypeError, RecursionError, msgspec.DecodeError):
            raise Invalid(
                "key_material_invalid",
                "This is no VAPID private key: give a PEM file, 32 bytes in base64url, or the JSON of web-push.",
                param="private_key",
            ) from None
        return _minted(key, subject)

    def address(self, raw: Mapping[str, Any]) -> Address:
        """Packs `endpoint` and `keys` of a PushSubscription, once they are what a push service hands out."""
        endpoint = raw.get("endpoint")
        keys = raw.get("keys")
        if not isinstance(endpoint, str) or not endpoint:
            raise Invalid("field_missing", "A subscription has an endpoint.", param="endpoint")
        if not isinstance(keys, Mapping):
            raise Invalid("field_missing", "A subscription has keys: p256dh and auth.", param="keys")
        try:
            self._wire.egress.check_url(endpoint)
        except EgressRefused as refused:
            raise Invalid("endpoint_refused", f"{refused} It must be a push service's.", param="endpoint") from None
        point = _key_field(keys, "p256dh")
        auth = _key_field(keys, "auth")
        try:
            ece.check_receiver(point, auth)
        except ValueError as fault:
            param = "keys.auth" if "auth" in str(fault) else "keys.p256dh"
            raise Invalid("key_material_invalid", str(fault), param=param) from None
        return Address(bytes([_FORMAT]) + point + auth + endpoint.encode(), endpoint.encode())

    def check_reach(self, wire: bytes, public: Mapping[str, Any]) -> None:
        """A browser does not say which key it subscribed with: the service will."""

    def describe(self, wire: bytes) -> dict[str, Any]:
        """The PushSubscription again, as `PushSubscription.toJSON()` spells it."""
        return {
            "endpoint": wire[_ENDPOINT].decode(),
            "keys": {"p256dh": encode_base64url(wire[_POINT]), "auth": encode_base64url(wire[_AUTH])},
        }

    def lane_of(self, wire: bytes) -> str:
        """The endpoint's origin; "" where it is not permitted (any more), which `send` then says."""
        end = wire.find(b"/", _HOST_FROM)
        prefix = wire[_ENDPOINT.start : end if end >= 0 else None]
        return self._origins.get(prefix) or self._new_origin(prefix)

    def check_extra(self, fields: Mapping[str, Any]) -> None:
        """Whatever browsers know of a notification, but for what has a field of its own with its checks."""
        for name in OWN_FIELDS:
            if name in fields:
                raise Invalid(
                    "field_invalid", f"Use `{OWN_FIELDS[name]}`, which is checked.", param=f"{self.name}.{name}"
                )

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        """Declarative Web Push JSON, put together once per language; per device only ids and token are filled in."""
        return Compiled(renderer(content, to_text("msg", message_id), extra=content.extra.get(self.name, {})))

    def payload_bytes_max(self, platform: int) -> int:
        """3,993 bytes, and less where Firefox for Android receives."""
        return _FIREFOX_ANDROID_BYTES_MAX if platform == Platform.FIREFOX_ANDROID else PAYLOAD_BYTES_MAX

    def make_ahead(self, wire: bytes) -> bool:
        """A sender key, agreed with this browser's: nearly all of what encrypting costs, see `wire.agreements`."""
        try:
            return self._sealing.make_ahead(p256dh=wire[_POINT], auth=wire[_AUTH])
        except ValueError:
            return False  # `send` will say so

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """Encrypts, signs (or takes the signature made earlier), posts, and reads the answer."""
        wire = push.wire
        try:
            target = self._wire.egress.check_url(wire[_ENDPOINT].decode())
            body = await self._sealing.seal(push.payload, p256dh=wire[_POINT], auth=wire[_AUTH])
        except EgressRefused:
            return Rejected("endpoint_refused", is_unsent=True)
        except ValueError:
            return Rejected("key_material", is_unsent=True)
        now_s = self._wire.clock()
        try:
            answer = await self._answer(push, target, body, self._senders.of(credential), now_s)
        except WireFailure as failure:
            return outcome_of_failure(failure)
        outcome = outcome_of(target.host, answer, now_s=now_s, dice=self._wire.dice)
        if not is_taken(answer) and is_worth_telling(outcome):
            self._tell(target.host, answer, getattr(outcome, "reason", ""))
        return outcome

    async def check(self, credential: Credential) -> None:
        """A push service judges a signature only with a push to a browser that it knows."""

    async def aclose(self) -> None:
        """Forgets the opened keys, and those made ahead."""
        self._senders.clear()
        self._sealing.close()

    async def _answer(self, push: Push, target: Target, body: bytes, sender: "_Sender", now_s: float) -> Answer:
        """What the service says: at a second try where its first answer names something that can be changed at once."""
        authorization = sender.signer.authorization(target.origin, now_s)
        answer = await self._post(push, target, body, sender, authorization)
        if is_taken(answer):
            if push.ttl_s > self._lives_s.get(target.origin, 0):
                self._note_life(target, answer, asked_s=push.ttl_s)
        elif answer.status == _UNAUTHORIZED:
            newer = sender.signer.renewed(target.origin, refused=authorization, now_s=now_s)
            if newer is not None:
                return await self._post(push, target, body, sender, newer)
        elif push.topic is not None and is_topic_refused(target.host, answer):
            # The shop loses the replacing of an older push, not the push; ours should never be refused, so it is told.
            self._tell(target.host, answer, "topic")
            return await self._post(push, target, body, sender, authorization, with_topic=False)
        return answer

    def _post(
        self,
        push: Push,
        target: Target,
        body: bytes,
        sender: "_Sender",
        authorization: str,
        *,
        with_topic: bool = True,
    ) -> Awaitable[Answer]:
        own = [("ttl", str(push.ttl_s))]
        if push.topic is not None and with_topic:
            own.append(("topic", topic_of(push.topic)))
        if target.host.endswith(WINDOWS):
            own.append(("x-wns-cache-policy", "cache" if push.ttl_s else "no-cache"))  # it insists that the two agree
        fixed = sender.fields(authorization, push.urgency)
        return self._wire.http.post(target, fixed, own, body, peer=sender.peer)

    def _new_origin(self, prefix: bytes) -> str:
        try:
            origin = self._wire.egress.check_url(prefix.decode()).origin
        except (EgressRefused, UnicodeDecodeError):
            return ""
        if len(self._origins) >= EGRESS_ORIGINS_KEPT_MAX:
            self._origins.clear()
        self._origins[prefix] = origin
        return origin

    def _note_life(self, target: Target, answer: Answer, *, asked_s: int) -> None:
        """Tells once for each origin that it keeps pushes for less than asked: those after that time never arrive."""
        if len(self._lives_s) >= EGRESS_ORIGINS_KEPT_MAX:
            self._lives_s.clear()
        self._lives_s[target.origin] = asked_s
        shorter_s = shorter_life_s(answer, asked_s=asked_s)
        if shorter_s is not None:
            log("transports").warning("life_shortened", host=target.host, asked_s=asked_s, kept_s=shorter_s)

    def _tell(self, host: str, answer: Answer, reason: str) -> None:
        """Puts a service's own words into the log, each of their kind once: a million devices may hear them."""
        words = words_of(answer)
        kind = (host, answer.status, reason)
        if kind in self._told:
            return
        if len(self._told) >= REFUSALS_TOLD_MAX:
            self._told.clear()
        self._told.add(kind)
        log("transports").warning("push_service_refused", host=host, status=answer.status, **words)


class _Sender:
    """What is kept for one credential: its signatures, and the headers that many pushes share."""

    def __init__(self, credential: Credential) -> None:
        self.signer = VapidSigner(VapidKey.from_pem(credential.secret), credential.public["subject"])
        self.peer = Peer((credential.app_id, credential.id))
        self._fields: dict[tuple[str, Urgency], Fields] = {}

    def fields(self, authorization: str, urgency: Urgency) -> Fields:
        """The same object for the same headers: connections know it by its identity."""
        fields = self._fields.get((authorization, urgency))
        if fields is None:
            if len(self._fields) >= _FIELDS_KEPT_MAX:
                self._fields.clear()
            fields = self._fields[authorization, urgency] = Fields(
                [
                    ("authorization", authorization),
                    ("content-encoding", "aes128gcm"),
                    ("content-type", "application/octet-stream"),
                    ("urgency", urgency),
                ]
            )
        return fields


@lru_cache(TOPICS_KEPT_MAX)
def topic_of(key: str) -> str:
    """A Topic header for a collapse key: 32 characters that no service refuses."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())[:_TOPIC_CHARS].decode("ascii")


def _minted(key: VapidKey, subject: str) -> Minted:
    try:
        checked = check_subject(subject)
    except ValueError as fault:
        raise Invalid("subject_invalid", str(fault), param="subject") from None
    return Minted({"vapid_public_key": key.public_base64url, "subject": checked}, key.to_pem())


def _key_field(keys: Mapping[str, Any], name: str) -> bytes:
    text = keys.get(name)
    if not isinstance(text, str):
        raise Invalid("field_missing", f"A subscription has keys.{name}, in base64url.", param=f"keys.{name}")
    try:
        return decode_base64url(text.rstrip("="))
    except ValueError:
        raise Invalid("key_material_invalid", f"keys.{name} is not base64url.", param=f"keys.{name}") from None
