"""Changing and leaving: the device with its secret, the shop's server without, and nobody else."""

import asyncio

import pytest

from gateway.model.consent import How
from gateway.model.errors import GatewayError
from gateway.model.subscriber import SubscriptionState
from gateway.store import persons, subscriptions
from gateway.store.subscriptions import Filters
from gateway.subscribers.enrol import Enroller
from gateway.transports.base import Transport
from gateway.wire.egress import EgressPolicy
from gateway.wire.pool import HttpClient
from tests.subscribers.house import NOW, House, browser, change
from tests.transports.fakes import wire_on

WRONG_SECRETS = ("", "x", "stpl_ds_" + "A" * 43, "\x00", "é")


async def test_a_device_changes_what_it_names_and_nothing_else(house: House):
    """Language and topics change; the rest stays."""
    mine = await house.enrol(topics=["sale"], language="nl", timezone="Europe/Amsterdam", tags={"a": 1, "b": 2})

    changed = await house.enroller.change(
        house.app, mine.id, mine.secret, change(language="de", topics=["news"], tags={"b": None, "c": "x"}), now=NOW
    )

    assert (changed.locale, changed.timezone, changed.tags) == ("de", "Europe/Amsterdam", {"a": 1, "c": "x"})
    assert await house.enroller.topics_of(house.app, changed) == ["news"]
    assert changed == await house.enroller.get(house.app, mine.id)


async def test_all_topics_can_be_left(house: House):
    """An empty list is a list."""
    mine = await house.enrol(topics=["sale"])
    changed = await house.enroller.change(house.app, mine.id, mine.secret, change(topics=[]), now=NOW)
    assert changed.topics == ()


@pytest.mark.parametrize("secret", WRONG_SECRETS)
async def test_who_knows_only_the_id_can_do_nothing(house: House, secret: str):
    """Reading, tagging, moving, naming and ending another's device are refused, and an unknown id sounds the same."""
    mine = await house.enrol(1, topics=["sale"])
    before = await house.enroller.get(house.app, mine.id)

    for subscription_id in (mine.id, mine.id ^ 1):
        for attempt in (
            house.enroller.get(house.app, subscription_id, secret),
            house.enroller.change(house.app, subscription_id, secret, change(tags={"a": 1}), now=NOW),
            house.enroller.change(house.app, subscription_id, secret, change(topics=["evil"]), now=NOW),
            house.enroller.change(house.app, subscription_id, secret, change(**browser(2, point=1)), now=NOW),
            house.enroller.change(house.app, subscription_id, secret, change(user="me"), now=NOW),
            house.enroller.leave(house.app, subscription_id, secret, now=NOW, how=How.PAGE),
        ):
            with pytest.raises(GatewayError) as refused:
                await attempt
            assert (refused.value.code, refused.value.status) == ("secret_invalid", 401)

    assert await house.enroller.get(house.app, mine.id) == before
    assert await house.count("topics") == 1
    assert await house.count("addresses") == 1


async def test_another_devices_secret_is_no_key(house: House):
    """A secret opens its own device only."""
    mine, yours = await house.enrol(), await house.enrol()
    with pytest.raises(GatewayError):
        await house.enroller.leave(house.app, yours.id, mine.secret, now=NOW, how=How.PAGE)


async def test_an_imported_device_has_no_secret_that_fits(house: House):
    """A device without a secret is the server's to change: no text stands for it."""
    mine = await house.enrol()
    await house.database.execute("UPDATE subscriptions SET secret_hash = NULL")
    for secret in (*WRONG_SECRETS, mine.secret):
        with pytest.raises(GatewayError):
            await house.enroller.get(house.app, mine.id, secret)


