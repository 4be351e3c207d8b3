"""An app's keys at its providers: made or brought, shown to their owner, succeeded, retired.

A subscription can only be reached with the key it was made with (a push service remembers it), so a successor serves
new subscriptions while the old key lives on, until no subscription needs it.
"""

from datetime import datetime

from gateway.model.app import App
from gateway.model.errors import Conflict, GatewayError, Invalid
from gateway.model.ids import from_text, new_id, to_text
from gateway.model.limits import CREDENTIALS_PER_APP_MAX, INSERT_ATTEMPTS_MAX, KEY_IDLE_DAYS
from gateway.policy.key_rotation import may_retire_at
from gateway.store import audit, credentials
from gateway.store.credentials import KeyUse, StoredCredential
from gateway.store.database import Queryable
from gateway.tenancy.secrets import opened
from gateway.transports import find, names
from gateway.transports.base import Credential, Minted, Transport
from gateway.wire.vault import Vault


def context_of(app_id: int, provider: str, public_id: int) -> str:
    """The place that a credential is sealed for."""
    return f"app_{app_id}/credential/{provider}/{public_id}"


def opened_credential(vault: Vault, stored: StoredCredential) -> Credential:
    """The credential ready for use; a `GatewayError` where the master key is not here."""
    return Credential(
        app_id=stored.app_id,
        id=stored.id,
        public_id=stored.public_id,
        provider=stored.provider,
        is_current=stored.is_current,
        public=stored.public,
        secret=opened(vault, stored.sealed, context=context_of(stored.app_id, stored.provider, stored.public_id)),
    )


def provider_named(name: str) -> type[Transport]:
    """The provider's class. Raises `Invalid` (`channel_unknown`)."""
    if name not in names():
        raise Invalid(
            "channel_unknown", f"There is no channel {name[:40]!r}; there are: {', '.join(names())}.", param="channel"
        )
    return find(name)


async def generate(
    db: Queryable, vault: Vault, app: App, provider: str, *, actor: str, is_current: bool = False
) -> StoredCredential:
    """A new key of our own making; current if `is_current`, or if the app has no current one."""
    minted = provider_named(provider).generate(app.subject)
    if minted is None:
        raise Invalid("field_invalid", "Keys of this channel are issued by the provider: import one.", param="channel")
    return await add(db, vault, app, provider, minted, actor=actor, is_current=is_current)


async def rotate(db: Queryable, vault: Vault, app: App, provider: str, *, actor: str) -> StoredCredential:
    """A new key for new subscriptions; the old ones stay live for theirs."""
    return await generate(db, vault, app, provider, actor=actor, is_current=True)


async def load(
    db: Queryable, vault: Vault, app: App, provider: str, raw: str, *, actor: str, is_current: bool = False
) -> StoredCredential:
    """A key that the operator brings, in any form the provider reads; one that is there already is not stored twice."""
    minted = provider_named(provider).load(raw, app.subject)
    for known in await credentials.list_of_app(db, app.id):
        if known.retired_at is None and known.provider == provider and known.public == minted.public:
            return await make_current(db, app, known.public_id, actor=actor) if is_current else known
    return await add(db, vault, app, provider, minted, actor=actor, is_current=is_current)


async def add(
    db: Queryable, vault: Vault, app: App, provider: str, minted: Minted, *, actor: str, is_current: bool = False
) -> StoredCredential:
    """Seals and stores a key; current if `is_current`, or if the app has no current one."""
    async with db.transaction() as tx:
        held = await credentials.list_of_app(tx, app.id)
        if len(held) >= CREDENTIALS_PER_APP_MAX:
            raise Conflict(
                "state_conflict", f"The app has had {CREDENTIALS_PER_APP_MAX} credentials, the most there may be."
            )
        stored = await _inserted(tx, vault, app, provider, minted)
        await audit.append(
            tx,
            app_id=app.id,
            actor=actor,
            action="credential_added",
            target=to_text("key", stored.public_id),
            detail={"provider": provider, "public": minted.public},
        )
        if is_current or not any(one.is_current and one.provider == provider for one in held):
            return await _made_current(tx, app, stored, actor=actor)
    return stored


