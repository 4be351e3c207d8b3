"""The demo shop's server: a page, a service worker of one line, and the three calls of a shop's own back end.

The back end holds the API key; the page never sees it. Listens on loopback and answers only under its own names, so
that no other site (nor a name that somebody points at this machine) can make it send.
"""

import html
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from gateway.demo.phones import PhonesShown
from gateway.model.ids import from_text
from gateway.model.limits import DEMO_ANSWER_S, PUBLIC_BODY_BYTES_MAX

_TYPES: Final = {
    "index.html": "text/html",
    "shop.css": "text/css",
    "phones.css": "text/css",
    "phones.js": "text/javascript",
    "shop.js": "text/javascript",
    "worker.js": "text/javascript",
    "bell.svg": "image/svg+xml",
    "coffee.svg": "image/svg+xml",
}
_PATHS: Final = {"/": "index.html", "/steeple/worker.js": "worker.js"}
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ShopSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the shop knows of its gateway. `key` is secret."""

    gateway_url: str
    app: str
    key: str
    devices: int

    def __repr__(self) -> str:
        """Without the key."""
        return f"ShopSettings({self.app})"


class _Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subscription: str


class _Announcement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    body: str = ""


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a phone has a network."""

    online: bool


class Shop:
    """The shop, to be served at `origins`, the first of which is its main one."""

    def __init__(
        self, settings: ShopSettings, origins: tuple[str, ...], session: aiohttp.ClientSession, phones: PhonesShown
    ) -> None:
        """`phones`: what the page draws beside the shop."""
        self._phones = phones
        self._settings = settings
        self._origins = origins
        self._session = session
        self._files = {name: self._read(name) for name in _TYPES}

    def application(self) -> web.Application:
        """Its routes."""
        app = web.Application(middlewares=[self._guard], client_max_size=PUBLIC_BODY_BYTES_MAX)
        for name in _TYPES:
            path = next((path for path, file in _PATHS.items() if file == name), f"/{name}")
            app.router.add_get(path, self._file(name))
        app.router.add_post("/demo/order", self._order)
        app.router.add_post("/demo/announce", self._announce)
        app.router.add_get("/demo/messages/{id}", self._message)
        app.router.add_get("/demo/phones", self._list_phones)
        app.router.add_post("/demo/phones/{id}", self._set_phone)
        return app

    def _read(self, name: str) -> bytes:
        text = (files("gateway.demo") / "pages" / name).read_text(encoding="utf-8")
        facts = {"@GATEWAY@": self._settings.gateway_url, "@APP@": self._settings.app}
        for place, fact in {**facts, "@DEVICES@": f"{self._settings.devices:,}"}.items():
            text = text.replace(place, html.escape(fact))
        return text.encode()

    def _file(self, name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        gateway = self._settings.gateway_url
        policy = "; ".join(
            (
                "default-src 'none'",
                f"script-src 'self' {gateway}",
                f"connect-src 'self' {gateway}",
                "style-src 'self'",
                "img-src 'self'",
                "worker-src 'self'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            )
        )

        async def answer(_request: web.Request) -> web.Response:
            headers = {**_HEADERS, "Content-Security-Policy": policy}
            return web.Response(body=self._files[name], content_type=_TYPES[name], charset="utf-8", headers=headers)

        return answer

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        hosts = {origin.partition("://")[2] for origin in self._origins}
        if request.headers.get("Host", "").lower() not in hosts:
            return _refusal(421, "The demo shop does not answer under that name.")
        is_own_page = request.headers.get("Origin") in self._origins and request.content_type == "application/json"
        if request.method == "POST" and not is_own_page:
            return _refusal(403, "Only the shop's own page may order.")
        try:
            return await handler(request)
        except (msgspec.ValidationError, msgspec.DecodeError) as fault:
            return _refusal(422, str(fault))
        except (aiohttp.ClientError, TimeoutError):
            return _refusal(503, "The gateway does not answer at the moment.")

    async def _order(self, request: web.Request) -> web.Response:
        order = msgspec.json.decode(await request.read(), type=_Order)
        return await self._send(
            {"subscriptions": [order.subscription]},
            "Your coffee is on its way",
            "One bag of Belfry blend, packed just now.",
            inbox=True,
        )

    async def _announce(self, request: web.Request) -> web.Response:
        announcement = msgspec.json.decode(await request.read(), type=_Announcement)
        return await self._send({"all": True}, announcement.title, announcement.body, inbox={"banner": True})

    async def _message(self, request: web.Request) -> web.Response:
        message_id = request.match_info["id"]
        if from_text("msg", message_id) is None:
            return _refusal(404, "There is no such message.")
        return await self._ask("GET", f"/v1/messages/{message_id}")

    async def _list_phones(self, _request: web.Request) -> web.Response:
        return _json(self._phones.shown())

    async def _set_phone(self, request: web.Request) -> web.Response:
        line = msgspec.json.decode(await request.read(), type=_Line)
        try:
            self._phones.set_online(request.match_info["id"], is_online=line.online)
        except LookupError:
            return _refusal(404, "There is no such phone.")
        return _json(self._phones.shown())

    async def _send(self, audience: dict[str, Any], title: str, body: str, **fields: Any) -> web.Response:
        message = {"audience": audience, "title": title, "body": body, "url": f"{self._origins[0]}/", **fields}
        return await self._ask("POST", "/v1/messages", message)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> web.Response:
        """The gateway's answer, passed on as it is."""
        async with self._session.request(
            method,
            self._settings.gateway_url + path,
            json=body,
            headers={"Authorization": f"Bearer {self._settings.key}"},
            timeout=aiohttp.ClientTimeout(total=DEMO_ANSWER_S),
        ) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), content_type="application/json", headers=_HEADERS
            )


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", headers=_HEADERS)


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status, headers=_HEADERS)
