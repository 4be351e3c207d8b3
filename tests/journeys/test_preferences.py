"""The preference centre: by the device's secret, and by the link that every message carries."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.model.event import ReceiptKind
from gateway.model.ids import from_text
from gateway.policy.receipt_token import PREFERENCES, ReceiptSigner
from gateway.store import subscriptions
from gateway.store.subscriptions import Change
from tests.journeys.notifications import shown
from tests.journeys.readers import proof_of
from tests.journeys.visitors import Visitor
from tests.journeys.world import Shop, World
from tests.store.waiting import wait_for_a_lock

CONSENT = {"text": "Yes, tell me about sales.", "at": "2026-11-01T10:00:00Z", "page": "https://shop.example/cart"}


async def _link(
    shop: Shop,
    device: str,
    *,
    days_old: int = 0,
    kinds: int = PREFERENCES,
    signer: Any = None,
    person: str | None = None,
) -> str:
    """The token of a message to this device, and whoever is logged in there."""
    signer = signer or await shop.world.base.keyring.receipt_signer(shop.app.id)
    number = from_text("sub", device)
    assert number is not None
    day = shop.world.clock.now().date() - timedelta(days=days_old)
    return signer.sign(message_id=7, subscription_id=number, day=day, kinds=kinds, person=person)


async def _open(shop: Shop, token: str, change: Any = None, **headers: str) -> tuple[int, Any]:
    """What the page at the other end of the link gets."""
    method = "GET" if change is None else "PATCH"
    given = {"Authorization": f"Bearer {token}", "Origin": shop.world.url, **headers}
    url = shop.world.url + "/v1/preferences"
    async with shop.world.session.request(method, url, json=change, headers=given) as answer:
        return answer.status, await answer.json()


async def _acts(shop: Shop, device: str) -> list[tuple[str, str]]:
    _, _, said = await shop.call("GET", f"/v1/subscriptions/{device}/consents")
    return [(one["act"], one["how"]) for one in said["data"]]


async def _topics(shop: Shop, *slugs: str) -> None:
    for slug in slugs:
        await shop.call("POST", "/v1/topics", {"slug": slug, "name": slug.title()})


async def test_a_message_carries_its_link(shop: Shop) -> None:
    """The token in a payload opens the page, and changes what this device is sent."""
    await _topics(shop, "sale", "news")
    (device,) = await shop.devices(1, lines=[{"topics": ["sale"], "language": "nl", "consent": CONSENT}])
    message = await shop.send()
    await shop.done(message)
    (entry,) = await shop.world.entries(message)
    assert entry.payload is not None
    token = entry.payload["notification"]["data"]["steeple"]["t"]
    status, said = await _open(shop, token)
    assert (status, said["subscribed"], said["site"], said["language"]) == (200, True, "shop.example", "nl")
    assert [(one["slug"], one["subscribed"]) for one in said["topics"]] == [("news", False), ("sale", True)]
    assert (said["consent"]["text"], said["texts"]["title"]) == (CONSENT["text"], "Meldingen")
    status, said = await _open(shop, token, {"topics": ["news"], "frequency": {"max": 1, "per": "P1D"}})
    assert (status, said["frequency"]) == (200, {"max": 1, "per": "P1D"})
    assert await _acts(shop, device.id) == [("given", "import"), ("changed", "link")]
    assert (await shop.done(await shop.send({"topics": "news"})))["skipped_by"] == {"capped": 1}


async def test_a_text_may_hold_the_link(shop: Shop) -> None:
    """`{{ preferences_url }}` in a button or in data: each device gets its own, and no other link of ours passes."""
    first, second = await shop.devices(2)
    button = {"id": "less", "title": "Fewer of these", "url": "{{ preferences_url }}"}
    message = await shop.send(actions=[button], url="https://shop.example/", data={"less": "{{ preferences_url }}"})
    await shop.done(message)
    got = await shown(shop, message)
    links = {device.id: got[device.token]["actions"][0]["navigate"] for device in (first, second)}
    assert [got[device.token]["data"]["less"] for device in (first, second)] == list(links.values())
    page, _, token = links[first.id].partition("#")
    assert page == f"{shop.world.url}/preferences"
    assert (await _open(shop, token, {"subscribed": False}))[1]["subscribed"] is False
    assert [await shop.is_kept(device) for device in (first, second)] == [False, True]
    elsewhere = await shop.send(url="{{ preferences_url | replace: 'preferences', 'docs' }}")
    assert (await shop.done(elsewhere))["skipped_by"] == {"template": 1}


async def test_consent_is_taken_back_by_one_click_at_once(shop: Shop) -> None:
    """One field ends it, nothing is sent from then on, and the ledger says when, where and how."""
    visitor = await Visitor(shop, "203.0.113.21").enrolled(consent=CONSENT)
    token = await _link(shop, visitor.id)
    status, said = await _open(shop, token, {"subscribed": False})
    assert (status, said["subscribed"]) == (200, False)
    assert (await shop.done(await shop.send()))["counts"]["audience"] == 0
    assert await _acts(shop, visitor.id) == [("given", "page"), ("withdrawn", "link")]
    status, said = await _open(shop, token, {"subscribed": True})
    assert (status, said["subscribed"]) == (200, True)
    assert (await shop.done(await shop.send()))["counts"]["sent"] == 1
    _, _, ledger = await shop.call("GET", f"/v1/subscriptions/{visitor.id}/consents")
    assert [one["act"] for one in ledger["data"]] == ["given", "withdrawn", "given"]
    assert (ledger["data"][-1]["text"], ledger["intact"]) == (CONSENT["text"], True)
    assert ledger["data"][1]["page"] == f"{shop.world.url}/preferences"


async def test_a_page_of_the_shop_does_it_with_the_secret(world: World, shop: Shop) -> None:
    """A device of nobody keeps its own choices; marketing obeys them."""
    visitor = await Visitor(shop, "203.0.113.22").enrolled()
    until = (world.clock.now() + timedelta(days=3)).isoformat()
    status, said = await visitor.call("PATCH", f"/v1/subscriptions/{visitor.id}/preferences", {"paused_until": until})
    assert (status, said["devices"], said["channels"]) == (200, 1, ["webpush"])
    assert said["paused_until"] is not None
    assert (await shop.done(await shop.send()))["skipped_by"] == {"own_pause": 1}
    await visitor.call("PATCH", f"/v1/subscriptions/{visitor.id}", {"tags": {"plan": "gold"}})
    status, said = await visitor.call("GET", f"/v1/subscriptions/{visitor.id}/preferences?language=ar")
    assert (said["paused_until"] is not None, said["language"]) == (True, "ar")
    await visitor.call("PATCH", f"/v1/subscriptions/{visitor.id}/preferences", {"paused_until": None})
    assert (await shop.done(await shop.send()))["counts"]["sent"] == 1


async def _log_in(shop: Shop, visitor: Visitor, user: str | None) -> None:
    body = None if user is None else await proof_of(shop, user)
    status, said = await visitor.call(
        "DELETE" if user is None else "POST", f"/v1/subscriptions/{visitor.id}/identity", body
    )
    assert status in (200, 204), said


async def _sent_link(shop: Shop) -> str:
    """The token of a message that has just gone out to the only device."""
    message = await shop.send()
    await shop.done(message)
    (entry,) = await shop.world.entries(message)
    assert entry.payload is not None
    return entry.payload["notification"]["data"]["steeple"]["t"]


async def test_the_link_of_who_used_the_browser_before_opens_nothing_of_the_next(shop: Shop) -> None:
    """Ada's link is good until somebody else logs in there, and again once she is back; Bob's choices are his."""
    await _topics(shop, "sale")
    visitor = await Visitor(shop, "203.0.113.34").enrolled(topics=["sale"])
    await _log_in(shop, visitor, "ada")
    adas = await _sent_link(shop)
    assert (await _open(shop, adas))[0] == 200
    await _log_in(shop, visitor, None)
    assert (await _open(shop, adas))[0] == 200, "nobody else has logged in: her way out is open"
    await _log_in(shop, visitor, "bob")
    bobs = await _sent_link(shop)
    for change in (None, {"topics": []}, {"subscribed": False}, {"frequency": {"max": 1, "per": "P1D"}}):
        status, said = await _open(shop, adas, change)
        assert (status, said["error"]["code"]) == (403, "link_not_yours")
    status, said = await _open(shop, bobs)
    assert (status, said["subscribed"], said["topics"][0]["subscribed"], said["frequency"]) == (200, True, True, None)
    await _log_in(shop, visitor, "ada")
    assert (await _open(shop, adas, {"topics": []}))[0] == 200
    assert (await _open(shop, bobs))[0] == 403


async def test_what_was_sent_to_nobody_opens_nothing_of_who_logged_in_since(shop: Shop) -> None:
    """Choices are a person's from the login on; a newer message has their link."""
    visitor = await Visitor(shop, "203.0.113.35").enrolled()
    before = await _sent_link(shop)
    assert (await _open(shop, before))[0] == 200
    await _log_in(shop, visitor, "ada")
    assert (await _open(shop, before))[0] == 403
    assert (await _open(shop, await _sent_link(shop)))[0] == 200


