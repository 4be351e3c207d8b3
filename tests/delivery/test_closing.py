"""Closing messages and reading groups: by who is there, and not held up by an app that is gone."""

import json

import msgspec
import pytest

from gateway.delivery import closing
from gateway.delivery.feed import Feed
from gateway.model.audience import Audience
from gateway.model.delivery import Code
from gateway.model.errors import NotFound
from gateway.model.message import MessageState
from gateway.model.work import Hold
from gateway.policy.wording import NOBODY
from gateway.sending.plan import plan_due
from gateway.store import chunks, messages
from gateway.store.database import Database
from gateway.tenancy import apps
from gateway.tenancy.installation import ensure_installation
from gateway.tenancy.keyring import Keyring
from gateway.transports.webpush import Provider as Browsers
from gateway.wire.vault import Vault, generate_master_key
from tests.delivery.world import KeysOf, Service, transports
from tests.store.rows import add_message, claim_one, drawn_ids, enrol, make_app, settled, work
from tests.transports.fakes import made

IDS = drawn_ids(1201)


async def let_a_minute_pass(db: Database) -> None:
    await db.execute("UPDATE messages SET planned_at = now() - interval '1 minute' WHERE planned_at IS NOT NULL")


async def state_of(db: Database, app_id: int, message_id: int) -> tuple[int, dict[str, int] | None]:
    found = await messages.get(db, app_id=app_id, message_id=message_id)
    assert found is not None
    return found.state, found.tally


async def test_a_message_is_closed_when_its_last_chunk_is_done(db: Database):
    """Not before, and with the figures of all of them."""
    app = await make_app(db)
    message = await add_message(db, app)
    first = await claim_one(db, work(app, message, [1]))
    second = await claim_one(db, work(app, message, [2]))
    await chunks.settle(db, settled(first, {1: Code.SENT}), owner=1, lease_s=60)

    assert not await closing.close_if_done(db, app, message)
    await chunks.settle(db, settled(second, {2: Code.GONE}), owner=1, lease_s=60)
    assert await closing.close_if_done(db, app, message)
    assert not await closing.close_if_done(db, app, message)

    assert await state_of(db, app.id, message) == (MessageState.DONE, {"stub.0.10": 1, "stub.0.40": 1})


async def test_a_cancelled_message_is_closed_with_who_was_not_reached(db: Database):
    """What still waited counts as cancelled; the loop finds it, as no worker comes by."""
    app = await make_app(db)
    message = await add_message(db, app)
    chunk = await claim_one(db, work(app, message, [1]))
    await chunks.insert(db, [work(app, message, [2, 3])])
    await chunks.settle(db, settled(chunk, {1: Code.SENT}), owner=1, lease_s=60)
    await messages.move(
        db, app_id=app.id, message_id=message, to=MessageState.CANCELLED, only_from=[MessageState.SENDING]
    )
    await chunks.hold(db, app_id=app.id, buckets=app.buckets, message_id=message, to=Hold.CANCELLED)

    assert await closing.Closer(db, KeysOf(app)).run() == 1

    assert await state_of(db, app.id, message) == (MessageState.CANCELLED, {"stub.0.10": 1, "-.0.60": 2})


async def test_a_deleted_app_holds_nobody_up(db: Database):
    """By the real keyring: its messages end, and those of other apps are planned and closed beside them."""
    vault = Vault(generate_master_key())
    await ensure_installation(db, vault)
    gone, app = [
        (await apps.create_app(db, vault, name=name, origins=[], subject="mailto:push@shop.example")).app
        for name in ("gone", "here")
    ]
    keyring = Keyring(db, vault)
    old = await add_message(db, gone)
    cancelled = await add_message(db, gone, state=MessageState.CANCELLED)
    unplanned = await add_message(db, gone, state=MessageState.SCHEDULED)
    done = await add_message(db, app)
    due = await add_message(db, app, state=MessageState.SCHEDULED)
    await apps.delete_app(db, gone, actor="operator")
    await let_a_minute_pass(db)

    with pytest.raises(NotFound):
        await keyring.app_by_id(gone.id)
    assert await plan_due(db, keyring.app_by_id) == 2
    assert await closing.Closer(db, keyring).run() == 3

    assert (await state_of(db, gone.id, old))[0] == MessageState.DONE
    assert (await state_of(db, gone.id, cancelled))[0] == MessageState.CANCELLED
    assert (await state_of(db, gone.id, unplanned))[0] == MessageState.FAILED
    assert (await state_of(db, app.id, done))[0] == MessageState.DONE
    assert (await state_of(db, app.id, due))[0] == MessageState.DONE
    await let_a_minute_pass(db)
    assert await messages.running(db, after=None, limit=9) == []


