"""The rooms that a subscriber meets, and browsers that want to hear from an app."""

import itertools
from datetime import UTC, datetime
from typing import Any, LiteralString

import msgspec

from gateway.model.app import App
from gateway.store import apps
from gateway.store.database import Database
from gateway.subscribers.enrol import Enrolled, Enroller
from gateway.subscribers.request import ChangeRequest, EnrolRequest
from gateway.subscribers.transfer import Transfer
from gateway.tenancy.apps import CreatedApp, create_app
from gateway.tenancy.keyring import Keyring
from gateway.transports.base import Transport
from gateway.wire.base64url import encode_base64url
from gateway.wire.vapid import VapidKey
from gateway.wire.vault import Vault

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
_POINTS = [encode_base64url(VapidKey.generate().public) for _ in range(4)]
_numbers = itertools.count()
_COUNTS: dict[str, LiteralString] = {
    "subscriptions": "SELECT count(*) FROM subscriptions",
    "addresses": "SELECT count(*) FROM addresses",
    "persons": "SELECT count(*) FROM persons",
    "topics": "SELECT count(*) FROM topics",
}


def browser(number: int | None = None, *, point: int = 0, **more: Any) -> dict[str, Any]:
    """What a browser sends: the same number is the same endpoint, another point is another key."""
    which = next(_numbers) if number is None else number
    return {
        "channel": "webpush",
        "endpoint": f"https://updates.push.services.mozilla.com/wpush/v2/canary-{which}",
        "keys": {"p256dh": _POINTS[point], "auth": encode_base64url(which.to_bytes(16, "big"))},
        **more,
    }


def request(number: int | None = None, **more: Any) -> EnrolRequest:
    """The same as the API hands it on."""
    return msgspec.convert(browser(number, **more), EnrolRequest)


def change(**fields: Any) -> ChangeRequest:
    """What a device or a shop wants changed."""
    return msgspec.convert(fields, ChangeRequest)


class House:
    """The rooms that a subscriber meets."""

    def __init__(self, database: Database, vault: Vault, created: CreatedApp, transport: Transport) -> None:
        transports = {transport.name: transport}
        self.database = database
        self.vault = vault
        self.created = created
        self.app: App = created.app
        self.keyring = Keyring(database, vault)
        self.enroller = Enroller(database, self.keyring, transports)
        self.transfer = Transfer(database, self.keyring, transports)

    async def enrol(self, number: int | None = None, **more: Any) -> Enrolled:
        """An opt-in."""
        return await self.enroller.enrol(self.app, request(number, **more), now=NOW)

    async def count(self, table: str) -> int:
        """Rows of a table."""
        return await self.database.fetchval(_COUNTS[table])

    async def strays(self) -> int:
        """Addresses that are not the present one of their device, and devices without theirs."""
        return await self.database.fetchval(
            "SELECT count(*) FROM addresses a"
            " FULL JOIN subscriptions s ON s.app_id = a.app_id AND s.id = a.subscription_id AND s.address_hash = a.hash"
            " WHERE a.hash IS NULL OR s.id IS NULL"
        )

    async def other_app(self, name: str = "other") -> App:
        """A second app of the same operator."""
        made = await create_app(self.database, self.vault, name=name, origins=[], subject="mailto:b@other.example")
        return made.app

    async def spread(self, buckets: int) -> None:
        """Lays the app's rows over so many buckets. Before the first row."""
        await self.database.execute("UPDATE apps SET spread = $2 WHERE id = $1", self.app.id, buckets)
        self.app = await apps.get(self.database, self.app.id) or self.app
