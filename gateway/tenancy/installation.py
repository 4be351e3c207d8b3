"""What the installation itself needs before it can serve: its master key, the key of address hashes, an admin key."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.config import Settings
from gateway.model.errors import GatewayError
from gateway.store import api_keys, credentials, secrets
from gateway.store.database import Database, Queryable
from gateway.store.secrets import INSTALLATION
from gateway.tenancy.api_keys import issue
from gateway.tenancy.credentials import context_of as credential_context
from gateway.tenancy.secrets import context_of as secret_context
from gateway.tenancy.secrets import make_first, master_key_missing, opened, opened_by_number
from gateway.wire.vault import (
    Vault,
    generate_master_key,
    parse_master_key,
    read_key_file,
    sealed_fingerprint,
    write_key_file,
)

_KEY_FILE: Final = "master.key"


async def open_vault(settings: Settings, db: Queryable) -> Vault:
    """The vault of the master key in force: from the setting, the named file, or `master.key` in the data directory.

    The last is made (readable by us alone) only while the database holds nothing sealed: otherwise a start without the
    key would make a wrong one and cover up the loss. The setting may hold several keys by comma; the first one seals,
    the others still open. Raises `GatewayError`: `master_key_missing` with the fingerprint that is needed, or
    `setting_invalid`.
    """
    needed = {sealed_fingerprint(sealed) for sealed in await secrets.sealed_samples(db)}
    keys = await asyncio.to_thread(_keys, settings, needed)
    missing = needed - {Vault(key).fingerprint for key in keys}
    if missing:
        raise master_key_missing(*sorted(missing))
    return Vault(keys[0], keys[1:])


def _keys(settings: Settings, needed: set[str]) -> Sequence[bytes]:
    try:
        if settings.master_key:
            return [parse_master_key(text) for text in settings.master_key.split(",")]
        return [_key_in_file(settings, needed)]
    except (ValueError, OSError) as fault:
        setting = "master_key" if settings.master_key else "master_key_file"
        raise GatewayError("setting_invalid", f"Setting {setting}: {fault}", param=setting) from None


def _key_in_file(settings: Settings, needed: set[str]) -> bytes:
    path = Path(settings.master_key_file) if settings.master_key_file else settings.data_path / _KEY_FILE
    if path.exists():
        return read_key_file(path)
    if needed:
        raise master_key_missing(*sorted(needed))
    if settings.master_key_file:
        raise ValueError(f"There is no file {path}.")
    return _made_key(path)


def _made_key(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = generate_master_key()
    try:
        write_key_file(path, key)
    except FileExistsError:
        return read_key_file(path)  # another process of ours was quicker
    return key


async def ensure_installation(db: Database, vault: Vault) -> str | None:
    """Makes what is missing: the key of address hashes, and the first admin key, whose text is returned this once."""
    async with db.transaction() as tx:
        await make_first(tx, vault, INSTALLATION, "address")
        # This row is the lock: of processes that start at once, one makes the admin key.
        stored = await secrets.lock_live(tx, INSTALLATION, "address")
        opened_by_number(vault, stored)
        if await api_keys.list_of_app(tx, None):
            return None
        issued = await issue(tx, app_id=None, name="first admin key", scopes=("admin",), actor="first start")
    return issued.text


async def rewrap_all(db: Queryable, vault: Vault) -> int:
    """Seals every secret anew with the vault's current master key; how many were still under an older one."""
    changed = 0
    for one in await secrets.list_all(db):
        if not vault.is_current(one.sealed):
            context = secret_context(one.app_id, one.kind, one.id)
            changed += await secrets.replace_sealed(
                db, one, vault.seal(opened(vault, one.sealed, context=context), context=context)
            )
    for one in await credentials.list_all(db):
        if not vault.is_current(one.sealed):
            context = credential_context(one.app_id, one.provider, one.public_id)
            new = vault.seal(opened(vault, one.sealed, context=context), context=context)
            changed += await credentials.replace_sealed(db, one.app_id, one.id, old=one.sealed, new=new)
    return changed
