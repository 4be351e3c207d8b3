"""Apps: what creating one gives, which origins it may have, and that apps do not see each other."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.model.errors import GatewayError
from gateway.model.ids import to_text
from gateway.store import audit
from gateway.store.database import Database
from gateway.tenancy.api_keys import ApiKeys
from gateway.tenancy.apps import CreatedApp, change_app, create_app, delete_app
from gateway.tenancy.keyring import Keyring
from gateway.tenancy.origins import check_link_hosts, check_origin
from gateway.wire.vault import Vault

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


async def test_a_new_app_has_all_it_needs_to_send(database: Database, vault: Vault, created: CreatedApp):
    """One call: keys for its pages, secrets for receipts and logins, and an API key."""
    keyring = Keyring(database, vault)
    app = await keyring.app(created.app.public_id)

    key = await ApiKeys(database).check(created.api_key_text, now=NOW)
    current = await keyring.current_credential(app.id, "webpush")

    assert (key.app_id, key.scopes) == (app.id, ("send", "read", "manage"))
    assert current is not None
    assert current.public["vapid_public_key"] == created.vapid_public_key
    assert current.public_id == created.vapid_key_public_id
    assert len((await keyring.receipt_signer(app.id)).secret) == 32
    assert len(await keyring.identity_secrets(app.id)) == 1
    assert created.snippet("https://push.shop.example") == (
        '<script src="https://push.shop.example/sdk/v1/steeple.js"'
        f' data-app="{to_text("app", app.public_id)}" defer></script>'
    )


async def test_a_refused_app_leaves_nothing_behind(database: Database, vault: Vault, created: CreatedApp):
    """All or nothing: the second app of a name leaves no half of itself."""
    before = await database.fetchval("SELECT count(*) FROM credentials")

    with pytest.raises(GatewayError) as refused:
        await create_app(database, vault, name="shop", origins=[], subject="mailto:push@shop.example")

    assert (refused.value.code, refused.value.status) == ("name_taken", 409)
    assert await database.fetchval("SELECT count(*) FROM credentials") == before


async def test_apps_made_at_the_same_moment_get_numbers_of_their_own(database: Database, vault: Vault):
    """Operators who work at once do not get into each other's way."""
    made = await asyncio.gather(
        *(
            create_app(database, vault, name=f"shop {number}", origins=[], subject="mailto:push@shop.example")
            for number in range(5)
        )
    )

    assert len({one.app.id for one in made}) == 5


async def test_changing_the_subject_reaches_the_keys(database: Database, vault: Vault, created: CreatedApp):
    """Push services see the new contact with the next push."""
    await change_app(database, created.app, actor="test", subject="mailto:new@shop.example")

    current = await Keyring(database, vault).current_credential(created.app.id, "webpush")

    assert current is not None
    assert current.public["subject"] == "mailto:new@shop.example"


async def test_a_name_cannot_be_changed_to_another_apps(database: Database, vault: Vault, created: CreatedApp):
    """Names stay unique."""
    other = await create_app(database, vault, name="other", origins=[], subject="mailto:push@shop.example")

    with pytest.raises(GatewayError) as refused:
        await change_app(database, other.app, actor="test", name="shop")

    assert refused.value.code == "name_taken"


async def test_a_deleted_app_is_gone(database: Database, vault: Vault, created: CreatedApp):
    """Nothing of it is found, and its API key leads nowhere."""
    keyring = Keyring(database, vault)
    await delete_app(database, created.app, actor="test")

    for question in (keyring.app(created.app.public_id), keyring.app_by_id(created.app.id)):
        with pytest.raises(GatewayError) as refused:
            await question
        assert refused.value.status == 404


