"""One call: the request, who makes it and for which app. Handlers get this and nothing else."""

import hashlib
import re
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from gateway.api import bodies
from gateway.api.gate import Gate
from gateway.api.origins import has_origin
from gateway.api.route import Route
from gateway.api.services import Services
from gateway.model.app import ApiKey, App
from gateway.model.errors import GatewayError, Invalid, NotFound
from gateway.model.ids import Prefix, from_text, new_id, to_text
from gateway.model.limits import (
    IDEMPOTENCY_KEY_BYTES_MAX,
    PAGE_ROWS_DEFAULT,
    PAGE_ROWS_MAX,
    REQUEST_ID_CHARS_MAX,
)
from gateway.sending.accept import Claim

T = TypeVar("T")

_REQUEST_ID: Final = re.compile(rf"[A-Za-z0-9._:-]{{1,{REQUEST_ID_CHARS_MAX}}}")
_CURSOR_CHARS_MAX: Final = 200
_TRUE: Final = ("true", "1", "yes")
_FALSE: Final = ("false", "0", "no")


class Call:
    """A request on its way through a handler.

    app, key: set by the key of a keyed call, or by the handler of a public one (`enter_app`).
    body: what was read of the body, whole; empty for streams.
    """

    __slots__ = ("app", "body", "gate", "key", "request", "request_id", "route", "services", "started")

    def __init__(self, request: web.Request, route: Route, gate: Gate) -> None:
        self.request = request
        self.route = route
        self.gate = gate
        self.services: Services = gate.services
        self.request_id = _request_id(request.headers.get("X-Request-Id"))
        self.app: App | None = None
        self.key: ApiKey | None = None
        self.body = b""
        self.started: web.StreamResponse | None = None

    # --- what was sent ------------------------------------------------------------------------------------------------

    def decode(self, decoder: "msgspec.json.Decoder[T]") -> T:
        """The body as a struct."""
        return bodies.decode(self.body, decoder)

    def query(self, name: str) -> str | None:
        """A query parameter; the first of several."""
        return self.request.query.get(name)

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false; false without it."""
        text = self.query(name)
        if text is None or text in _FALSE:
            return False
        if text in _TRUE:
            return True
        raise Invalid("field_invalid", "Expected true or false.", param=name)

    def path_id(self, prefix: Prefix, what: str) -> int:
        """The id in the path; 404 for what is no such id at all."""
        number = from_text(prefix, self.request.match_info["id"])
        if number is None:
            raise NotFound(what)
        return number

    def page_limit(self) -> int:
        """`?limit=`, 1 to 100."""
        text = self.query("limit")
        if text is None:
            return PAGE_ROWS_DEFAULT
        if not (
            text.isascii()
            and text.isdigit()
            and len(text) <= len(str(PAGE_ROWS_MAX))
            and int(text) in range(1, PAGE_ROWS_MAX + 1)
        ):
            raise Invalid("field_invalid", f"A page has 1 to {PAGE_ROWS_MAX} rows.", param="limit")
        return int(text)

    def cursor(self) -> str | None:
        """`?after=`: what `next` of the page before said."""
        text = self.query("after")
        if text is not None and (len(text) > _CURSOR_CHARS_MAX or not text.isascii()):
            raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
        return text or None

    def now(self) -> datetime:
        """The time, aware."""
        return self.services.clock()

    # --- who sent it --------------------------------------------------------------------------------------------------

    @property
    def origin(self) -> str | None:
        """The page's origin, as the browser tells it."""
        return self.request.headers.get("Origin")

    @property
    def address(self) -> str:
        """The client's address, as rates are counted by."""
        return self.gate.proxies.client(self.request.remote, self.request.headers.get("X-Forwarded-For"))

    @property
    def bearer(self) -> str | None:
        """What the Authorization header brings; None without one."""
        header = self.request.headers.get("Authorization")
        if header is None:
            return None
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise GatewayError("key_invalid", "Send the key as `Authorization: Bearer ...`.", kind="authentication")
        return token.strip()

    def brings(self, prefix: str) -> bool:
        """Whether the Authorization header brings a text that begins so."""
        return self.request.headers.get("Authorization", "").partition(" ")[2].lstrip().startswith(prefix)

    @property
    def actor(self) -> str:
        """Who did it, for the audit log."""
        return "device" if self.key is None else to_text("key", self.key.id)

    # --- for which app ------------------------------------------------------------------------------------------------

    async def enter_app(self, named: str | None) -> App:
        """The app of a public call: rated by address and app, and for browsers held to the app's origins.

        Raises 404 for an unknown app, 403 for a page of a foreign origin, 429.
        """
        if not named:
            raise Invalid("field_missing", "Name the app, as `app_...`.", param="app")
        self.gate.check_stranger(self.address)
        try:
            app = await self.find_app(named)
        except GatewayError as fault:
            if fault.kind == "not_found":
                self.gate.note_stranger(self.address)
            raise
        self.admit_to(app)
        return app

    def admit_to(self, app: App) -> None:
        """Lets a public call into this app. Raises 403 for a page of a foreign origin, 429."""
        self.gate.take_for_app(self.address, app.id)
        if self.origin is not None and not has_origin(app, self.origin):
            raise GatewayError(
                "origin_refused", "This page's origin is not among the app's origins.", kind="permission"
            )
        self.app = app

    async def app_for(self, named: str | None, *, param: str = "app") -> App:
        """The app that a keyed call is about: the key's own, or for keys of the installation the one that is named.

        Another app than the key's is a 404, so that nobody learns what there is.
        """
        own = self.app
        if own is None:
            if not named:
                raise Invalid("field_missing", "This key is the installation's: name the app.", param=param)
            own = self.app = await self.find_app(named, param=param)
        elif named and from_text("app", named) != own.public_id:
            raise NotFound("app", param=param)
        return own

    async def find_app(self, named: str, *, param: str = "app") -> App:
        """The app of this text id; 404."""
        public_id = from_text("app", named)
        if public_id is None:
            raise NotFound("app", param=param)
        return await self.services.keyring.app(public_id)

    # --- repeated calls -----------------------------------------------------------------------------------------------

    def idempotency_key(self) -> str | None:
        """The Idempotency-Key, checked; None without one."""
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return None
        if not 0 < len(key) <= IDEMPOTENCY_KEY_BYTES_MAX or not (key.isascii() and key.isprintable()):
            raise GatewayError(
                "header_invalid",
                f"An Idempotency-Key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} printable ASCII characters.",
                status=400,
                param="Idempotency-Key",
            )
        return key

    def request_hash(self) -> bytes:
        """What makes two calls the same: method, path with query, body."""
        digest = hashlib.sha256(f"{self.request.method} {self.request.path_qs}\n".encode())
        digest.update(self.body)
        return digest.digest()

    def claim(self) -> Claim | None:
        """The Idempotency-Key with what it stands for."""
        key = self.idempotency_key()
        return None if key is None else Claim(key, self.request_hash())


def _request_id(given: str | None) -> str:
    if given is not None and _REQUEST_ID.fullmatch(given) is not None:
        return given
    return to_text("req", new_id())


def decoder_of(struct: Any) -> "msgspec.json.Decoder[Any]":
    """A decoder to keep at module level: making one costs as much as using it a hundred times."""
    return msgspec.json.Decoder(struct)
