"""What a test of the API talks with: a gateway, and a shop that calls it."""

import io
import itertools
import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.api.services import Services
from gateway.model.app import App, Scope
from gateway.model.ids import from_text, to_text
from gateway.tenancy import api_keys, apps
from gateway.wire.base64url import encode_base64url

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """An answer, read."""

    status: int
    headers: Any
    body: Any
    text: str

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return self.body["error"]["code"]

    @property
    def param(self) -> str | None:
        """The field at fault."""
        return self.body["error"]["param"]


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    body: Any = None,
    raw: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One call."""
    given: dict[str, Any] = {"json": body} if raw is None and body is not None else {"data": raw and io.BytesIO(raw)}
    async with session.request(method, url, headers=headers, **given) as answer:
        text = await answer.text()
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return Answer(answer.status, answer.headers, await answer.json() if is_json and text else None, text)


@dataclass(frozen=True)
class Shop:
    """An app, and a key of it."""

    gateway: "Gateway"
    session: aiohttp.ClientSession
    app: App
    key: str

    @property
    def id(self) -> str:
        return to_text("app", self.app.public_id)

    @property
    def origin(self) -> str:
        return self.app.origins[0]

    async def call(self, method: str, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> Answer:
        """A call of the shop's server."""
        headers = {"Authorization": f"Bearer {key or self.key}", **options.pop("headers", {})}
        return await ask(self.session, method, self.gateway.url + path, body=body, headers=headers, **options)

    async def page(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """A call of one of the shop's pages."""
        headers = {"Origin": self.origin, **options.pop("headers", {})}
        return await ask(self.session, method, self.gateway.url + path, body=body, headers=headers, **options)

    async def new_key(self, *scopes: Scope) -> str:
        """A key with these scopes only."""
        issued = await api_keys.issue(
            self.gateway.services.database, app_id=self.app.id, name="test", scopes=scopes, actor="test"
        )
        return issued.text

    async def enrol(self, **fields: Any) -> dict[str, Any]:
        """A device of this shop."""
        answer = await self.page("POST", "/v1/subscriptions", {"app": self.id, **browser(), **fields})
        assert answer.status in (200, 201), answer.text
        return answer.body

    async def token(self, message: str, subscription: str, *, day: date, kinds: int = 7) -> str:
        """The receipt token that a message would carry to a device."""
        signer = await self.gateway.services.keyring.receipt_signer(self.app.id)
        message_id, subscription_id = from_text("msg", message), from_text("sub", subscription)
        assert message_id is not None
        assert subscription_id is not None
        return signer.sign(message_id=message_id, subscription_id=subscription_id, day=day, kinds=kinds)


@dataclass(frozen=True)
class Gateway:
    """A running API."""

    url: str
    services: Services

    async def new_shop(self, session: aiohttp.ClientSession, *, origins: list[str]) -> Shop:
        """Makes an app."""
        made = await apps.create_app(
            self.services.database,
            self.services.vault,
            name=f"shop {next(_numbers)} {secrets.token_hex(4)}",
            origins=origins,
            subject="mailto:push@shop.example",
            settings={"quiet_hours": None},
        )
        return Shop(self, session, made.app, made.api_key_text)

    async def admin_key(self) -> str:
        """A key of the installation."""
        issued = await api_keys.issue(
            self.services.database, app_id=None, name="operator", scopes=("admin",), actor="test"
        )
        return issued.text


def browser(endpoint: str | None = None) -> dict[str, Any]:
    """What a browser sends of a new subscription."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return {
        "channel": "webpush",
        "endpoint": endpoint or f"https://updates.push.services.mozilla.com/wpush/v2/{secrets.token_urlsafe(24)}",
        "keys": {"p256dh": encode_base64url(point), "auth": encode_base64url(secrets.token_bytes(16))},
    }
