"""Keys at providers: brought in any usual form, succeeded without losing anybody, retired only with open eyes."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import msgspec
import pytest

from gateway.model.errors import GatewayError
from gateway.model.subscriber import Enrolment
from gateway.store import audit, credentials, subscriptions
from gateway.store.database import Database
from gateway.tenancy.apps import CreatedApp, create_app
from gateway.tenancy.credentials import export, load, make_current, parse_credential_id, retire, rotate
from gateway.tenancy.keyring import Keyring
from gateway.wire.vapid import VapidKey
from gateway.wire.vault import Vault

_NOW: Final = datetime(2026, 12, 1, 9, tzinfo=UTC)


def _enrolment(credential_id: int, number: int) -> Enrolment:
    return Enrolment(
        provider="webpush", credential_id=credential_id, wire=b"\x01", address_hash=number.to_bytes(16, "big")
    )


async def test_after_a_rotation_old_and_new_devices_have_their_own_key(
    database: Database, vault: Vault, created: CreatedApp
):
    """The successor serves new subscriptions; the old key still opens for those that were made with it."""
    keyring = Keyring(database, vault)
    before = await keyring.current_credential(created.app.id, "webpush")
    assert before is not None

    successor = await rotate(database, vault, created.app, "webpush", actor="test")
    keyring.forget(created.app)

    live = await keyring.credentials(created.app.id)
    current = await keyring.current_credential(created.app.id, "webpush")
    assert current is not None
    assert current.id == successor.id
    assert set(live) == {before.id, successor.id}
    assert live[before.id].secret == before.secret
    assert live[successor.id].secret != before.secret


async def test_a_key_in_use_is_not_retired_unless_one_insists(database: Database, vault: Vault, created: CreatedApp):
    """The refusal counts the devices that would be lost."""
    first = created.vapid_key_public_id
    assert first is not None
    for number in range(3):
        await subscriptions.insert(database, created.app, _enrolment(1, number))
    await rotate(database, vault, created.app, "webpush", actor="test")

    with pytest.raises(GatewayError, match="3 live subscriptions") as refused:
        await retire(database, created.app, first, actor="test", now=_NOW)
    assert (refused.value.code, refused.value.status) == ("credential_in_use", 409)

    assert await retire(database, created.app, first, actor="test", now=_NOW, force=True) == 3
    assert set(await Keyring(database, vault).credentials(created.app.id)) == {2}


async def test_the_current_key_is_not_retired_by_mistake(database: Database, created: CreatedApp):
    """Without a current key nobody could subscribe any more."""
    assert created.vapid_key_public_id is not None
    with pytest.raises(GatewayError, match="rotate it first"):
        await retire(database, created.app, created.vapid_key_public_id, actor="test", now=_NOW)


@pytest.mark.parametrize("form", ["pem", "scalar", "json"])
async def test_a_key_that_one_has_already_can_be_brought(
    database: Database, vault: Vault, created: CreatedApp, form: str
):
    """Whoever comes from elsewhere brings the key that the subscriptions were made with, in the form they have it."""
    key = VapidKey.generate()
    raw = {
        "pem": key.to_pem().decode(),
        "scalar": key.to_base64url(),
        "json": msgspec.json.encode({"publicKey": key.public_base64url, "privateKey": key.to_base64url()}).decode(),
    }[form]

    stored = await load(database, vault, created.app, "webpush", raw, actor="test", is_current=True)

    assert stored.is_current
    assert stored.public["vapid_public_key"] == key.public_base64url
    assert (
        VapidKey.from_pem(await export(database, vault, created.app, stored.public_id, actor="test")).public
        == key.public
    )


async def test_bringing_a_key_twice_stores_it_once(database: Database, vault: Vault, created: CreatedApp):
    """A repeated command does no harm."""
    raw = VapidKey.generate().to_base64url()
    first = await load(database, vault, created.app, "webpush", raw, actor="test")

    again = await load(database, vault, created.app, "webpush", raw, actor="test")
    now = await load(database, vault, created.app, "webpush", raw, actor="test", is_current=True)

    assert first.public_id == again.public_id == now.public_id
    assert (first.is_current, now.is_current) == (False, True)


async def test_what_is_no_key_is_refused_without_quoting_it(database: Database, vault: Vault, created: CreatedApp):
    """The answer may end in a log, so it never repeats what was typed."""
    for raw in ("canary-not-a-key", "{}", '{"privateKey": 5}', "-----BEGIN PRIVATE KEY-----\ncanary\n-----END"):
        with pytest.raises(GatewayError) as refused:
            await load(database, vault, created.app, "webpush", raw, actor="test")
        assert refused.value.code == "key_material_invalid"
        assert "canary" not in refused.value.message


async def test_showing_a_private_key_leaves_a_trace(database: Database, vault: Vault, created: CreatedApp):
    """The audit log says who saw it, and does not hold it."""
    assert created.vapid_key_public_id is not None
    secret = await export(database, vault, created.app, created.vapid_key_public_id, actor="key_x")

    (entry, *_) = await audit.list_page(database, app_id=created.app.id, before=None, limit=1)
    assert (entry.action, entry.actor) == ("credential_exported", "key_x")
    assert secret.decode() not in repr(entry)


async def test_the_keys_of_another_app_do_not_exist(database: Database, vault: Vault, created: CreatedApp):
    """Reading, making current or retiring by another app's id is a 404, whatever the id."""
    other = (await create_app(database, vault, name="other", origins=[], subject="mailto:a@shop.example")).app
    public_id = created.vapid_key_public_id
    assert public_id is not None
    for attempt in (
        export(database, vault, other, public_id, actor="test"),
        make_current(database, other, public_id, actor="test"),
        retire(database, other, public_id, actor="test", now=_NOW, force=True),
    ):
        with pytest.raises(GatewayError) as refused:
            await attempt
        assert (refused.value.code, refused.value.status) == ("credential_unknown", 404)


