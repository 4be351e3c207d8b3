"""Opting in: once is once, nobody takes over another's device, and what is wrong is named."""

import asyncio
import base64

import msgspec
import pytest

from gateway.model.consent import ConsentAct
from gateway.model.errors import GatewayError
from gateway.model.ids import to_text
from gateway.model.limits import TOPICS_PER_APP_MAX, TOPICS_PER_DEVICE_MAX
from gateway.model.subscriber import SubscriptionState
from gateway.store import apps, consents, subscriptions, topics
from gateway.tenancy.credentials import rotate
from tests.subscribers.house import NOW, House, browser, change, request


async def test_a_new_device_gets_an_id_and_a_secret(house: House):
    """What the browser needs from then on, and what it said, is kept."""
    enrolled = await house.enrol(
        topics=["sale", "news"],
        language="nl-NL",
        timezone="Europe/Amsterdam",
        platform="firefox_desktop",
        tags={"plan": "gold"},
        consent={"text": "Yes please", "page": "https://shop.example/"},
    )

    device = await house.enroller.get(house.app, enrolled.id, enrolled.secret)
    assert enrolled.is_new
    assert enrolled.topics == ["news", "sale"]
    assert enrolled.secret.startswith("stpl_ds_")
    assert len(enrolled.secret) == len("stpl_ds_") + 43
    assert (device.locale, device.timezone, device.platform, device.tags) == (
        "nl-NL",
        "Europe/Amsterdam",
        3,
        {"plan": "gold"},
    )
    assert device.consent == {"text": "Yes please", "page": "https://shop.example/", "at": "2026-12-01T09:00:00Z"}
    assert device.state == SubscriptionState.ACTIVE


async def test_the_same_browser_twice_is_one_device(house: House):
    """A second opt-in refreshes: same id, a new secret, and the old one is worth nothing."""
    first = await house.enrol(1, topics=["sale"], language="nl")
    second = await house.enrol(1, language="de")

    device = await house.enroller.get(house.app, first.id, second.secret)
    assert (second.id, second.is_new, second.topics) == (first.id, False, ["sale"])
    assert device.locale == "de"
    assert await house.count("subscriptions") == await house.count("addresses") == 1
    with pytest.raises(GatewayError):
        await house.enroller.get(house.app, first.id, first.secret)


async def test_fifty_opt_ins_at_once_are_one_device(house: House):
    """Fifty tabs, fifty workers, one row; every answer names it."""
    enrolled = await asyncio.gather(*(house.enrol(1) for _ in range(50)))

    assert len({one.id for one in enrolled}) == 1
    assert sum(one.is_new for one in enrolled) == 1
    assert await house.count("subscriptions") == await house.count("addresses") == 1


async def test_an_endpoint_with_other_keys_is_somebody_elses(house: House):
    """Who has learnt an endpoint cannot take the device over, and changes nothing by trying."""
    mine = await house.enrol(1)
    before = await house.enroller.get(house.app, mine.id, mine.secret)

    for attempt in ({"point": 1}, {"point": 1, "secret": "stpl_ds_" + "A" * 43}, {"point": 1, "secret": ""}):
        with pytest.raises(GatewayError) as refused:
            await house.enrol(1, **attempt)
        assert (refused.value.code, refused.value.status) == ("endpoint_taken", 409)

    assert await house.enroller.get(house.app, mine.id, mine.secret) == before


async def test_the_owner_may_bring_new_keys(house: House):
    """With the secret from before, the browser itself renews its keys and stays the same device."""
    first = await house.enrol(1)

    second = await house.enrol(1, point=1, secret=first.secret)

    device = await house.enroller.get(house.app, first.id, second.secret)
    assert second.id == first.id
    assert house.enroller.describe(device)["keys"]["p256dh"] == browser(1, point=1)["keys"]["p256dh"]


@pytest.mark.parametrize("state", [SubscriptionState.GONE, SubscriptionState.LEFT])
async def test_who_opts_in_again_is_back(house: House, state: SubscriptionState):
    """Gone or left: the person said yes anew, so sends reach the device again, from now on."""
    first = await house.enrol(1)
    await subscriptions.end(house.database, house.app, first.id, state)
    ended = await house.enroller.get(house.app, first.id)

    second = await house.enrol(1)

    device = await house.enroller.get(house.app, second.id)
    assert second.id == first.id
    assert (device.state, device.ended_at) == (SubscriptionState.ACTIVE, None)
    assert device.enrolled_at > ended.enrolled_at
    assert device.registered_at > ended.registered_at