async def test_nothing_of_a_deleted_app_is_sent_any_more(db: Database):
    """Also where this process has the message at hand already: it asks for the app again with each chunk."""
    app = await make_app(db)
    message = await add_message(db, app)
    keys = KeysOf(app)
    feed = Feed(db, keys, transports(Service()))
    assert await feed.prepared(app.id, message) is not None

    keys.app = None

    assert await feed.prepared(app.id, message) is None


async def test_devices_of_a_large_message_are_told_over_how_long_to_report(db: Database):
    """A thousand a second; those of a small one are told nothing."""
    app = await make_app(db)
    feed = Feed(db, KeysOf(app), {"webpush": made(Browsers)})
    for recipients, seconds in ((12_000, 12), (1_999, None)):
        message = await add_message(db, app)
        await messages.note_recipients(db, app_id=app.id, message_id=message, recipients=recipients)
        ready = await feed.prepared(app.id, message)
        assert ready is not None
        payload = json.loads(ready.compiled["webpush"].render(NOBODY, "t" * 55, 60))
        assert payload["notification"]["data"]["steeple"].get("d") == seconds


async def test_a_range_is_read_in_groups_of_five_hundred(db: Database):
    """Everybody once, in order, and the last group says that it is the last."""
    app = await make_app(db)
    await enrol(db, app, IDS)
    message = await add_message(db, app)
    await db.execute("UPDATE messages SET planned_at = now() + interval '1 minute'")
    feed = Feed(db, KeysOf(app), transports(Service()))
    ready = await feed.prepared(app.id, message)
    assert ready is not None
    chunk = await claim_one(db, work(app, message, IDS, is_range=True))

    sizes: list[int] = []
    seen: list[int] = []
    is_last = False
    while not is_last:
        group = await feed.next_group(chunk, ready, limit=500)
        sizes.append(len(group.devices))
        seen += [device.subscription_id for device in group.devices]
        chunk = msgspec.structs.replace(chunk, cursor=group.cursor)
        is_last = group.is_last

    assert (sizes, seen) == ([500, 500, 201], IDS)
    assert chunk.cursor == chunk.hi


async def test_a_list_tells_who_is_missing(db: Database):
    """Named and gone: they are counted, not forgotten."""
    app = await make_app(db)
    await enrol(db, app, IDS[:3])
    message = await add_message(db, app, audience=Audience(subscriptions=tuple(IDS[:5])))
    feed = Feed(db, KeysOf(app), transports(Service()))
    ready = await feed.prepared(app.id, message)
    assert ready is not None
    chunk = await claim_one(db, work(app, message, IDS[:5]))

    group = await feed.next_group(chunk, ready, limit=500)

    assert [device.subscription_id for device in group.devices] == IDS[:3]
    assert (group.missing, group.cursor, group.is_last) == (IDS[3:5], IDS[4], True)


async def test_a_message_that_is_not_there_has_no_work(db: Database):
    """It was pruned under its chunk."""
    app = await make_app(db)
    feed = Feed(db, KeysOf(app), transports(Service()))

    assert await feed.prepared(app.id, 4711) is None


async def test_messages_that_run_for_days_hide_none_behind_them(db: Database):
    """Hundreds wait for the morning; one of a younger date is done, and is closed in the next round at the latest."""
    app = await make_app(db)
    waiting = [await add_message(db, app) for _ in range(200)]
    for message in waiting:
        await chunks.insert(db, [work(app, message, [1])])
    done = await add_message(db, app)
    await let_a_minute_pass(db)
    closer = closing.Closer(db, KeysOf(app))

    assert [await closer.run(), await closer.run()] == [0, 1]

    assert (await state_of(db, app.id, done))[0] == MessageState.DONE
