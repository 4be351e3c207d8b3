"""Browsers that refused push and read the inbox all the same."""

from datetime import timedelta
from typing import Any

from gateway.model.ids import to_text
from gateway.model.limits import INBOX_SHELF_KEPT_S
from gateway.subscribers.identity import signature_of
from tests.journeys.visitors import ORIGIN
from tests.journeys.world import Shop


class Guest:
    """One browser in a shop's page, with an id and a secret and no push address."""

    def __init__(self, shop: Shop, *, address: str = "203.0.113.7") -> None:
        self._shop = shop
        self._address = address
        self.id = ""
        self.secret = ""

    async def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, Any]:
        """Status, headers and JSON, as the page sees them."""
        given = {"Origin": ORIGIN, "X-Forwarded-For": self._address, "Authorization": f"Bearer {self.secret}"}
        world = self._shop.world
        async with world.session.request(
            method, world.url + path, json=body, headers={**given, **(headers or {})}
        ) as answer:
            said = await answer.json() if answer.content_type == "application/json" else None
            return answer.status, answer.headers, said

    async def come(self, **fields: Any) -> "Guest":
        """The browser becomes a visitor."""
        body = {"app": to_text("app", self._shop.app.public_id), **fields}
        status, _, said = await self.call("POST", "/v1/visitors", body)
        assert status == 201, said
        self.id, self.secret = said["id"], said["secret"]
        return self

    async def login(self, user: str) -> None:
        """The shop's server says whose browser it is."""
        proof = await proof_of(self._shop, user)
        status, _, said = await self.call("POST", f"/v1/visitors/{self.id}/identity", proof)
        assert (status, said) == (200, {"id": self.id, "user": user})

    async def inbox(self, query: str = "") -> dict[str, Any]:
        """The inbox."""
        status, _, said = await self.call("GET", f"/v1/visitors/{self.id}/inbox{query}")
        assert status == 200, said
        return said

    async def titles(self, query: str = "") -> list[str]:
        """What is in it, newest first."""
        return [one["title"] for one in (await self.inbox(query))["data"]]

    async def read(self, **fields: Any) -> tuple[int, Any]:
        """Marks messages as read."""
        status, _, said = await self.call("POST", f"/v1/visitors/{self.id}/inbox/read", fields)
        return status, said


async def proof_of(shop: Shop, user: str) -> dict[str, Any]:
    """A login as the shop's server signs it."""
    (secret,) = await shop.world.base.keyring.identity_secrets(shop.app.id)
    expires = str(int((shop.world.clock.now() + timedelta(hours=1)).timestamp()))
    return {"external_id": user, "signature": signature_of(secret, shop.app, user, expires), "expires": expires}


async def sent(shop: Shop, title: str, audience: dict[str, Any] | None = None, **fields: Any) -> str:
    """A message that stays in the inbox, once it is done and every process may know of it."""
    message = await shop.send(audience, title=title, **{"inbox": True, **fields})
    await shop.done(message)
    await shop.world.let_pass(INBOX_SHELF_KEPT_S)
    return message