async def test_a_link_outlives_another_name_of_its_person(shop: Shop) -> None:
    """Whoever gets one more name is still whom the message was for."""
    visitor = await Visitor(shop, "203.0.113.36").enrolled()
    await _log_in(shop, visitor, "ada")
    token = await _sent_link(shop)
    await shop.call("PUT", "/v1/users/cust-17", {})
    status, _, said = await shop.call("POST", "/v1/users/cust-17/aliases", {"alias": "ada"})
    assert status in (200, 201, 204), said
    assert (await _open(shop, token))[0] == 200


async def test_a_login_in_the_moment_of_a_change_comes_first(shop: Shop) -> None:
    """A link that was Ada's when it was opened changes nothing once the device is Bob's."""
    visitor = await Visitor(shop, "203.0.113.37").enrolled()
    await _log_in(shop, visitor, "ada")
    token = await _sent_link(shop)
    db, number = shop.world.db, from_text("sub", visitor.id)
    async with db.transaction() as tx:
        await tx.fetchval("SELECT 1 FROM subscriptions WHERE id = $1 FOR UPDATE", number)
        late = asyncio.create_task(_open(shop, token, {"subscribed": False}))
        await wait_for_a_lock(db)
        await tx.execute("UPDATE subscriptions SET person = 'bob' WHERE id = $1", number)
    status, said = await late
    assert (status, said["error"]["code"]) == (403, "link_not_yours")
    assert (await visitor.shown())["state"] == "active"