async def test_every_act_is_in_the_audit_log_without_a_secret(database: Database, vault: Vault, created: CreatedApp):
    """Who did what stands there; no key does."""
    await change_app(database, created.app, actor="key_x", name="store")
    await delete_app(database, created.app, actor="key_x")

    entries = await audit.list_page(database, app_id=created.app.id, before=None, limit=50)

    assert {"app_created", "credential_added", "api_key_issued", "app_changed", "app_deleted"} <= {
        entry.action for entry in entries
    }
    assert {entry.actor for entry in entries if entry.action in ("app_changed", "app_deleted")} == {"key_x"}
    assert created.api_key_text not in repr(entries)


@pytest.mark.parametrize(
    "origin",
    [
        "https://shop.example",
        "https://shop.example:8443",
        "https://xn--mller-kva.example",
        "http://localhost",
        "http://localhost:8080",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "http://shop.localhost:3000",
        "https://localhost:8443",
    ],
)
def test_an_origin_as_browsers_spell_it_is_taken(origin: str):
    """What stands in an Origin header is what an app lists."""
    assert check_origin(origin) == origin


@pytest.mark.parametrize(
    ("origin", "hint"),
    [
        ("https://Shop.example", "https://shop.example"),
        ("https://müller.example", "https://xn--mller-kva.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("HTTPS://shop.example", "https://shop.example"),
        ("http://localhost:80", "http://localhost"),
        ("https://shop.example/", "without a path"),
        ("https://shop.example/a", "without a path"),
        ("http://shop.example", "https"),
        ("https://*.shop.example", ""),
        ("https://*", ""),
        ("*", ""),
        ("null", ""),
        ("", ""),
        ("https://", ""),
        ("https://a@shop.example", ""),
        ("https://shop.example?x", ""),
        ("https://shop.example#x", ""),
        ("https://shop.example\\", ""),
        ("https://shop .example", ""),
        ("https://shop.example:0", ""),
        ("https://shop.example:65536", ""),
        ("https://shop.example:", ""),
        ("https://10.0.0.1", ""),
        ("https://[fe80::1]", ""),
        ("ftp://shop.example", ""),
        ("https://shop.example\n", ""),
        ("https://shop.example\x00", ""),
        ("https://shop..example", ""),
        ("https://" + "a" * 300, ""),
    ],
)
def test_any_other_spelling_is_refused_with_the_right_one(origin: str, hint: str):
    """A look-alike would never match, or match too much; where there is a right spelling the operator hears it."""
    with pytest.raises(GatewayError) as refused:
        check_origin(origin)

    assert (refused.value.code, refused.value.param) == ("origin_invalid", "origins")
    assert hint in refused.value.message


def test_link_hosts_are_hosts():
    """A host with its port, and nothing around it."""
    assert check_link_hosts(["shop.example", "shop.example:8443", "shop.example"]) == [
        "shop.example",
        "shop.example:8443",
    ]
    for wrong in ("https://shop.example", "shop.example/", "*.example", "Shop.example", "a b", ""):
        with pytest.raises(GatewayError) as refused:
            check_link_hosts([wrong])
        assert refused.value.param == "link_hosts"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", " ", "field_invalid"),
        ("name", "x" * 101, "field_invalid"),
        ("name", "a\x00b", "field_invalid"),
        ("subject", "mailto:me@localhost", "subject_invalid"),
        ("subject", "push@shop.example", "subject_invalid"),
        ("origins", ["https://shop.example/"], "origin_invalid"),
        ("origins", [f"https://s{number}.example" for number in range(101)], "field_invalid"),
        ("link_hosts", ["/"], "origin_invalid"),
        ("settings", {"currency": "y" * 20_000}, "field_invalid"),
    ],
)
async def test_an_app_that_could_not_work_is_not_made(
    database: Database, vault: Vault, field: str, value: object, code: str
):
    """Each wrong field is named, and nothing is stored."""
    good = {"name": "shop", "origins": ["https://shop.example"], "subject": "mailto:push@shop.example"}

    with pytest.raises(GatewayError) as refused:
        await create_app(database, vault, **{**good, field: value})  # type: ignore[arg-type]  # on purpose

    assert refused.value.code == code
    assert await database.fetchval("SELECT count(*) FROM apps") == 0
