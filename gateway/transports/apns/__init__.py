"""Apple's push service (APNs): apps on iOS, iPadOS, macOS, tvOS, watchOS, visionOS.

Sources, all of Apple's developer documentation (https://developer.apple.com/documentation/usernotifications): "Sending
notification requests to APNs", "Handling notification responses from APNs", "Establishing a token-based connection to
APNs", "Establishing a certificate-based connection to APNs".

Limits: 4,096 bytes of payload (5,120 for VoIP), 64 bytes of collapse id, 30 days of storage and one stored notification
per app and device; a provider token lives an hour and may be exchanged every 20 minutes; a new connection takes one
request until Apple knows who sends.

Read on in `credential` (what the operator brings), `fields` (what a message may say to Apple's devices alone),
`payload` (what a device gets), `answers` (what Apple says) and `trial` (whether Apple takes a credential).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from gateway.model.delivery import Accepted, Misconfigured, Outcome, Push, Rejected, Retry, Urgency
from gateway.model.errors import GatewayError, Invalid
from gateway.model.ids import to_text
from gateway.model.limits import APNS_PAYLOAD_BYTES_MAX, APNS_VOIP_PAYLOAD_BYTES_MAX
from gateway.model.message import Content
from gateway.model.subscriber import Platform
from gateway.transports.apns.answers import (
    EXPIRED_TOKEN,
    TOKEN_UPDATES,
    outcome_of,
    refusal_in,
)
from gateway.transports.apns.credential import BUNDLE_ID, ENVIRONMENTS, Access, access_of, load
from gateway.transports.apns.fields import TOPIC_ENDINGS, Fields, PushType, fields_of, priority_of
from gateway.transports.apns.payload import renderer
from gateway.transports.apns.trial import PAYLOAD, TOKEN, problem_in, trials_of
from gateway.transports.base import (
    Address,
    Compiled,
    Credential,
    Medium,
    Minted,
    Pace,
    Token,
    Wire,
    outcome_of_failure,
)
from gateway.transports.opened import Opened
from gateway.wire.egress import Target
from gateway.wire.exchange import Answer, Peer, WireFailure
from gateway.wire.exchange import Fields as Headers
from gateway.wire.jwt import sign_jwt
from gateway.wire.urls import EgressRefused, parse_origin

_FORMAT: Final = 1
_BUNDLE_AT: Final = 3
"""An address: format, environment, length of the bundle id, bundle id, token."""
_TOKEN: Final = re.compile(r"(?:[0-9a-f]{2}){4,100}", re.ASCII)
"""Apple asks not to count on 32 bytes: Live Activities have longer ones already."""
_COLLAPSE_ID_BYTES_MAX: Final = 64
_FORBIDDEN: Final = 403
_NAMED_MAX: Final = 5
"""Bundle ids that a refusal names."""
_HEADERS_KEPT_MAX: Final = 256
"""Of one credential: its apps times push types times priorities."""

_TOKEN_LIFE_S: Final = 3_600.0
_RENEW_AFTER_S: Final = 45 * 60.0
_RENEW_JITTER_S: Final = 5 * 60.0
"""Apple refuses tokens older than an hour and senders that come with new ones within 20 minutes."""
_RENEW_AGE_S_MIN: Final = 20 * 60.0
_NEW_CONNECTION_S_MIN: Final = 60.0
"""Apple takes rapid connecting for an attack."""

_NOT_COVERED: Final = Rejected("credential_missing", is_unsent=True)
_NOT_ALLOWED: Final = Rejected("endpoint_refused", is_unsent=True)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[providers.apns]` of steeple.toml, for rehearsals. Both are `host` or `host:port`."""

    host: str = "api.push.apple.com"
    """Where pushes to devices of `production` go."""
    sandbox_host: str = "api.sandbox.push.apple.com"
    """Where those to devices of `sandbox` go: builds that Xcode installed."""


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `send` needs of a message besides its payload."""

    push_type: str
    ending: str
    priority: str
    collapse_id: str | None
    seed: bytes


class Provider:
    """Apple's devices, by the token that an app got from its system."""

    name: ClassVar[str] = "apns"
    medium: ClassVar[Medium] = "push"
    hosts: ClassVar[tuple[str, ...]] = ("api.push.apple.com", "api.sandbox.push.apple.com")
    binds_devices: ClassVar[bool] = False
    pace: ClassVar[Pace] = Pace()
    platform: ClassVar[Platform] = Platform.IOS_APP
    page_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, wire: Wire) -> None:
        """Raises `GatewayError` (setting_invalid) for a table that cannot be used."""
        settings = _settings_in(wire.settings.get(self.name, {}))
        self._wire = wire
        self._origins = (f"https://{settings.host}", f"https://{settings.sandbox_host}")
        self._paths = tuple(f"{origin}/3/device/" for origin in self._origins)
        self._renew_after_s = _RENEW_AFTER_S + wire.dice.uniform(-_RENEW_JITTER_S, _RENEW_JITTER_S)
        self._sessions = Opened(self._opened)

    @staticmethod
    def generate(subject: str) -> None:
        """Apple issues its keys."""
        del subject

    @staticmethod
    def load(raw: str, subject: str) -> Minted:
        """A key or a certificate, in the JSON that `credential` describes, or a certificate with its key as PEM."""
        del subject
        return Minted(*load(raw))

    def address(self, raw: Mapping[str, Any]) -> Address:
        """Packs `token`, `environment` (production unless told) and `bundle_id`."""
        token = _text_field(raw, "token").strip().lower()
        if _TOKEN.fullmatch(token) is None:
            raise Invalid("field_invalid", "A device token is 8 to 200 hexadecimal digits.", param="token")
        environment = raw.get("environment", "production")
        if environment not in ENVIRONMENTS:
            raise Invalid("field_invalid", "An environment is production or sandbox.", param="environment")
        bundle_id = _text_field(raw, "bundle_id")
        if BUNDLE_ID.fullmatch(bundle_id) is None:
            raise Invalid("field_invalid", "A bundle id looks like com.shop.app.", param="bundle_id")
        head = bytes((_FORMAT, ENVIRONMENTS.index(environment), len(bundle_id))) + bundle_id.encode()
        wire = head + bytes.fromhex(token)
        return Address(wire, wire)

    def check_reach(self, wire: bytes, public: Mapping[str, Any]) -> None:
        """A key names its apps; a certificate its topics, such as `com.shop.app.voip` for the calls of com.shop.app."""
        device = self.describe(wire)
        bundle_id, environment = device["bundle_id"], device["environment"]
        if not any(bundle_id + ending in public["bundle_ids"] for ending in set(TOPIC_ENDINGS.values())):
            named = ", ".join(public["bundle_ids"][:_NAMED_MAX])
            raise Invalid("field_invalid", f"The key covers no {bundle_id}, only {named}.", param="bundle_id")
        if environment not in public["environments"]:
            raise Invalid("field_invalid", f"The key is not for {environment}.", param="environment")

    def describe(self, wire: bytes) -> dict[str, Any]:
        """The fields again, the token in lower case."""
        end = _BUNDLE_AT + wire[2]
        return {
            "token": wire[end:].hex(),
            "environment": ENVIRONMENTS[wire[1]],
            "bundle_id": wire[_BUNDLE_AT:end].decode(),
        }

    def lane_of(self, wire: bytes) -> str:
        """Apple's host for the device's environment."""
        return self._origins[wire[1]]

    def check_extra(self, fields: Mapping[str, Any]) -> None:
        """Types, bounds and what goes together; raw `aps` fields pass unread."""
        fields_of(fields, name=self.name)

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        """JSON put together once per language; the same headers for all devices but for their ids."""
        fields = _checked_before(content, self.name)
        render = renderer(content, fields, message_text=to_text("msg", message_id), now_s=self._wire.clock())
        bytes_max = APNS_VOIP_PAYLOAD_BYTES_MAX if fields.push_type == "voip" else None
        return Compiled(render, _options_of(fields, content.urgency, message_id), bytes_max)

    def payload_bytes_max(self, platform: int) -> int:
        """4,096 bytes, whatever the device; a call (`voip`) has 5,120, as its message says."""
        del platform
        return APNS_PAYLOAD_BYTES_MAX

    def make_ahead(self, wire: bytes) -> bool:
        """Nothing is made ahead."""
        del wire
        return False

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """One request, and a second one with a fresh token where Apple finds the first one's too old."""
        options: _Options = push.options or _PLAIN
        wire = push.wire
        end = _BUNDLE_AT + wire[2]
        try:
            session = self._sessions.of(credential)
            target = self._wire.egress.check_url(self._paths[wire[1]] + wire[end:].hex())
        except EgressRefused:
            return _NOT_ALLOWED
        except (ValueError, LookupError):
            return Misconfigured("credential_unreadable")
        topic = session.topic(wire[1:end], options.ending)
        now_s = self._wire.clock()
        if topic is None or session.is_over(now_s):
            return _NOT_COVERED if topic is None else Misconfigured("certificate_expired")
        own = _own_headers(push, options, now_s)
        try:
            answer = await session.post(target, (topic, options.push_type, options.priority), own, push.payload)
        except WireFailure as failure:
            return outcome_of_failure(failure)
        except _TokenUnavailableError:
            return Retry("token_unavailable", scope="lane")
        if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success
            return Accepted(own[0][1])
        refusal = refusal_in(answer)
        if refusal.reason == TOKEN_UPDATES:
            session.leave_connection(target.host, now_s)
        return outcome_of(answer, refusal, now_s=now_s)

    async def check(self, credential: Credential) -> str | None:
        """Sends to a device that does not exist, for each app and environment: see `trial`."""
        problems: dict[str, list[str]] = {}
        try:
            trials = list(trials_of(access_of(credential.secret)))
        except (ValueError, LookupError):
            return problem_in(Misconfigured("credential_unreadable"))
        for bundle_id, environment, push_type in trials:
            problem = problem_in(await self._try(credential, bundle_id, environment, push_type))
            if problem is not None:
                problems.setdefault(problem, []).append(f"{bundle_id} ({environment})")
        return " ".join(f"{', '.join(places)}: {problem}" for problem, places in problems.items()) or None

    async def _try(self, credential: Credential, bundle_id: str, environment: str, push_type: PushType) -> Outcome:
        wire = self.address({"token": TOKEN, "environment": environment, "bundle_id": bundle_id}).wire
        options = _options_of(Fields(push_type=push_type), "low", 0)
        return await self.send(
            Push(credential.app_id, credential.id, wire, PAYLOAD, 0, "low", None, options), credential
        )

    async def aclose(self) -> None:
        """Forgets the opened credentials."""
        self._sessions.clear()

    def _opened(self, credential: Credential) -> "_Session":
        """Raises `ValueError` or `LookupError` for a credential that `load` did not make."""
        return _Session(access_of(credential.secret), self._wire, self._renew_after_s)