async def test_a_sealed_key_copied_into_another_app_opens_nothing(
    database: Database, vault: Vault, created: CreatedApp
):
    """Whoever can write to the database still cannot send in another app's name."""
    other = (await create_app(database, vault, name="other", origins=[], subject="mailto:a@shop.example")).app
    mine = await credentials.get(database, created.app.id, 1)
    assert mine is not None
    await database.execute("UPDATE credentials SET sealed = $2 WHERE app_id = $1", other.id, mine.sealed)

    with pytest.raises(Exception, match="was changed or belongs elsewhere"):
        await Keyring(database, vault).credentials(other.id)


async def test_rotations_at_the_same_moment_leave_one_current_key(
    database: Database, vault: Vault, created: CreatedApp
):
    """However many operators press the button, one key is current and all of them live."""
    done = await asyncio.gather(
        *(rotate(database, vault, created.app, "webpush", actor="test") for _ in range(4)), return_exceptions=True
    )

    held = await credentials.list_of_app(database, created.app.id)
    assert sum(one.is_current for one in held) == 1
    assert len(held) == 1 + sum(not isinstance(one, BaseException) for one in done)
    assert all(isinstance(one, GatewayError) for one in done if isinstance(one, BaseException)), done


async def test_choosing_at_the_same_moment_leaves_one_current_key(
    database: Database, vault: Vault, created: CreatedApp
):
    """Of two who choose at once the later one has it, and neither meets a fault."""
    successor = await rotate(database, vault, created.app, "webpush", actor="test")
    assert created.vapid_key_public_id is not None
    both = (created.vapid_key_public_id, successor.public_id)

    for _ in range(5):
        await asyncio.gather(*(make_current(database, created.app, one, actor="test") for one in both * 3))

    assert sum(one.is_current for one in await credentials.list_of_app(database, created.app.id)) == 1


def test_an_id_that_is_none_is_refused():
    """Another kind of id, or a typing error, names no key."""
    for text in ("", "app_0000000000000", "key_", "key_000000000000u"):
        with pytest.raises(GatewayError) as refused:
            parse_credential_id(text)
        assert refused.value.code == "credential_unknown"
