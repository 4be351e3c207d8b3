"""Web Push: RFC 8030 (delivery), RFC 8291 (encryption), RFC 8292 (VAPID).

Payloads are Declarative Web Push (https://www.w3.org/TR/push-api/, section on declarative push messages): Safari shows
them without a worker, our worker reads the same JSON elsewhere.

Where services differ from the RFCs, and from each other, the sources are: Mozilla autopush's documentation of errors
and HTTP; the Firebase documentation; Apple, "Sending web push notifications in web apps and browsers"; Microsoft's WNS
request and response headers. `outcome_of` has all of it.
"""

import asyncio
import base64
import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Final

import msgspec

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
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.language import language_finder, text_in
from gateway.model.limits import PAYLOAD_BYTES_MAX
from gateway.model.message import Action, Content
from gateway.model.subscriber import Platform
from gateway.transports.base import Address, Compiled, Credential, Medium, Minted, Pace, Wire
from gateway.wire import ece
from gateway.wire.base64url import decode_base64url, encode_base64url
from gateway.wire.exchange import Answer, Fields, Peer, WireFailure
from gateway.wire.retry_after import retry_after_s
from gateway.wire.urls import EgressRefused
from gateway.wire.vapid import VapidKey, VapidSigner, check_subject

_FORMAT: Final = 1
_POINT: Final = slice(1, 66)
_AUTH: Final = slice(66, 82)
_ENDPOINT: Final = slice(82, None)
_FIREFOX_ANDROID_BYTES_MAX: Final = 2744
"""Mozilla bridges to Google's service there, which takes less (autopush documentation, HTTP, size of data)."""
_TOPIC_CHARS: Final = 32
"""RFC 8030 section 5.4 permits up to 32; Apple refuses lengths that are no whole base64 (1 mod 4), so always 32."""
_SIGNERS_KEPT_MAX: Final = 4096
_ENCRYPTED_PER_TURN: Final = 16
"""About 1.5 ms of work."""
_THROTTLED_DEVICE_S: Final = 60.0
_OWN_FIELDS: Final = {"navigate": "url", "actions": "actions", "data": "data"}
"""What a message says in fields of its own, and how those are called."""
_MARKER: Final = "\u0000receipt\u0000"
_OURS: Final = "steeple"
"""Under this name in `data` lie the ids and the receipt token that our worker reads."""


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
    pace: ClassVar[Pace] = Pace()

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._encryption = _Encryption()
        self._signers: dict[tuple[int, int], tuple[Credential, VapidSigner]] = {}
        self._fixed_fields: dict[str, Fields] = {}

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

    def describe(self, wire: bytes) -> dict[str, Any]:
        """The PushSubscription again, as `PushSubscription.toJSON()` spells it."""
        return {
            "endpoint": wire[_ENDPOINT].decode(),
            "keys": {"p256dh": encode_base64url(wire[_POINT]), "auth": encode_base64url(wire[_AUTH])},
        }

    def lane_of(self, wire: bytes) -> str:
        """The endpoint's origin; "" where it is not permitted (any more), which `send` then says."""
        try:
            return self._wire.egress.check_url(wire[_ENDPOINT].decode()).origin
        except EgressRefused:
            return ""

    def check_extra(self, fields: Mapping[str, Any]) -> None:
        """Whatever browsers know of a notification, but for what has a field of its own with its checks."""
        for name in _OWN_FIELDS:
            if name in fields:
                raise Invalid(
                    "field_invalid", f"Use `{_OWN_FIELDS[name]}`, which is checked.", param=f"{self.name}.{name}"
                )

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        """Declarative Web Push JSON, put together once per language; per device only ids and token are filled in."""
        return Compiled(_renderer(content, to_text("msg", message_id)))

    def payload_bytes_max(self, platform: int) -> int:
        """3,993 bytes, and less where Firefox for Android receives."""
        return _FIREFOX_ANDROID_BYTES_MAX if platform == Platform.FIREFOX_ANDROID else PAYLOAD_BYTES_MAX

    def make_ahead(self, wire: bytes) -> bool:
        """Nothing is made ahead."""
        del wire
        return False

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """Encrypts, signs (or takes the signature made earlier), posts, and reads the answer by the table below."""
        wire = push.wire
        try:
            target = self._wire.egress.check_url(wire[_ENDPOINT].decode())
        except EgressRefused:
            return Rejected("endpoint_refused", is_unsent=True)
        try:
            body = await self._encryption.of(push)
        except ValueError:
            return Rejected("key_material", is_unsent=True)
        now_s = self._wire.clock()
        authorization = self._signer(credential).authorization(target.origin, now_s)
        own = [("ttl", str(push.ttl_s)), ("urgency", push.urgency)]
        if push.topic is not None:
            own.append(("topic", topic_of(push.topic)))
        if target.host.endswith(_WINDOWS):
            own.append(("x-wns-cache-policy", "cache" if push.ttl_s else "no-cache"))
        try:
            answer = await self._wire.http.post(
                target, self._fixed(authorization), own, body, peer=Peer((credential.app_id, credential.id))
            )
        except WireFailure as failure:
            return _outcome_of_failure(failure)
        return outcome_of(target.host, answer, now_s=now_s)

    async def aclose(self) -> None:
        """Forgets the opened keys."""
        self._signers.clear()

    def _fixed(self, authorization: str) -> Fields:
        fixed = self._fixed_fields.get(authorization)
        if fixed is None:
            if len(self._fixed_fields) >= _SIGNERS_KEPT_MAX:
                self._fixed_fields.clear()
            fixed = self._fixed_fields[authorization] = Fields(
                [
                    ("authorization", authorization),
                    ("content-encoding", "aes128gcm"),
                    ("content-type", "application/octet-stream"),
                ]
            )
        return fixed

    def _signer(self, credential: Credential) -> VapidSigner:
        key = (credential.app_id, credential.id)
        kept = self._signers.get(key)
        if kept is not None and kept[0] is credential:
            return kept[1]
        if kept is not None and kept[0].secret == credential.secret and kept[0].public == credential.public:
            self._signers[key] = (credential, kept[1])
            return kept[1]
        signer = VapidSigner(VapidKey.from_pem(credential.secret), credential.public["subject"])
        if len(self._signers) >= _SIGNERS_KEPT_MAX:
            self._signers.clear()
        self._signers[key] = (credential, signer)
        return signer


