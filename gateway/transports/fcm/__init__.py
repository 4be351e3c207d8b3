"""Google's push service for apps (Firebase Cloud Messaging, FCM): Android, and what else Firebase reaches.

Sources, all of Firebase's documentation (https://firebase.google.com/docs/cloud-messaging and .../docs/reference/fcm):
"Method: projects.messages.send", "REST Resource: projects.messages", "FCM v1 ErrorCode", "Throttling and quotas",
"Best practices when sending FCM messages at scale"; for access tokens see `account`.

Limits: 4,096 bytes of payload; a life of 0 to 2,419,200 s; 600,000 messages a minute and project, to be reached within
a minute or more, not at once; at most four collapse keys at a time on one device; an access token lives an hour.

Read on in `account` (the service account), `fields` (what a message may say to FCM alone), `payload` (what a device
gets), `answers` (what Google says) and `trial` (whether Google takes an account).
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec

from gateway.model.delivery import Misconfigured, Outcome, Push
from gateway.model.errors import GatewayError, Invalid
from gateway.model.ids import to_text
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
    Token,
    Wire,
    outcome_of_failure,
)
from gateway.transports.fcm.account import TOKEN_HOST, Account, granted_in, load, read
from gateway.transports.fcm.answers import (
    accepted,
    is_token_refused,
    outcome_of,
    outcome_of_token_failure,
    outcome_without_token,
    refusal_in,
)
from gateway.transports.fcm.fields import Fields, fields_of
from gateway.transports.fcm.payload import PAYLOAD_BYTES_MAX, Envelope, bytes_max_of, envelope, renderer
from gateway.transports.fcm.trial import BODY, problem_in
from gateway.transports.opened import Opened
from gateway.wire.egress import Target
from gateway.wire.exchange import Answer, Peer, WireFailure
from gateway.wire.exchange import Fields as Headers
from gateway.wire.urls import EgressRefused, parse_origin

_FORMAT: Final = b"\x01"
_TOKEN: Final = re.compile(r"[!#-\[\]-~]{20,4096}", re.ASCII)
"""Opaque; but printable, and without the two signs that JSON would have to escape."""
_RENEW_AFTER_S: Final = 3_300.0
_RENEW_AGE_S_MIN: Final = 30.0
"""A token that is refused this young is not refused for its age."""
_TOLD_EVERY_S: Final = 3_600.0
_PUSHES_A_SECOND: Final = 10_000.0
_RAMP_S: Final = 60.0
_NOT_ALLOWED: Final = Misconfigured("endpoint_refused")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[providers.fcm]` of steeple.toml, for rehearsals."""

    base_url: str = "https://fcm.googleapis.com"
    """Scheme, host and port of the service."""


class Provider:
    """Devices that an app registered with Firebase, by the token that it got."""

    name: ClassVar[str] = "fcm"
    medium: ClassVar[Medium] = "push"
    hosts: ClassVar[tuple[str, ...]] = ("fcm.googleapis.com", TOKEN_HOST)
    binds_devices: ClassVar[bool] = False
    pace: ClassVar[Pace] = Pace(rate_max=_PUSHES_A_SECOND, ramp_s=_RAMP_S)
    platform: ClassVar[Platform] = Platform.ANDROID_APP
    page_fields: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, wire: Wire) -> None:
        """Raises `GatewayError` (setting_invalid) for a table that cannot be used."""
        self._wire = wire
        self._origin = _origin_in(wire.settings.get(self.name, {}))
        self._sessions = Opened(self._opened)

    @staticmethod
    def generate(subject: str) -> None:
        """Google issues service accounts."""
        del subject

    @staticmethod
    def load(raw: str, subject: str) -> Minted:
        """The JSON file of a service account; what is shown of it: project, address, id of the key."""
        del subject
        return Minted(*load(raw))

    def address(self, raw: Mapping[str, Any]) -> Address:
        """Packs `token`."""
        token = raw.get("token")
        if not isinstance(token, str) or not token:
            raise Invalid("field_missing", "A device of Firebase's has a token.", param="token")
        if _TOKEN.fullmatch(token) is None:
            raise Invalid("field_invalid", "A token is 20 to 4,096 printable characters without spaces.", param="token")
        return Address(_FORMAT + token.encode(), token.encode())

    def check_reach(self, wire: bytes, public: Mapping[str, Any]) -> None:
        """A token does not say its project: the service will."""

    def describe(self, wire: bytes) -> dict[str, Any]:
        """The token again."""
        return {"token": wire[len(_FORMAT) :].decode()}

    def lane_of(self, wire: bytes) -> str:
        """One service for all."""
        del wire
        return self._origin

    def check_extra(self, fields: Mapping[str, Any]) -> None:
        """Names, types and bounds of Firebase's fields, and none that goes around a check of ours."""
        fields_of(fields, name=self.name)

    def compile(self, content: Content, *, message_id: int) -> Compiled:
        """JSON put together once per language, and an envelope for all devices."""
        fields, text = _checked_before(content, self.name), to_text("msg", message_id)
        return Compiled(
            renderer(content, fields, message_text=text),
            envelope(content, fields, message_text=text),
            bytes_max_of(content),
        )

    def payload_bytes_max(self, platform: int) -> int:
        """4,096 bytes as FCM counts, which leaves out the signs of JSON; about 1,000 more of JSON."""
        del platform
        return PAYLOAD_BYTES_MAX

    def make_ahead(self, wire: bytes) -> bool:
        """There is nothing that could be made ahead."""
        del wire
        return False

    async def send(self, push: Push, credential: Credential) -> Outcome:
        """Posts with the access token that all processes share, and reads the answer by the table in `answers`."""
        around: Envelope = push.options or _PLAIN
        return await self._send(credential, around.around(push, now_s=self._wire.clock()))

    async def check(self, credential: Credential) -> str | None:
        """Has a message judged that goes to nobody: see `trial`."""
        try:
            return problem_in(await self._send(credential, BODY))
        except (ValueError, LookupError):
            return "What is stored is no service account."

    async def _send(self, credential: Credential, body: bytes) -> Outcome:
        session = self._sessions.of(credential)
        if session is None:
            return _NOT_ALLOWED
        now_s = self._wire.clock()
        try:
            answer = await session.post(body)
        except _NoTokenError as none:
            return none.outcome
        except WireFailure as failure:
            return outcome_of_failure(failure)
        if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success
            return accepted(answer)
        refusal = refusal_in(answer)
        if refusal.is_about_a_third_party:
            session.tell_of_third_party(now_s)
        return outcome_of(answer, refusal, now_s=now_s)

    async def aclose(self) -> None:
        """Forgets the opened accounts."""
        self._sessions.clear()

    def _opened(self, credential: Credential) -> "_Session | None":
        """None where the operator does not permit the place."""
        account = read(credential.secret)
        try:
            target = self._wire.egress.check_url(f"{self._origin}/v1/projects/{account.project_id}/messages:send")
        except EgressRefused:
            return None
        return _Session(self._wire, account, target)


