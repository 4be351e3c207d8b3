"""A stolen copy of the database gives nobody a key: what is secret stands in no table in plain."""

import io

import asyncpg

from gateway.model.limits import PAGE_ROWS_MAX
from gateway.store import audit
from gateway.subscribers.identity import login, signature_of
from gateway.tenancy.api_keys import issue
from gateway.tenancy.credentials import export, load, rotate
from gateway.tenancy.secrets import reveal_identity
from gateway.wire.base64url import decode_base64url, encode_base64url
from gateway.wire.vapid import VapidKey
from tests.subscribers.house import NOW, House

TABLES_AT_LEAST = {"apps", "credentials", "secrets", "api_keys", "audit_log", "subscriptions", "addresses", "persons"}


async def dump(dsn: str) -> str:
    """Every row of every table, as Postgres writes it out: binary columns in hex."""
    raw = await asyncpg.connect(dsn)
    try:
        found = await raw.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        )
        tables = [row["relname"] for row in found]
        assert set(tables) >= TABLES_AT_LEAST
        out = io.BytesIO()
        for table in tables:
            await raw.copy_from_table(table, output=out)
        return out.getvalue().decode()
    finally:
        await raw.close()


def spellings(secret: bytes) -> set[str]:
    """How the same bytes could stand in a dump."""
    return {secret.hex(), secret.hex().upper(), encode_base64url(secret), secret.decode("latin-1")}


async def test_no_table_holds_a_secret_in_plain(house: House):
    """Private keys, API keys, device secrets, our own secrets: everything was used, nothing can be read."""
    brought = VapidKey.generate()
    stored = await load(house.database, house.vault, house.app, "webpush", brought.to_base64url(), actor="test")
    pem = await export(house.database, house.vault, house.app, stored.public_id, actor="test")
    await rotate(house.database, house.vault, house.app, "webpush", actor="test")
    admin = await issue(house.database, app_id=None, name="x", scopes=["admin"], actor="test")
    identity = await reveal_identity(house.database, house.vault, house.app, actor="test")
    device = await house.enrol(1, tags={"a": 1})
    await login(
        house.database, house.keyring, house.app, device.id, device.secret, external_id="cust-1", now=NOW,
        signature=signature_of(identity.encode(), house.app, "cust-1", "1900000000"), expires="1900000000",
    )  # fmt: skip
    live = await house.keyring.credentials(house.app.id)
    secrets = [
        *(key.secret for key in live.values()),
        pem,
        decode_base64url(brought.to_base64url()),
        house.created.api_key_text.encode(),
        admin.text.encode(),
        admin.text.rpartition("_")[2].encode(),
        device.secret.encode(),
        device.secret.removeprefix("stpl_ds_").encode(),
        identity.encode(),
        await house.keyring.address_key(),
        *(await house.keyring.receipt_secrets(house.app.id)).values(),
    ]

    text = await dump(house.database.dsn)

    assert len(live) == 3
    assert house.created.vapid_public_key in text, "the dump is one: what is public stands there"
    assert "BEGIN" not in text
    assert "PRIVATE" not in text
    assert [spelling for secret in secrets for spelling in spellings(secret) if spelling in text] == []


async def test_the_audit_log_tells_all_that_was_done_with_keys(house: House):
    """From the first key on there is a row for each act."""
    await reveal_identity(house.database, house.vault, house.app, actor="test")
    entries = await audit.list_page(house.database, app_id=house.app.id, before=None, limit=PAGE_ROWS_MAX)
    assert {entry.action for entry in entries} == {
        "app_created",
        "credential_added",
        "credential_made_current",
        "api_key_issued",
        "identity_secret_shown",
    }