async def test_a_new_address_is_the_same_device(house: House):
    """When the browser changes its endpoint, id, secret and topics stay, and the old endpoint is free."""
    mine = await house.enrol(1, topics=["sale"])
    before = await house.enroller.get(house.app, mine.id)

    moved = await house.enroller.change(house.app, mine.id, mine.secret, change(**browser(2, point=1)), now=NOW)

    assert house.enroller.describe(moved)["endpoint"] == browser(2)["endpoint"]
    assert (moved.id, moved.topics) == (mine.id, before.topics)
    assert moved.registered_at > before.registered_at
    assert await house.count("addresses") == 1
    assert (await house.enrol(1)).is_new


async def test_an_address_of_somebody_else_cannot_be_taken(house: House):
    """Moving onto another's endpoint is refused, and both stay where they are."""
    mine, yours = await house.enrol(1), await house.enrol(2)

    for point in (0, 1):
        with pytest.raises(GatewayError) as refused:
            await house.enroller.change(house.app, mine.id, mine.secret, change(**browser(2, point=point)), now=NOW)
        assert refused.value.code == "endpoint_taken"

    assert (await house.enrol(1)).id == mine.id
    assert (await house.enrol(2)).id == yours.id


async def test_new_keys_at_the_same_address_are_taken_with_the_secret(house: House):
    """The endpoint may stay and the keys change."""
    mine = await house.enrol(1)
    moved = await house.enroller.change(house.app, mine.id, mine.secret, change(**browser(1, point=2)), now=NOW)
    assert house.enroller.describe(moved)["keys"] == browser(1, point=2)["keys"]


@pytest.mark.parametrize(
    ("state", "then"),
    [(SubscriptionState.GONE, SubscriptionState.ACTIVE), (SubscriptionState.LEFT, SubscriptionState.LEFT)],
)
async def test_a_new_address_revives_who_was_gone_and_not_who_left(
    house: House, state: SubscriptionState, then: SubscriptionState
):
    """Browsers change addresses by themselves: that is no consent."""
    mine = await house.enrol(1)
    await subscriptions.end(house.database, house.app, mine.id, state)

    moved = await house.enroller.change(house.app, mine.id, mine.secret, change(**browser(2)), now=NOW)

    assert moved.state == then


async def test_moves_at_the_same_moment_leave_one_address_each(house: House):
    """Two devices that want one endpoint: one gets it, and no address is lost or doubled."""
    mine, yours = await house.enrol(1), await house.enrol(2)
    done = await asyncio.gather(
        house.enroller.change(house.app, mine.id, mine.secret, change(**browser(3)), now=NOW),
        house.enroller.change(house.app, yours.id, yours.secret, change(**browser(3)), now=NOW),
        return_exceptions=True,
    )

    assert sum(isinstance(one, GatewayError) for one in done) == 1
    assert await house.count("addresses") == 2


async def test_a_device_leaves_an_address_that_is_not_permitted_any_more(house: House, transport: Transport):
    """The operator struck a push host off the list: whoever moves away leaves nothing behind there."""
    mine = await house.enrol(1)
    permitted = EgressPolicy.of(defaults=["fcm.googleapis.com"])
    http = HttpClient(permitted, connections_max=1)
    narrower = type(transport)(wire_on(http, permitted))
    strict = Enroller(house.database, house.keyring, {narrower.name: narrower})

    elsewhere = browser(2) | {"endpoint": "https://fcm.googleapis.com/fcm/send/canary"}
    await strict.change(house.app, mine.id, mine.secret, change(**elsewhere), now=NOW)

    assert await house.count("addresses") == 1
    assert await house.strays() == 0
    assert (await house.enrol(1)).is_new
    await http.aclose()


async def test_one_device_that_moves_twice_at_once_has_one_address(house: House):
    """Two tabs tell of two new endpoints in the same moment: one of them holds, the other is free."""
    mine = await house.enrol(1)
    for burst in range(3):
        moves = [
            house.enroller.change(house.app, mine.id, mine.secret, change(**browser(10 * burst + tab)), now=NOW)
            for tab in range(2, 6)
        ]
        await asyncio.gather(*moves)

    assert await house.count("addresses") == 1
    assert await house.strays() == 0