async def test_a_page_that_mends_by_itself_leaves_topics_as_they_are(house: House):
    """What the browser remembers is older than what somebody has chosen since, by the link of a message."""
    first = await house.enrol(1, topics=["sale", "news"])
    await house.enroller.change(house.app, first.id, None, change(topics=["news"]), now=NOW)

    mended = await house.enrol(1, topics=["sale", "news"], again=True)
    agreed = await house.enrol(1, topics=["sale", "news"])

    assert (mended.id, mended.topics, agreed.topics) == (first.id, ["news"], ["news", "sale"])
    acts = [one.act for one in await consents.of_device(house.database, house.app, first.id)]
    assert acts == [ConsentAct.GIVEN, ConsentAct.CHANGED, ConsentAct.CHANGED]


async def test_two_apps_do_not_share_a_device(house: House):
    """The same browser on two sites of one operator is two devices that know nothing of each other."""
    other = await house.other_app()
    here = await house.enrol(1)
    there = await house.enroller.enrol(other, request(1), now=NOW)

    assert there.is_new
    assert there.id != here.id
    for app, one in ((other, here), (house.app, there)):
        with pytest.raises(GatewayError) as refused:
            await house.enroller.get(app, one.id)
        assert refused.value.status == 404
        with pytest.raises(GatewayError) as refused:
            await house.enroller.get(app, one.id, one.secret)
        assert refused.value.code == "secret_invalid"


async def test_a_device_keeps_the_key_it_was_made_with(house: House):
    """After a rotation new devices get the successor; one that names the old key gets that."""
    old = house.created.vapid_key_public_id
    assert old is not None
    before = await house.enrol(1)
    await rotate(house.database, house.vault, house.app, "webpush", actor="test")
    house.keyring.forget(house.app)

    after = await house.enrol(2)
    late = await house.enrol(3, vapid_key_id=to_text("key", old))

    made_with = [(await house.enroller.get(house.app, one.id)).credential_id for one in (before, after, late)]
    assert made_with == [1, 2, 1]


async def test_a_key_of_another_app_is_unknown(house: House):
    """Naming somebody else's key, or none at all, is refused."""
    other = await house.other_app()
    foreign = await house.keyring.current_credential(other.id, "webpush")
    assert foreign is not None
    for text in (to_text("key", foreign.public_id), "key_", "app_0000000000000", "x" * 1000):
        with pytest.raises(GatewayError) as refused:
            await house.enrol(vapid_key_id=text)
        assert (refused.value.code, refused.value.param) == ("credential_unknown", "vapid_key_id")


async def test_unknown_topics_are_made_unless_the_app_says_no(house: House):
    """An open app grows topics by use; a closed one names the topic that it does not know."""
    await topics.insert_missing(house.database, house.app.id, ["known"], total_max=TOPICS_PER_APP_MAX)
    assert (await house.enrol(topics=["new"])).topics == ["new"]

    house.app = await apps.update_settings(house.database, house.app.id, settings={"open_topics": False}) or house.app

    assert (await house.enrol(topics=["known", "new"])).topics == ["known", "new"]
    with pytest.raises(GatewayError, match="'other'") as refused:
        await house.enrol(topics=["known", "other"])
    assert refused.value.code == "topic_unknown"


async def test_a_full_app_takes_no_more_topics(house: House):
    """A stranger cannot fill the table with names."""
    await topics.insert_missing(
        house.database,
        house.app.id,
        [f"t{number}" for number in range(TOPICS_PER_APP_MAX)],
        total_max=TOPICS_PER_APP_MAX,
    )
    with pytest.raises(GatewayError) as refused:
        await house.enrol(topics=["one-more"])
    assert refused.value.code == "topics_too_many"


async def test_the_followers_of_a_deleted_topic_do_not_follow_the_next_one(house: House):
    """A new topic begins with nobody."""
    first = await house.enrol(1, topics=["old"])
    await topics.delete(house.database, house.app.id, "old")
    await house.enrol(2, topics=["new"])

    device = await house.enroller.get(house.app, first.id)
    assert await house.enroller.topics_of(house.app, device) == []