class _TokenUnavailableError(Exception):
    """Whatever keeps the shared token from this process, pushes can wait for it."""


class _Session:
    """One credential at work: its token, its connections, the headers that its requests share."""

    def __init__(self, access: Access, wire: Wire, renew_after_s: float) -> None:
        self._access = access
        self._wire = wire
        self._renew_after_s = renew_after_s
        self._token_name = f"apns/{access.name}"
        self._topics: dict[tuple[bytes, str], str | None] = {}
        self._headers: dict[tuple[str, str, str], Headers] = {}
        self._headers_text: str | None = None
        self._peers: dict[str, Peer] = {}
        self._left: dict[str, tuple[int, float]] = {}

    def topic(self, place: bytes, ending: str) -> str | None:
        """The topic for an address (its environment and bundle id); None where the credential does not cover it."""
        try:
            return self._topics[place, ending]
        except KeyError:
            if len(self._topics) >= _HEADERS_KEPT_MAX:
                self._topics.clear()
            found = self._access.topic(place[2:].decode(), ending, ENVIRONMENTS[place[0]])
            self._topics[place, ending] = found
            return found

    def is_over(self, now_s: float) -> bool:
        """Whether the certificate has expired: TLS would fail, and would not say why."""
        return self._access.expires_at_s is not None and self._access.expires_at_s <= now_s

    async def post(
        self, target: Target, kind: tuple[str, str, str], own: Sequence[tuple[str, str]], body: bytes
    ) -> Answer:
        """Apple's answer. Raises `WireFailure`, and `_TokenUnavailableError`."""
        text = await self._text()
        http, peer = self._wire.http, self._peer(target.host)
        answer = await http.post(target, self._fixed(text, kind), own, body, peer=peer)
        if answer.status != _FORBIDDEN or self._access.signing is None or refusal_in(answer).reason != EXPIRED_TOKEN:
            return answer
        fresh = await self._text(refused=text)
        return answer if fresh == text else await http.post(target, self._fixed(fresh, kind), own, body, peer=peer)

    def leave_connection(self, host: str, now_s: float) -> None:
        """Has later requests go over a new connection, with the same token: this one is of no use for a while."""
        number, at_s = self._left.get(host, (0, float("-inf")))
        if now_s - at_s >= _NEW_CONNECTION_S_MIN:
            self._left[host] = (number + 1, now_s)
            self._peers.pop(host, None)

    def _peer(self, host: str) -> Peer:
        peer = self._peers.get(host)
        if peer is None:
            number, _ = self._left.get(host, (0, 0.0))
            key = (self._access.name, host, number)
            peer = self._peers[host] = Peer(key, self._access.identity, is_one_first=True)
        return peer

    def _fixed(self, text: str, kind: tuple[str, str, str]) -> Headers:
        if text != self._headers_text or len(self._headers) >= _HEADERS_KEPT_MAX:
            self._headers.clear()
            self._headers_text = text
        fixed = self._headers.get(kind)
        if fixed is None:
            topic, push_type, priority = kind
            pairs = [("apns-topic", topic), ("apns-push-type", push_type), ("apns-priority", priority)]
            fixed = self._headers[kind] = Headers([("authorization", f"bearer {text}"), *pairs] if text else pairs)
        return fixed

    async def _text(self, refused: str | None = None) -> str:
        """The text of the token that all processes share; with `refused` another one, if there may be one yet."""
        if self._access.signing is None:
            return ""
        try:
            token = await self._wire.tokens.get(
                self._token_name,
                self._make,
                renew_after_s=self._renew_after_s,
                refused=refused,
                age_s_min=_RENEW_AGE_S_MIN,
            )
        except Exception as fault:
            raise _TokenUnavailableError from fault
        return token.text

    async def _make(self) -> Token:
        signing = self._access.signing
        assert signing is not None
        now_s = self._wire.clock()
        text = sign_jwt({"kid": signing.key_id}, {"iss": signing.team_id, "iat": int(now_s)}, signing.key)
        return Token(text=text, made_at_s=now_s, expires_at_s=now_s + _TOKEN_LIFE_S)