async def test_leaving_ends_it_and_twice_is_no_fault(house: House):
    """The device gets nothing any more, and the moment is kept."""
    mine = await house.enrol()
    for _ in range(2):
        await house.enroller.leave(house.app, mine.id, mine.secret, now=NOW, how=How.PAGE)

    device = await house.enroller.get(house.app, mine.id)
    assert device.state == SubscriptionState.LEFT
    assert device.ended_at is not None


async def test_who_was_gone_may_still_leave(house: House):
    """After that no automatic change of address revives the device."""
    mine = await house.enrol()
    await subscriptions.end(house.database, house.app, mine.id, SubscriptionState.GONE)
    await house.enroller.leave(house.app, mine.id, mine.secret, now=NOW, how=How.PAGE)
    assert (await house.enroller.get(house.app, mine.id)).state == SubscriptionState.LEFT


async def test_the_server_names_the_user_and_a_device_cannot(house: House):
    """Whose device it is, is said by the shop."""
    mine = await house.enrol()
    with pytest.raises(GatewayError) as refused:
        await house.enroller.change(house.app, mine.id, mine.secret, change(user="victim"), now=NOW)
    assert refused.value.param == "user"

    named = await house.enroller.change(house.app, mine.id, None, change(user="cust-1"), now=NOW)
    assert named.person == "cust-1"
    assert await persons.subscriptions_of(house.database, house.app, ["cust-1"]) == {"cust-1": [mine.id]}

    nobody = await house.enroller.change(house.app, mine.id, None, change(user=None), now=NOW)
    assert nobody.person is None
    assert await persons.subscriptions_of(house.database, house.app, ["cust-1"]) == {"cust-1": []}


async def test_the_server_hears_of_an_unknown_device_and_of_a_wrong_user(house: House):
    """404 for what is not there, and the field for what cannot be."""
    with pytest.raises(GatewayError) as refused:
        await house.enroller.change(house.app, 12345, None, change(language="nl"), now=NOW)
    assert refused.value.status == 404
    mine = await house.enrol()
    for user in ("", "x" * 257, "nul\x00", "two\nlines"):
        with pytest.raises(GatewayError) as refused:
            await house.enroller.change(house.app, mine.id, None, change(user=user), now=NOW)
        assert (refused.value.code, refused.value.param) == ("field_invalid", "user")


async def test_a_list_shows_each_device_of_the_app_once(house: House):
    """Page by page, over all buckets, and nothing of another app."""
    await house.spread(16)
    other = await house.other_app()
    mine = {(await house.enrol(number)).id for number in range(25)}

    seen: list[int] = []
    while page := await house.enroller.list_page(house.app, after=seen[-1] if seen else None, limit=7):
        seen += [one.id for one in page]

    assert len(seen) == 25
    assert set(seen) == mine
    assert await house.enroller.list_page(other, after=None, limit=7) == []


async def test_a_list_can_be_narrowed(house: House):
    """By state, by topic, by user."""
    sale, plain = await house.enrol(topics=["sale"]), await house.enrol()
    await house.enroller.leave(house.app, plain.id, None, now=NOW, how=How.SERVER)
    await house.enroller.change(house.app, sale.id, None, change(user="cust-1"), now=NOW)
    (topic,) = (await house.enroller.get(house.app, sale.id)).topics

    async def ids(**by: object) -> list[int]:
        filters = Filters(**by)  # type: ignore[arg-type]  # each test line names its own
        page = await house.enroller.list_page(house.app, after=None, limit=10, filters=filters)
        assert len(page) == await subscriptions.count(house.database, house.app, filters)
        return [one.id for one in page]

    assert await ids(state=0) == [sale.id]
    assert await ids(state=2) == [plain.id]
    assert await ids(topic_id=topic) == [sale.id]
    assert await ids(provider="none") == []
    assert [one.id for one in await house.enroller.list_page(house.app, after=None, limit=5, user="cust-1")] == [
        sale.id
    ]
    assert await house.enroller.list_page(house.app, after=None, limit=5, user="nobody") == []