class _NoTokenError(Exception):
    """There is no access token, and what that means for the push."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class _Session:
    """One service account at work: its address, its access token, the headers that all its pushes share."""

    def __init__(self, wire: Wire, account: Account, target: Target) -> None:
        self._wire = wire
        self._account = account
        self._target = target
        self._token_name = account.token_name
        self._peer = Peer(account.project_id)
        self._headers: tuple[str, Headers] = ("", Headers([]))
        self._told_at_s = float("-inf")

    async def post(self, body: bytes) -> Answer:
        """The answer, after a renewal of the token if it was that; raises `WireFailure` and `_NoTokenError`."""
        token = await self._token()
        answer = await self._post(token, body)
        if answer.status != 401 or not is_token_refused(answer, refusal_in(answer)):  # noqa: PLR2004 - before a closer look
            return answer
        renewed = await self._token(refused=token.text)
        return answer if renewed.text == token.text else await self._post(renewed, body)

    def tell_of_third_party(self, now_s: float) -> None:
        """The operator has to upload a key at Firebase, which no lane that stops would tell: once an hour."""
        if now_s - self._told_at_s >= _TOLD_EVERY_S:
            self._told_at_s = now_s
            log("transports").error("third_party_key_refused", project=self._account.project_id)

    async def _post(self, token: Token, body: bytes) -> Answer:
        text, headers = self._headers
        if text != token.text:
            pairs = [("authorization", f"Bearer {token.text}"), ("content-type", "application/json")]
            headers = Headers(pairs)
            self._headers = (token.text, headers)
        return await self._wire.http.post(self._target, headers, (), body, peer=self._peer, wants_body=True)

    async def _token(self, refused: str | None = None) -> Token:
        try:
            return await self._wire.tokens.get(
                self._token_name,
                self._ask_for_token,
                renew_after_s=_RENEW_AFTER_S,
                refused=refused,
                age_s_min=_RENEW_AGE_S_MIN,
            )
        except WireFailure as failure:
            raise _NoTokenError(outcome_of_token_failure(failure)) from failure

    async def _ask_for_token(self) -> Token:
        """A new access token from Google (RFC 7523). Raises `_NoTokenError` and `WireFailure`."""
        now_s = self._wire.clock()
        try:
            target = self._wire.egress.check_url(self._account.token_uri)
        except EgressRefused as refused:
            raise _NoTokenError(_NOT_ALLOWED) from refused
        answer = await self._wire.http.post(target, _GRANT_HEADERS, (), self._account.grant(now_s), wants_body=True)
        granted = granted_in(answer) if answer.status == 200 else None  # noqa: PLR2004 - RFC 6749 section 5.1
        if granted is None:
            raise _NoTokenError(outcome_without_token(answer, now_s=now_s))
        return Token(text=granted.access_token, made_at_s=now_s, expires_at_s=now_s + granted.expires_in)


_GRANT_HEADERS: Final = Headers([("content-type", "application/x-www-form-urlencoded")])
_PLAIN: Final = envelope(Content(), Fields(), message_text="")


def _origin_in(table: Mapping[str, Any]) -> str:
    try:
        settings = msgspec.convert(dict(table), Settings)
        return parse_origin(settings.base_url.rstrip("/")).text
    except (msgspec.ValidationError, EgressRefused) as fault:
        raise GatewayError("setting_invalid", f"Setting [providers.fcm]: {fault}") from None


def _checked_before(content: Content, name: str) -> Fields:
    """The fields that `check_extra` let pass when the message was ordered."""
    try:
        return fields_of(content.extra.get(name, {}), name=name)
    except Invalid:
        return Fields()
