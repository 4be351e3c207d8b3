"""Browsers that opt in by themselves, from where they are."""

from typing import Any

import msgspec

from gateway.model.ids import to_text
from tests.journeys.world import Device, Shop

ORIGIN = "https://shop.example"


class Visitor:
    """One browser in a shop's page: it enrols without a key, and keeps the secret that it gets."""

    def __init__(self, shop: Shop, address: str) -> None:
        """`address` is where its calls come from, as the proxy in front says."""
        self._shop = shop
        self.address = address
        (line,) = shop.world.sandbox.devices.mint(
            1, shop.vapid_public_key, base_url=shop.world.sandbox.webpush_url, vapid_key_id=shop.vapid_key_id
        )
        self._line: dict[str, Any] = {
            name: value for name, value in msgspec.to_builtins(line).items() if value is not None
        }
        self.id = ""
        self.secret = ""

    async def call(self, method: str, path: str, body: Any = None, *, with_secret: bool = True) -> tuple[int, Any]:
        """Status and JSON, as the page sees them."""
        headers = {"Origin": ORIGIN, "X-Forwarded-For": self.address}
        if with_secret:
            headers["Authorization"] = f"Bearer {self.secret}"
        world = self._shop.world
        async with world.session.request(method, world.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    async def enrol(self, **fields: Any) -> tuple[int, Any]:
        """An opt-in, or a visit of one who has opted in; what the page says besides."""
        body = {"app": to_text("app", self._shop.app.public_id), **self._line, **fields}
        status, said = await self.call("POST", "/v1/subscriptions", body, with_secret=False)
        if status in (200, 201):
            self.id, self.secret = said["id"], said["secret"]
        return status, said

    async def enrolled(self, **fields: Any) -> "Visitor":
        """The visitor, opted in."""
        status, said = await self.enrol(**fields)
        assert status in (200, 201), said
        return self

    async def change(self, **fields: Any) -> tuple[int, Any]:
        """A change that the page makes for it."""
        return await self.call("PATCH", f"/v1/subscriptions/{self.id}", fields)

    async def shown(self) -> dict[str, Any]:
        """What the gateway keeps of the device, as the device is told."""
        status, said = await self.call("GET", f"/v1/subscriptions/{self.id}")
        assert status == 200, said
        return said

    @property
    def device(self) -> Device:
        """As the push service knows it."""
        endpoint = self._line["endpoint"]
        return Device(endpoint, endpoint.rpartition("/")[2], self.id)