async def test_two_choices_made_at_once_both_hold(shop: Shop) -> None:
    """Neither takes back what the other one has just saved."""
    visitor = await Visitor(shop, "203.0.113.33").enrolled()
    async with shop.world.db.transaction() as tx:
        await subscriptions.patch(tx, shop.app, visitor.device.number, Change(own={"frequency": "1/P7D"}))
        wish = {"quiet_hours": {"from": "22:00", "to": "08:00"}}
        saving = asyncio.create_task(visitor.call("PATCH", f"/v1/subscriptions/{visitor.id}/preferences", wish))
        await wait_for_a_lock(shop.world.db)
    status, said = await saving
    assert (status, said["frequency"]) == (200, {"max": 1, "per": "P7D"})
    assert said["quiet_hours"]["from"] == "22:00"


async def test_what_somebody_chooses_holds_on_all_devices_of_theirs(shop: Shop) -> None:
    """A pause said on the phone is one on the laptop, and outlasts what the phone had said while it was nobody's."""
    visitor, other = [await Visitor(shop, f"203.0.113.{n}").enrolled() for n in (23, 24)]
    path = f"/v1/subscriptions/{visitor.id}/preferences"
    await visitor.call("PATCH", path, {"frequency": {"max": 5, "per": "P1D"}})
    for one in (visitor, other):
        await shop.call("PATCH", f"/v1/subscriptions/{one.id}", {"user": "ada"})
    _, said = await visitor.call("PATCH", path, {"frequency": {"max": 1, "per": "P7D"}})
    assert (said["frequency"], said["devices"]) == ({"max": 1, "per": "P7D"}, 2)
    _, said = await other.call("GET", f"/v1/subscriptions/{other.id}/preferences")
    assert said["frequency"] == {"max": 1, "per": "P7D"}
    await shop.done(await shop.send())
    assert (await shop.done(await shop.send()))["skipped_by"] == {"capped": 2}
    _, said = await visitor.call("PATCH", path, {"frequency": None})
    assert said["frequency"] is None


async def test_a_person_is_told_of_choices_from_before_they_logged_in(shop: Shop) -> None:
    """They hold on, so the export of everything that is held has them, by device."""
    first, second = [await Visitor(shop, f"203.0.113.{n}").enrolled() for n in (34, 35)]
    await first.call("PATCH", f"/v1/subscriptions/{first.id}/preferences", {"frequency": {"max": 5, "per": "P1D"}})
    for one in (first, second):
        await shop.call("PATCH", f"/v1/subscriptions/{one.id}", {"user": "ada"})
    _, _, said = await shop.call("GET", "/v1/users/ada/export")
    assert [(one["subscription"], one["frequency"]) for one in said["choices"]] == [
        (first.id, {"max": 5, "per": "P1D"})
    ]