async def _inserted(db: Queryable, vault: Vault, app: App, provider: str, minted: Minted) -> StoredCredential:
    public_id = new_id()
    sealed = vault.seal(minted.secret, context=context_of(app.id, provider, public_id))
    for _ in range(INSERT_ATTEMPTS_MAX):
        stored = await credentials.insert(
            db, app_id=app.id, public_id=public_id, provider=provider, public=minted.public, sealed=sealed
        )
        if stored is not None:
            return stored
    raise Conflict("state_conflict", "Others are adding credentials to this app at the same moment; try again.")


async def make_current(db: Queryable, app: App, public_id: int, *, actor: str) -> StoredCredential:
    """Makes a live key the one for new subscriptions."""
    async with db.transaction() as tx:
        return await _made_current(tx, app, await _live(tx, app, public_id), actor=actor)


async def _made_current(db: Queryable, app: App, stored: StoredCredential, *, actor: str) -> StoredCredential:
    await credentials.lock_of_app(db, app.id)
    known = await credentials.get(db, app.id, stored.id)
    if known is not None and known.is_current:
        return known  # since when it is current is counted from, so it is not said again
    await credentials.unset_current(db, app.id, stored.provider)
    if not await credentials.set_current(db, app.id, stored.id):
        raise _unknown()
    await audit.append(
        db, app_id=app.id, actor=actor, action="credential_made_current", target=to_text("key", stored.public_id)
    )
    current = await credentials.get(db, app.id, stored.id)
    assert current is not None
    return current


async def export(db: Queryable, vault: Vault, app: App, public_id: int, *, actor: str) -> bytes:
    """The private key in the provider's own form. The audit log says that it was shown, and to whom."""
    async with db.transaction() as tx:
        stored = await _live(tx, app, public_id)
        secret = opened_credential(vault, stored).secret
        await audit.append(
            tx, app_id=app.id, actor=actor, action="credential_exported", target=to_text("key", public_id)
        )
    return secret


async def retire(db: Queryable, app: App, public_id: int, *, actor: str, now: datetime, force: bool = False) -> int:
    """Takes a key out of use for ever; the number of live devices that cannot be reached any more.

    Refused (`credential_in_use`) while there are any, or while new ones are made with it, unless forced.
    """
    async with db.transaction() as tx:
        stored = await _live(tx, app, public_id)
        use = await credentials.need(tx, app, stored.id)
        if use.devices and not force:
            raise Conflict("credential_in_use", _still_needed(use, now=now))
        if stored.is_current and not force:
            raise Conflict(
                "credential_in_use", "New subscriptions are made with this key: rotate it first, or force it."
            )
        await credentials.retire(tx, app.id, stored.id)
        await audit.append(
            tx,
            app_id=app.id,
            actor=actor,
            action="credential_retired",
            target=to_text("key", public_id),
            detail={"subscriptions_lost": use.devices},
        )
    return use.devices


def _still_needed(use: KeyUse, *, now: datetime) -> str:
    free_at = may_retire_at(is_current=False, devices=use.devices, last_seen_at=use.last_seen_at, now=now)
    assert free_at is not None, "it is one of a key that is not current"
    return (
        f"{use.devices} live subscriptions can only be reached with this key; each moves to its successor at its next "
        f"visit. By {free_at:%Y-%m-%d} those who are left will have stayed away for {KEY_IDLE_DAYS} days. Wait, or "
        "force it and lose them."
    )


async def _live(db: Queryable, app: App, public_id: int) -> StoredCredential:
    stored = await credentials.get_by_public_id(db, app.id, public_id)
    if stored is None or stored.retired_at is not None:
        raise _unknown()
    return stored


def parse_credential_id(text: str) -> int:
    """The number in `key_...`. Raises `GatewayError` (`credential_unknown`) for anything else."""
    public_id = from_text("key", text)
    if public_id is None:
        raise _unknown()
    return public_id


def _unknown() -> GatewayError:
    return GatewayError("credential_unknown", "The app has no live credential of this id.", kind="not_found")