class _Encryption:
    """Encrypts what was asked for meanwhile in one go, so much of it per turn of the event loop.

    P-256 and HTTP each fill a core's caches: taking turns message by message costs a third more than either in a row.
    The bound on a turn keeps timers and reads alive.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Push, asyncio.Future[bytes]]] = deque()
        self._is_due = False

    async def of(self, push: Push) -> bytes:
        """The encrypted body. Raises `ValueError` for keys that no browser made."""
        loop = asyncio.get_running_loop()
        body: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append((push, body))
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self._work, loop)
        return await body

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(min(len(self._waiting), _ENCRYPTED_PER_TURN)):
            push, body = self._waiting.popleft()
            if body.done():
                continue  # whoever asked was cancelled meanwhile
            try:
                body.set_result(ece.encrypt(push.payload, p256dh=push.wire[_POINT], auth=push.wire[_AUTH]))
            except Exception as fault:  # noqa: BLE001 - it goes to the one who asked
                body.set_exception(fault)
        self._is_due = bool(self._waiting)
        if self._is_due:
            loop.call_soon(self._work, loop)


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


# --- from answer to outcome -------------------------------------------------------------------------------------------

_MOZILLA: Final = ".mozilla.com"
_APPLE: Final = ".push.apple.com"
_WINDOWS: Final = ".notify.windows.com"

_APPLE_OUR_FAULT: Final = ("BadTtl", "BadUrgency", "BadWebPushTopic", "BadWebPushRequest")
_MOZILLA_GONE: Final = 108
_MOZILLA_DEVICE_KEYS: Final = (101, 110)
_WRONG_KEY_WORDS: Final = (
    "VapidPkHashMismatch",
    "UnauthorizedRegistration",
    "InvalidTokenFormat",
    "do not correspond",
    "does not correspond",
)


def outcome_of(host: str, answer: Answer, *, now_s: float) -> Outcome:
    """What an answer means for the push, the device, the key and the lane."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success
        return _accepted(answer)
    text = answer.body.decode("utf-8", "replace")
    wait_s = retry_after_s(answer.headers.get("retry-after"), now_s=now_s)
    match answer.status:
        case 404 | 410:
            return _gone(answer, text)
        case 400 | 401 | 403:
            return _refused(host, answer.status, text)
        case 413:
            return Rejected("too_large")
        case 429 if host.endswith(_APPLE):
            return Retry("throttled", after_s=max(wait_s or 0.0, _THROTTLED_DEVICE_S))
        case 429 | 406:
            return Retry("throttled", after_s=wait_s, scope="lane")
        case 503:
            return Retry("unavailable", after_s=wait_s, scope="lane" if wait_s else "push")
        case status if status >= 500:  # noqa: PLR2004 - the class of server faults
            return Retry("server_error", after_s=wait_s)
        case status if 300 <= status < 400:  # noqa: PLR2004 - the class of redirects, never followed
            return Rejected("redirect", alarm=True)
        case _:
            return Rejected("unknown_answer", alarm=True)


