"""What the store keeps of apps, their keys and topics."""

import asyncio

from gateway.model.app import App
from gateway.model.limits import TOPICS_PER_APP_MAX
from gateway.store import api_keys, apps, audit, credentials, secrets, topics
from gateway.store.database import Database


async def make_app(database: Database, name: str, *, spread: int = 1) -> App:
    app = await apps.insert(
        database,
        public_id=abs(hash(name)) >> 2,
        name=name,
        home=7,
        origins=["https://shop.example"],
        link_hosts=[],
        subject="mailto:push@shop.example",
        settings={"open_topics": True},
    )
    assert app is not None
    if spread > 1:
        await database.execute("UPDATE apps SET spread = $2 WHERE id = $1", app.id, spread)
        app = await apps.get(database, app.id)
        assert app is not None
    return app


async def test_an_app_is_found_by_key_public_id_and_name(database: Database):
    """Whatever names an app leads to the same app."""
    app = await make_app(database, "shop")

    assert app == await apps.get(database, app.id)
    assert app == await apps.get_by_public_id(database, app.public_id)
    assert app == await apps.get_by_name(database, "shop")
    assert await apps.list_page(database, 0, 10) == [app]
    assert await apps.list_page(database, app.id, 10) == []


async def test_a_deleted_app_is_found_by_nobody_and_frees_its_name(database: Database):
    """Deleting an app takes it away at once; a new one of the same name is another app."""
    app = await make_app(database, "shop")

    assert await apps.mark_deleted(database, app.id)

    assert await apps.get(database, app.id) is None
    assert await apps.get_by_public_id(database, app.public_id) is None
    assert not await apps.mark_deleted(database, app.id)
    again = await apps.insert(
        database, public_id=5, name="shop", home=1, origins=[], link_hosts=[], subject="mailto:a@b.example", settings={}
    )
    assert again is not None
    assert again.id != app.id


async def test_settings_and_origins_change_only_where_given(database: Database):
    """Changing one thing leaves the others."""
    app = await make_app(database, "shop")

    renamed = await apps.update_settings(database, app.id, name="store")
    moved = await apps.update_origins(database, app.id, origins=["https://store.example"])

    assert renamed is not None
    assert (renamed.name, renamed.subject, renamed.settings) == ("store", app.subject, app.settings)
    assert moved is not None
    assert (moved.origins, moved.name) == (("https://store.example",), "store")


async def test_only_one_credential_of_a_provider_is_current(database: Database):
    """The successor takes over, and both live on until one is retired."""
    app = await make_app(database, "shop")
    made = [
        await credentials.insert(
            database, app_id=app.id, public_id=number, provider="paper", public={"n": number}, sealed=b"sealed"
        )
        for number in (11, 12)
    ]

    for one in made:
        assert one is not None
        async with database.transaction() as tx:
            await credentials.unset_current(tx, app.id, "paper")
            assert await credentials.set_current(tx, app.id, one.id)

    assert [(one.id, one.is_current) for one in await credentials.list_of_app(database, app.id)] == [
        (1, False),
        (2, True),
    ]
    assert await credentials.retire(database, app.id, 1)
    assert not await credentials.retire(database, app.id, 1)
    assert not await credentials.set_current(database, app.id, 1)


async def test_a_credential_is_not_found_through_another_app(database: Database):
    """An id of another app names nothing here."""
    one, other = await make_app(database, "one"), await make_app(database, "other")
    await credentials.insert(database, app_id=one.id, public_id=11, provider="paper", public={}, sealed=b"x")

    assert await credentials.get_by_public_id(database, one.id, 11) is not None
    assert await credentials.get_by_public_id(database, other.id, 11) is None
    assert await credentials.get(database, other.id, 1) is None


async def test_the_first_secret_of_a_number_stays(database: Database):
    """Of processes that make the same secret at once, one wins and all use that one."""
    made = await asyncio.gather(
        *(
            secrets.insert(database, app_id=0, kind="address", secret_id=1, sealed=bytes([number]) * 40)
            for number in range(8)
        )
    )

    assert sum(made) == 1
    assert len(await secrets.list_live(database, 0, "address")) == 1


async def test_a_key_is_revoked_only_through_its_own_app(database: Database):
    """Who manages one app cannot end the keys of another, or the installation's."""
    one, other = await make_app(database, "one"), await make_app(database, "other")
    for key_id, app_id in ((1, one.id), (2, None)):
        await api_keys.insert(
            database, key_id=key_id, app_id=app_id, name="k", scopes=["send"], key_hash=b"h", expires_at=None
        )

    assert not await api_keys.revoke(database, other.id, 1)
    assert not await api_keys.revoke(database, one.id, 2)
    assert not await api_keys.revoke(database, None, 1)
    assert await api_keys.revoke(database, one.id, 1)
    assert await api_keys.count_live(database, one.id) == 0
    assert await api_keys.count_live(database, None) == 1


async def test_the_use_of_a_key_is_noted_at_most_once_a_minute(database: Database):
    """A busy key does not write a row for each call."""
    await api_keys.insert(database, key_id=1, app_id=None, name="k", scopes=["send"], key_hash=b"h", expires_at=None)

    await api_keys.touch(database, 1)
    first = await api_keys.get(database, 1)
    await api_keys.touch(database, 1)

    assert first is not None
    assert first.last_used_at is not None
    assert await api_keys.get(database, 1) == first


async def test_topics_get_numbers_once_and_no_more_than_there_is_room(database: Database):
    """Asking for topics again makes none, and a full app gets no more."""
    app = await make_app(database, "shop")

    assert sorted(await topics.insert_missing(database, app.id, ["sale", "news"], total_max=TOPICS_PER_APP_MAX)) == [
        "news",
        "sale",
    ]
    assert await topics.insert_missing(database, app.id, ["sale"], total_max=TOPICS_PER_APP_MAX) == []
    assert await topics.insert_missing(database, app.id, ["a", "b", "sale"], total_max=3) == ["a"]
    assert set(await topics.by_slug(database, app.id, ["sale", "a", "b"])) == {"sale", "a"}
    assert await topics.delete(database, app.id, "sale")
    assert [topic.slug for topic in await topics.list_of_app(database, app.id)] == ["a", "news"]


async def test_what_was_done_is_listed_latest_first(database: Database):
    """The audit log tells who did what, the latest first."""
    for action in ("made", "changed"):
        await audit.append(database, app_id=1, actor="key_x", action=action, target="app_x")
    await audit.append(database, app_id=2, actor="key_y", action="made", target="app_y")

    assert [entry.action for entry in await audit.list_page(database, app_id=1, before=None, limit=5)] == [
        "changed",
        "made",
    ]
    assert len(await audit.list_page(database, app_id=None, before=None, limit=5)) == 3
