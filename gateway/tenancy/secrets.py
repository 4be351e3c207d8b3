"""Secrets of our own making: what signs receipts and logins, and the key that address hashes are made with.

Each is sealed for its own place (app, kind, number): a sealed value copied into another row opens nothing. Several of a
kind may live at once; the newest signs, all of them verify.
"""

import secrets as random
from collections.abc import Iterable
from typing import Final, Literal

from gateway.model.app import App
from gateway.model.errors import Conflict, GatewayError, NotFound
from gateway.model.ids import to_text
from gateway.model.limits import SECRETS_OF_A_KIND_MAX
from gateway.store import audit, secrets
from gateway.store.database import Queryable
from gateway.store.secrets import StoredSecret
from gateway.wire.vault import UnknownMasterKey, Vault

Kind = Literal["address", "receipt", "identity", "contact"]
"""address: the key of address hashes, the installation's. receipt: signs tokens. identity: signs logins. contact: seals
e-mail addresses and phone numbers, so that another master key means sealing one key anew and not every person."""

_SECRET_BYTES: Final = 32


def context_of(app_id: int, kind: str, secret_id: int) -> str:
    """The place that a secret is sealed for."""
    return f"app_{app_id}/secret/{kind}/{secret_id}"


def opened(vault: Vault, sealed: bytes, *, context: str) -> bytes:
    """The secret; a `GatewayError` that names the master key where it is not here."""
    try:
        return vault.open(sealed, context=context)
    except UnknownMasterKey as unknown:
        raise master_key_missing(unknown.fingerprint) from None


def opened_by_number(vault: Vault, stored: Iterable[StoredSecret]) -> dict[int, bytes]:
    """The secrets by their numbers, in the order given."""
    return {one.id: opened(vault, one.sealed, context=context_of(one.app_id, one.kind, one.id)) for one in stored}


def master_key_missing(*fingerprints: str) -> GatewayError:
    """The refusal that says which master key is needed."""
    named = " and ".join(fingerprints)
    return GatewayError(
        "master_key_missing",
        f"The database holds secrets sealed with the master key {named} (its fingerprint). Put that key into "
        "STEEPLE_MASTER_KEY, into the file that STEEPLE_MASTER_KEY_FILE names, or back into master.key in the data "
        "directory.",
        kind="unavailable",
    )


async def make(db: Queryable, vault: Vault, app_id: int, kind: Kind) -> int:
    """A new secret of this kind and its number; it signs from now on, the earlier ones still verify."""
    given = await secrets.list_numbers(db, app_id, kind)
    for secret_id in range(max(given, default=0) + 1, SECRETS_OF_A_KIND_MAX + 1):
        sealed = vault.seal(_new_secret(kind), context=context_of(app_id, kind, secret_id))
        if await secrets.insert(db, app_id=app_id, kind=kind, secret_id=secret_id, sealed=sealed):
            return secret_id
    raise Conflict(
        "state_conflict", f"The app has had {SECRETS_OF_A_KIND_MAX} secrets of this kind, the most there are."
    )


async def make_first(db: Queryable, vault: Vault, app_id: int, kind: Kind) -> None:
    """Afterwards there is a first secret of this kind, ours or that of whoever was quicker."""
    sealed = vault.seal(_new_secret(kind), context=context_of(app_id, kind, 1))
    await secrets.insert(db, app_id=app_id, kind=kind, secret_id=1, sealed=sealed)


def _new_secret(kind: Kind) -> bytes:
    # A shop signs logins in its own language with the text it was shown: the text's own bytes are the key.
    return random.token_urlsafe(_SECRET_BYTES).encode() if kind == "identity" else random.token_bytes(_SECRET_BYTES)


async def rotate(db: Queryable, vault: Vault, app: App, kind: Kind, *, actor: str) -> int:
    """A successor for the app's secret of this kind. The old one verifies until it is retired."""
    async with db.transaction() as tx:
        secret_id = await make(tx, vault, app.id, kind)
        await audit.append(
            tx,
            app_id=app.id,
            actor=actor,
            action="secret_rotated",
            target=to_text("app", app.public_id),
            detail={"kind": kind, "number": secret_id},
        )
    return secret_id


async def retire(db: Queryable, app: App, kind: Kind, secret_id: int, *, actor: str) -> None:
    """What this secret signed is not believed any more. The last live one of a kind cannot be retired."""
    async with db.transaction() as tx:
        live = [one.id for one in await secrets.lock_live(tx, app.id, kind)]
        if secret_id not in live:
            raise NotFound("secret")
        if live == [secret_id]:
            raise Conflict("state_conflict", "It is the only live secret of its kind; rotate it first.")
        await secrets.retire(tx, app.id, kind, secret_id)
        await audit.append(
            tx,
            app_id=app.id,
            actor=actor,
            action="secret_retired",
            target=to_text("app", app.public_id),
            detail={"kind": kind, "number": secret_id},
        )


async def reveal_identity(db: Queryable, vault: Vault, app: App, *, actor: str) -> str:
    """The text that the shop signs logins with, for the operator to copy; the audit log says that it was shown."""
    async with db.transaction() as tx:
        stored = await secrets.list_live(tx, app.id, "identity")
        if not stored:
            raise NotFound("identity secret")
        await audit.append(
            tx, app_id=app.id, actor=actor, action="identity_secret_shown", target=to_text("app", app.public_id)
        )
    return opened_by_number(vault, stored)[stored[-1].id].decode()