def _accepted(answer: Answer) -> Outcome:
    """201, and for Windows only if its own header agrees."""
    windows = answer.headers.get("x-wns-status") or answer.headers.get("x-wns-notificationstatus")
    if windows is not None and windows.lower() != "received":
        return Retry("throttled", after_s=_THROTTLED_DEVICE_S)
    return Accepted(answer.headers.get("apns-id") or answer.headers.get("location"))


def _gone(answer: Answer, text: str) -> Outcome:
    """404 and 410 both occur for an expired subscription; Windows also says 410 to a sender it has blocked."""
    described = answer.headers.get("x-wns-error-description", "") + text
    return Misconfigured("blocked") if "domain blocked" in described.lower() else Gone("unsubscribed")


def _refused(host: str, status: int, text: str) -> Outcome:
    """400, 401, 403: the message, the device or our key. What is not certain is `Suspect`."""
    if "BadJwtToken" in text:
        return Misconfigured("vapid_refused")
    if status in (401, 403) or any(word in text for word in _WRONG_KEY_WORDS):
        return Suspect("vapid_refused" if status != 400 else "registration_refused")  # noqa: PLR2004 - HTTP
    if any(word in text for word in _APPLE_OUR_FAULT):
        return Rejected("request_refused", alarm=True)
    if host.endswith(_MOZILLA):
        errno = _errno(text)
        if errno == _MOZILLA_GONE:
            return Gone("router_type")
        if errno in _MOZILLA_DEVICE_KEYS:
            return Rejected("key_material")
    return Rejected("request_refused", alarm=True)


def _errno(text: str) -> int | None:
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return said.get("errno") if isinstance(said, dict) else None


def _outcome_of_failure(failure: WireFailure) -> Outcome:
    """No answer: did the service perhaps get the request all the same?"""
    match failure.kind:
        case "refused":
            return Rejected("endpoint_refused", is_unsent=True)
        case "tls":
            return Misconfigured("tls")
        case "unresolved" | "unreachable":
            return Retry(failure.kind, scope="lane")
        case "unprocessed":
            return Retry(failure.kind)
        case "timeout" | "broken":
            return Retry(failure.kind, unknown=True)


# --- payload ----------------------------------------------------------------------------------------------------------


def _renderer(content: Content, message_text: str) -> Callable[[Device, str, int], bytes]:
    parts: dict[str, tuple[bytes, bytes, bytes]] = {}
    find = language_finder((content.title, content.body))

    def render(device: Device, token: str, _ttl_s: int) -> bytes:
        language = find(device.locale)
        compiled = parts.get(language)
        if compiled is None:
            compiled = parts[language] = _compile(content, language, message_text)
        head, middle, tail = compiled
        return head + to_text("sub", device.subscription_id).encode() + middle + token.encode() + tail

    return render


def _compile(content: Content, language: str, message_text: str) -> tuple[bytes, bytes, bytes]:
    """The JSON of one language in three pieces: before the subscription's id, before the token, after it."""
    sub, token = f"{_MARKER}s", f"{_MARKER}t"
    said: dict[str, Any] = {
        "title": text_in(content.title, language),
        "body": text_in(content.body, language),
        "lang": language,
        "tag": content.tag or content.collapse_key,
        "icon": content.icon,
        "image": content.image,
        "badge": content.badge,
        "silent": content.silent or None,
        "requireInteraction": content.require_interaction or None,
        "app_badge": content.badge_count,
        **_without(content.extra.get(Provider.name, {}), _OWN_FIELDS),
        # Last: a link that was not checked would be opened by browsers that show this without our worker.
        "navigate": content.url,
        "actions": [_action(action) for action in content.actions],
    }
    notification = {name: value for name, value in said.items() if value not in ("", None, [])}
    notification["data"] = {**_without(content.data, (_OURS,)), _OURS: {"m": message_text, "s": sub, "t": token}}
    text = json.dumps({"web_push": 8030, "notification": notification}, ensure_ascii=False, separators=(",", ":"))
    # Ours stands last, so whatever a shop wrote before it, be it the marker itself, is not taken for it.
    rest, _, tail = text.rpartition(json.dumps(token)[1:-1])
    head, _, middle = rest.rpartition(json.dumps(sub)[1:-1])
    return head.encode(), middle.encode(), tail.encode()


def _action(action: Action) -> dict[str, str]:
    said = {"action": action.id, "title": action.title, "icon": action.icon, "navigate": action.url}
    return {name: value for name, value in said.items() if value}


def _without(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