async def test_all_devices_of_somebody_leave_together(shop: Shop) -> None:
    """Whoever wants to hear nothing on any device says so once; another person's devices stay."""
    visitors = [await Visitor(shop, f"203.0.113.{n}").enrolled() for n in (25, 26, 27)]
    for one, user in zip(visitors, ("ada", "ada", "bob"), strict=True):
        await shop.call("PATCH", f"/v1/subscriptions/{one.id}", {"user": user})
    await _open(shop, await _link(shop, visitors[0].id, person="ada"), {"subscribed": False, "everywhere": True})
    assert [(await one.shown())["state"] for one in visitors] == ["left", "left", "active"]
    assert [(await _acts(shop, one.id))[-1] for one in visitors] == [
        ("withdrawn", "link"),
        ("withdrawn", "link"),
        ("given", "page"),
    ]


async def test_who_comes_back_brings_back_no_device_that_is_gone(shop: Shop) -> None:
    """Taking it back for all devices means those that left, not those that the push service has given up."""
    left, gone = [await Visitor(shop, f"203.0.113.{n}").enrolled() for n in (31, 32)]
    for one in (left, gone):
        await shop.call("PATCH", f"/v1/subscriptions/{one.id}", {"user": "ada"})
    await shop.world.db.execute("UPDATE subscriptions SET state = 1 WHERE id = $1", gone.device.number)
    token = await _link(shop, left.id, person="ada")
    await _open(shop, token, {"subscribed": False})
    await _open(shop, token, {"subscribed": True, "everywhere": True})
    assert [(await one.shown())["state"] for one in (left, gone)] == ["active", "gone"]


async def test_a_link_that_is_not_good_changes_nothing(world: World, shop: Shop) -> None:
    """Forged, foreign, old, of a receipt only, or of a device that is no more: one answer for all; nothing moves."""
    visitor = await Visitor(shop, "203.0.113.28").enrolled(consent=CONSENT)
    other = await world.shop()
    good = await _link(shop, visitor.id)
    foreign = await world.base.keyring.receipt_signer(other.app.id)
    bad = [
        "",
        "x" * 55,
        good[:-1] + ("A" if good[-1] != "A" else "Q"),
        good[:12] + ("A" if good[12] != "A" else "B") + good[13:],
        await _link(shop, visitor.id, days_old=31),
        await _link(shop, visitor.id, days_old=-2),
        await _link(shop, visitor.id, kinds=1 << ReceiptKind.CLICKED),
        await _link(shop, visitor.id, signer=ReceiptSigner(shop.app.id, foreign.key_id, foreign.secret)),
        await _link(shop, visitor.id, signer=foreign),
        await _link(shop, "sub_0000000000000"),
        visitor.secret,
        shop.api_key,
    ]
    answers = [await _open(shop, token, {"subscribed": False}) for token in bad]
    assert {status for status, _ in answers} <= {401, 403}
    assert {said["error"]["code"] for status, said in answers if status == 401} <= {"link_invalid", "key_invalid"}
    assert (await visitor.shown())["state"] == "active"
    assert await _acts(shop, visitor.id) == [("given", "page")]
    assert (await _open(shop, good))[0] == 200


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({}, "field_missing", "topics"),
        ({"topics": ["unheard-of"]}, "topic_unknown", "topics"),
        ({"topics": "sale"}, "field_invalid", "topics"),
        ({"subscribed": "no"}, "field_invalid", "subscribed"),
        ({"frequency": {"max": 1, "per": "P1Y"}}, "field_invalid", "frequency.per"),
        ({"paused_until": "2999-01-01T00:00:00Z"}, "field_invalid", "paused_until"),
        ({"channels_off": ["pigeon"]}, "channel_unknown", "channels_off"),
        ({"user": "ada"}, "field_unknown", "user"),
        ([], "field_invalid", None),
    ],
)
async def test_a_change_that_is_none_is_refused_whole(shop: Shop, change: Any, code: str, param: str | None) -> None:
    """The field is named, and nothing of the call is kept, not even what was right in it."""
    await _topics(shop, "sale")
    visitor = await Visitor(shop, "203.0.113.29").enrolled()
    wish = change if not change else {"subscribed": False, **change} if isinstance(change, dict) else change
    status, said = await _open(shop, await _link(shop, visitor.id), wish)
    assert (status, said["error"]["code"], said["error"]["param"]) == (422, code, param)
    assert (await visitor.shown())["state"] == "active"
    assert len(await _acts(shop, visitor.id)) == 1


async def test_nobody_comes_back_whose_browser_has_ended_it(shop: Shop) -> None:
    """A link cannot make an address live that the push service has given up."""
    visitor = await Visitor(shop, "203.0.113.30").enrolled()
    await shop.world.db.execute("UPDATE subscriptions SET state = 1 WHERE id = $1", visitor.device.number)
    status, said = await _open(shop, await _link(shop, visitor.id), {"subscribed": True})
    assert (status, said["error"]["code"]) == (409, "subscription_ended")