_BAD_POINT = base64.urlsafe_b64encode(b"\x04" + b"\x01" * 64).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"channel": "pigeon"}, "channel_unknown", "channel"),
        ({"endpoint": "https://evil.example/x"}, "endpoint_refused", "endpoint"),
        ({"endpoint": "http://127.0.0.1/fcm.googleapis.com"}, "endpoint_refused", "endpoint"),
        ({"endpoint": None}, "field_missing", "endpoint"),
        ({"keys": None}, "field_missing", "keys"),
        ({"keys": {"p256dh": _BAD_POINT, "auth": "AAAAAAAAAAAAAAAAAAAAAA"}}, "key_material_invalid", "keys.p256dh"),
        ({"keys": {"p256dh": "****", "auth": "AAAA"}}, "key_material_invalid", "keys.p256dh"),
        ({"language": "klingon!"}, "field_invalid", "language"),
        ({"language": "x" * 36}, "field_invalid", "language"),
        ({"platform": "toaster"}, "field_invalid", "platform"),
        ({"topics": ["Sale"]}, "field_invalid", "topics"),
        ({"topics": ["a b"]}, "field_invalid", "topics"),
        ({"topics": ["x" * 65]}, "field_invalid", "topics"),
        ({"topics": ["nul\x00"]}, "field_invalid", "topics"),
        ({"topics": [f"t{n}" for n in range(TOPICS_PER_DEVICE_MAX + 1)]}, "topics_too_many", "topics"),
        ({"tags": {str(n): 1 for n in range(101)}}, "field_invalid", "tags"),
        ({"tags": {"": 1}}, "field_invalid", "tags"),
        ({"tags": {"x" * 65: 1}}, "field_invalid", "tags"),
        ({"tags": {"nul\x00": 1}}, "field_invalid", "tags"),
        ({"tags": {"a": "nul\x00"}}, "field_invalid", "tags.a"),
        ({"tags": {"a": "x" * 1100}}, "field_invalid", "tags.a"),
        ({"tags": {"a": {"b": 1}}}, "field_invalid", "tags.a"),
        ({"tags": {"a": [1]}}, "field_invalid", "tags.a"),
        ({"consent": {"text": "x" * 3000}}, "field_invalid", "consent"),
        ({"consent": {"text": "nul\x00"}}, "field_invalid", "consent"),
        ({"consent": {"at": "2026-12-01T09:00:00"}}, "field_invalid", "consent.at"),
    ],
)
async def test_what_is_wrong_is_named_and_not_stored(house: House, more: dict[str, object], code: str, param: str):
    """The page's developer hears which field, and the database hears nothing."""
    with pytest.raises(GatewayError) as refused:
        await house.enrol(1, **more)

    assert (refused.value.code, refused.value.param) == (code, param)
    assert await house.count("subscriptions") == await house.count("addresses") == 0


async def test_a_zone_that_only_the_browser_knows_costs_no_opt_in(house: House):
    """Browsers learn of new zones before servers do."""
    for zone in ("Mars/Olympus", "../../etc/passwd", "x" * 5000, "posix/UTC", "", "UTC\x00"):
        enrolled = await house.enrol(timezone=zone)
        assert (await house.enroller.get(house.app, enrolled.id)).timezone is None


async def test_the_printed_form_of_a_browser_subscription_is_taken_as_it_is(house: House):
    """`JSON.stringify(subscription)` holds expirationTime: null."""
    raw = msgspec.json.encode({**browser(), "expirationTime": None})
    assert await house.enroller.enrol(house.app, msgspec.json.decode(raw, type=type(request())), now=NOW)


async def test_an_address_whose_device_is_gone_from_the_store_can_be_used_again(house: House):
    """A half-erased device does not lock its browser out."""
    first = await house.enrol(1)
    await house.database.execute("DELETE FROM subscriptions")

    second = await house.enrol(1)

    assert second.is_new
    assert second.id != first.id
    assert await house.count("addresses") == 1


@pytest.mark.parametrize("buckets", [1, 64])
async def test_a_spread_app_finds_its_devices(house: House, buckets: int):
    """However many buckets an app lies in, each browser is found again."""
    await house.spread(buckets)
    first = [await house.enrol(number) for number in range(20)]
    again = [await house.enrol(number) for number in range(20)]

    assert [one.id for one in first] == [one.id for one in again]
    assert await house.count("subscriptions") == 20