def _settings_in(table: Mapping[str, Any]) -> Settings:
    try:
        settings = msgspec.convert(dict(table), Settings)
        for host in (settings.host, settings.sandbox_host):
            parse_origin(f"https://{host}")
    except (msgspec.ValidationError, EgressRefused) as fault:
        raise GatewayError("setting_invalid", f"Setting [providers.apns]: {fault}") from None
    return settings


def _text_field(raw: Mapping[str, Any], name: str) -> str:
    text = raw.get(name)
    if not isinstance(text, str) or not text:
        raise Invalid("field_missing", f"A device of Apple's has a {name}.", param=name)
    return text


def _checked_before(content: Content, name: str) -> Fields:
    """The fields that `check_extra` let pass when the message was ordered."""
    try:
        return fields_of(content.extra.get(name, {}), name=name)
    except Invalid:
        return Fields()


def _options_of(fields: Fields, urgency: Urgency, message_id: int) -> _Options:
    return _Options(
        push_type=fields.push_type,
        ending=TOPIC_ENDINGS[fields.push_type],
        priority=priority_of(fields, urgency),
        collapse_id=fields.collapse_id,
        seed=message_id.to_bytes(8, "big"),
    )


_PLAIN: Final = _options_of(Fields(), "normal", 0)


def _own_headers(push: Push, options: _Options, now_s: float) -> list[tuple[str, str]]:
    own = [
        ("apns-id", _message_id(options.seed, push.wire)),
        ("apns-expiration", str(int(now_s) + push.ttl_s) if push.ttl_s else "0"),
    ]
    collapse_id = options.collapse_id or push.topic
    if collapse_id:
        own.append(("apns-collapse-id", _fitting(collapse_id)))
    return own


def _message_id(seed: bytes, wire: bytes) -> str:
    """A UUID (RFC 9562, version 8) that is the same each time a message goes to a device."""
    digits = hashlib.blake2b(seed + wire, digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _fitting(collapse_id: str) -> str:
    """At most 64 bytes that a header can hold: longer ones by their hash."""
    if len(collapse_id) <= _COLLAPSE_ID_BYTES_MAX and collapse_id.isascii() and collapse_id.isprintable():
        return collapse_id
    return hashlib.sha256(collapse_id.encode()).hexdigest()
