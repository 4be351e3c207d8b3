"""What a process knows of its apps at any moment: settings, opened keys, opened secrets; at most 5 seconds old."""

import time
from collections.abc import Callable
from typing import Final

from gateway.model.app import App
from gateway.model.errors import NotFound
from gateway.policy.receipt_token import ReceiptSigner
from gateway.store import apps, credentials, secrets
from gateway.store.database import Queryable
from gateway.store.secrets import INSTALLATION
from gateway.tenancy.credentials import opened_credential
from gateway.tenancy.kept import Kept
from gateway.tenancy.secrets import make_first, opened_by_number
from gateway.transports.base import Credential
from gateway.wire.vault import Vault

_ADDRESS_KEY_NUMBER: Final = 1


class Keyring:
    """Opens and remembers. Raises `GatewayError` (`master_key_missing`) for what the vault cannot open."""

    def __init__(self, db: Queryable, vault: Vault, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._vault = vault
        self._apps: Kept[int, App] = Kept(lambda public_id: apps.get_by_public_id(db, public_id), clock=clock)
        self._apps_by_id: Kept[int, App] = Kept(lambda app_id: apps.get(db, app_id), clock=clock)
        self._credentials: Kept[int, dict[int, Credential]] = Kept(self._load_credentials, clock=clock)
        self._secrets: Kept[tuple[int, str], dict[int, bytes]] = Kept(self._load_secrets, clock=clock)
        self._address_key: bytes | None = None

    async def app(self, public_id: int) -> App:
        """The app that `app_...` names. Raises `GatewayError` (`not_found`)."""
        return _found(await self._apps.get(public_id))

    async def app_by_id(self, app_id: int) -> App:
        """The app of this key in the store. Raises `GatewayError` (`not_found`)."""
        return _found(await self._apps_by_id.get(app_id))

    async def credentials(self, app_id: int) -> dict[int, Credential]:
        """Every live credential of the app by the number that subscriptions name."""
        return await self._credentials.get(app_id) or {}

    async def current_credential(self, app_id: int, provider: str) -> Credential | None:
        """The credential that new subscriptions at this provider are made with."""
        live = (await self.credentials(app_id)).values()
        return next((one for one in live if one.is_current and one.provider == provider), None)

    async def receipt_secrets(self, app_id: int) -> dict[int, bytes]:
        """What receipt tokens of the app may be signed with, by number."""
        return await self._secrets.get((app_id, "receipt")) or {}

    async def receipt_signer(self, app_id: int) -> ReceiptSigner:
        """Signs the receipt tokens of the app with its newest secret."""
        live = await self.receipt_secrets(app_id)
        if not live:
            raise NotFound("receipt secret")
        number = next(reversed(live))
        return ReceiptSigner(app_id, number, live[number])

    async def identity_secrets(self, app_id: int) -> list[bytes]:
        """What logins of the app may be signed with, the newest last."""
        return list((await self._secrets.get((app_id, "identity")) or {}).values())

    async def contact_vault(self, app_id: int) -> Vault:
        """Seals e-mail addresses and phone numbers of the app's people; its key is made when it is first asked for."""
        place = (app_id, "contact")
        live = await self._secrets.get(place)
        if not live:
            await make_first(self._db, self._vault, app_id, "contact")
            self._secrets.forget(place)
            live = await self._secrets.get(place)
        assert live is not None, "it was made above"
        newest, *older = reversed(list(live.values()))
        return Vault(newest, older)

    async def address_key(self) -> bytes:
        """What address hashes are made with. Never changes, so it is asked for once."""
        if self._address_key is None:
            live = await self._load_secrets((INSTALLATION, "address"))
            assert live is not None, "ensure_installation makes it before anything is served"
            self._address_key = live[_ADDRESS_KEY_NUMBER]
        return self._address_key

    def forget(self, app: App) -> None:
        """The next one to ask for anything of this app hears the latest: call it after a change of one's own."""
        self._apps.forget(app.public_id)
        self._apps_by_id.forget(app.id)
        self._credentials.forget(app.id)
        for kind in ("receipt", "identity", "contact"):
            self._secrets.forget((app.id, kind))

    async def _load_credentials(self, app_id: int) -> dict[int, Credential]:
        stored = await credentials.list_of_app(self._db, app_id)
        return {one.id: opened_credential(self._vault, one) for one in stored if one.retired_at is None}

    async def _load_secrets(self, place: tuple[int, str]) -> dict[int, bytes] | None:
        stored = await secrets.list_live(self._db, *place)
        return opened_by_number(self._vault, stored) or None


def _found(app: App | None) -> App:
    if app is None:
        raise NotFound("app", param="app")
    return app
