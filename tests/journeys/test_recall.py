"""A message that was sent wrongly: nothing more of it goes out, and it is closed or replaced where it went."""

import asyncio
from typing import Any

from gateway.model.ids import to_text
from gateway.policy.recall import WITHDRAWN
from gateway.sandbox import Rule
from gateway.tenancy.api_keys import issue
from tests.chaos.processes import until
from tests.journeys.notifications import shown
from tests.journeys.test_control import MANY, half_sent
from tests.journeys.world import Shop, World


async def recalled(shop: Shop, message: str, **replacement: Any) -> dict[str, Any]:
    """The answer to a recall."""
    status, _, said = await shop.call("POST", f"/v1/messages/{message}/recall", replacement or None)
    assert status == 202, said
    return said


async def test_a_message_is_taken_back_from_those_who_got_it(world: World, shop: Shop):
    """A small push closes it; nobody else is pushed to, and the message says how many were told."""
    devices = await shop.devices(4)
    world.faults(Rule(status=404, token_prefix=devices[0].token))
    message = await shop.send(title="Everything for 1 euro", url="https://shop.example/wrong", tag="sale")
    await shop.done(message)
    world.faults()
    later = (await shop.devices(1))[0]

    said = await recalled(shop, message)

    assert (said["recalls"], said["stopped"], said["state"]) == (message, False, "accepted")
    done = await shop.done(said["id"])
    reached = {one.token for one in devices[1:]}
    assert set(await shop.tokens_reached(said["id"])) == reached
    assert later.token not in reached
    assert done["counts"]["audience"] == done["counts"]["sent"] == 3
    assert (done["recalls"], done["audience"]) == (message, {"recipients_of": message})
    first = await shop.message(message)
    assert (first["recalled_by"], first["counts"]["recalled"]) == (said["id"], 3)
    for notification in (await shown(shop, said["id"])).values():
        ours = notification["data"]["steeple"]
        assert (ours["m"], ours["r"], ours["q"]) == (said["id"], message, 1)
        assert (notification["title"], notification["body"]) == (shop.app.name, WITHDRAWN["en"])
        assert (notification["tag"], notification["silent"]) == ("sale", True)
        assert notification["navigate"] == "https://shop.example/"


async def test_a_correction_takes_its_place(world: World, shop: Shop):
    """With words of its own it is shown with sound, under the tag of the first, whatever that was called by."""
    await shop.devices(2)
    message = await shop.send()
    await shop.done(message)
    said = await recalled(shop, message, title={"en": "Sorry", "nl": "Sorry, fout"}, url="https://shop.example/right")
    await shop.done(said["id"])
    for notification in (await shown(shop, said["id"])).values():
        assert (notification["title"], notification["navigate"]) == ("Sorry", "https://shop.example/right")
        assert (notification["tag"], notification["data"]["steeple"]["r"]) == (message, message)
        assert "q" not in notification["data"]["steeple"]
        assert "silent" not in notification


async def test_a_recall_replaces_what_a_push_service_still_holds(world: World, shop: Shop):
    """Whoever was offline gets the recall alone: both go under the same topic."""
    await shop.devices(1)
    message = await shop.send()
    await shop.done(message)
    said = await recalled(shop, message)
    await shop.done(said["id"])
    first, second = (await world.entries(message))[0], (await world.entries(said["id"]))[0]
    assert first.topic is not None
    assert first.topic == second.topic


async def test_a_recall_in_the_middle_reaches_exactly_those_who_got_it(world: World, shop: Shop):
    """It stops what has not gone out, waits for the groups under way, and tells each of their people once."""
    message = await half_sent(shop)
    said = await recalled(shop, message)
    assert said["stopped"]
    world.faults()
    first = await shop.done(message, state="cancelled")
    done = await shop.done(said["id"])
    assert 0 < first["counts"]["sent"] < MANY
    assert done["counts"]["sent"] == first["counts"]["sent"]
    got, told = await shop.tokens_reached(message), await shop.tokens_reached(said["id"])
    assert sorted(told) == sorted(got)
    assert len(set(told)) == len(told)


async def test_a_recall_waits_for_what_is_on_the_wire(world: World, shop: Shop):
    """Whoever's push was under way when it was recalled has it a second later, and is told as well."""
    await shop.devices(3)
    world.faults(Rule(kind="delay", latency_ms=1200))
    message = await shop.send()
    await shop.under_way(message)
    said = await recalled(shop, message)
    assert said["stopped"]
    world.faults()
    first = await shop.done(message, state="cancelled")
    assert first["counts"]["sent"] == 3
    assert (await shop.done(said["id"]))["counts"]["sent"] == 3


async def test_a_recall_is_made_once(shop: Shop):
    """Asked again it is the same one and nobody is pushed to again; other words are a 409 that names it."""
    await shop.devices(2)
    message = await shop.send()
    await shop.done(message)
    said = await recalled(shop, message, title="Sorry")
    await shop.done(said["id"])
    assert (await recalled(shop, message, title="Sorry"))["id"] == said["id"]
    status, _, refused = await shop.call("POST", f"/v1/messages/{message}/recall", {"title": "Really sorry"})
    assert (status, refused["error"]["code"]) == (409, "already_recalled")
    assert said["id"] in refused["error"]["message"]
    status, _, _ = await shop.call("POST", f"/v1/messages/{message}/recall")
    assert status == 409
    assert len(await shop.tokens_reached(said["id"])) == 2


async def test_several_recalls_at_once_are_one(shop: Shop):
    """Two people notice the mistake in the same moment: one recall, and each device hears of it once."""
    await shop.devices(2)
    message = await shop.send()
    await shop.done(message)
    answers = await asyncio.gather(*(recalled(shop, message) for _ in range(6)))
    (made,) = {answer["id"] for answer in answers}
    assert (await shop.done(made))["counts"]["sent"] == 2
    listed = (await shop.call("GET", "/v1/messages"))[2]["data"]
    assert {one["id"] for one in listed} == {message, made}


async def test_a_recall_may_be_recalled(world: World, shop: Shop):
    """A wrong correction is taken back by the next one, which goes to the same people under the same tag and topic."""
    await shop.devices(1)
    message = await shop.send()
    await shop.done(message)
    wrong = (await recalled(shop, message, title="Half price"))["id"]
    await shop.done(wrong)
    right = (await recalled(shop, wrong, title="Full price"))["id"]
    await shop.done(right)
    (notification,) = (await shown(shop, right)).values()
    assert (notification["tag"], notification["data"]["steeple"]["r"]) == (message, wrong)
    topics = {(await world.entries(one))[0].topic for one in (message, wrong, right)}
    assert len(topics) == 1


async def test_what_has_not_begun_is_only_stopped(shop: Shop):
    """A message for tomorrow is cancelled; its recall is done and went to nobody."""
    await shop.devices(2)
    message = await shop.send(schedule={"at": (shop.world.base.clock.now().replace(year=2027)).isoformat()})
    said = await recalled(shop, message)
    assert said["stopped"]
    assert (await shop.done(said["id"]))["counts"]["audience"] == 0
    assert (await shop.message(message))["state"] == "cancelled"


async def test_a_recall_uses_up_no_cap(world: World):
    """Whoever may have two messages a day got one; taking it back is none."""
    shop = await world.shop(caps=[{"per": "P1D", "max": 2}])
    await shop.devices(1)
    message = await shop.send()
    await shop.done(message)
    await shop.done((await recalled(shop, message))["id"])
    second = await shop.send(category="marketing")
    assert (await shop.done(second))["counts"]["sent"] == 1


async def test_what_is_wrong_with_a_recall_is_said(shop: Shop):
    """A link elsewhere, a page without words, a field that is none, a message that is none."""
    await shop.devices(1)
    message = await shop.send()
    for body, code, param in (
        ({"title": "Sorry", "url": "https://evil.example/"}, "link_refused", "url"),
        ({"url": "https://shop.example/"}, "content_missing", "title"),
        ({"title": "Sorry", "image": "https://shop.example/a.png"}, "field_unknown", "image"),
        ({"title": "{{ user."}, "template_invalid", "title"),
    ):
        status, _, said = await shop.call("POST", f"/v1/messages/{message}/recall", body)
        assert (status, said["error"]["code"], said["error"]["param"]) == (422, code, param)
    status, _, _ = await shop.call("POST", "/v1/messages/msg_0000000000000/recall")
    assert status == 404
    assert (await shop.message(message))["recalled_by"] is None


async def test_a_stopped_app_recalls_when_it_is_started_again(world: World, shop: Shop):
    """The recall is taken at once, as what it takes back must not go on; its push waits with everything else."""
    await shop.devices(1)
    message = await shop.send()
    await shop.done(message)
    app = to_text("app", shop.app.public_id)
    status, _, _ = await shop.call("POST", f"/v1/apps/{app}/stop", {"reason": "wrong price"})
    assert status == 200
    said = await recalled(shop, message)
    await shop.call("POST", f"/v1/apps/{app}/resume")
    assert (await shop.done(said["id"]))["counts"]["sent"] == 1


async def _over(shop: Shop, size: int) -> None:
    path = f"/v1/apps/{to_text('app', shop.app.public_id)}"
    status, _, said = await shop.call("PATCH", path, {"settings": {"approval_over": size}})
    assert status == 200, said


async def _sent_to_three(shop: Shop) -> str:
    """A message that three devices have; from then on more than two need approval."""
    await shop.devices(3)
    message = await shop.send()
    await shop.done(message)
    await _over(shop, 2)
    return message


async def test_new_words_to_many_wait_for_approval(world: World, shop: Shop):
    """A recall is no way past a second pair of eyes: the first message is stopped, the words wait for another key."""
    message = await _sent_to_three(shop)
    said = await recalled(shop, message, title="Everything is free")
    assert (said["state"], said["approval"]["state"], said["approval"]["audience"]) == ("scheduled", "needed", 3)
    path = f"/v1/messages/{said['id']}/approve"
    status, _, refused = await shop.call("POST", path)
    assert (status, refused["error"]["code"]) == (409, "approval_unconfirmed")
    assert await shop.tokens_reached(said["id"]) == []
    second = (await issue(world.db, app_id=shop.app.id, name="second", scopes=("send",), actor="test")).text
    status, _, given = await shop.call("POST", path, headers={"Authorization": f"Bearer {second}"})
    assert (status, given["approval"]["state"]) == (200, "given")
    assert (await shop.done(said["id"]))["counts"]["sent"] == 3
    again = await recalled(shop, message, title="Everything is free")
    assert (again["id"], again["approval"]["state"]) == (said["id"], "given")


async def test_to_take_away_alone_waits_for_nobody(shop: Shop):
    """Whoever sees that a message is wrong gets it off the screens at once, however many have it."""
    message = await _sent_to_three(shop)
    said = await recalled(shop, message)
    assert (said["state"], said.get("approval")) == ("accepted", None)
    assert (await shop.done(said["id"]))["counts"]["sent"] == 3


async def test_new_words_to_a_few_wait_for_nobody(shop: Shop):
    """Neither up to the size nor, whatever the size, to people who were named one by one."""
    devices = await shop.devices(3)
    named = await shop.send({"subscriptions": [one.id for one in devices]})
    some = await shop.send({"subscriptions": [devices[0].id]})
    await shop.done(named)
    await shop.done(some)
    await _over(shop, 1)
    for message, sent in ((named, 3), (some, 1)):
        said = await recalled(shop, message, title="Sorry")
        assert (await shop.done(said["id"]))["counts"]["sent"] == sent


async def test_who_had_it_on_the_wire_is_counted_before_new_words_go_out(world: World, shop: Shop):
    """Nobody is known to have it when it is recalled; once its groups are settled it is too many: the words wait."""
    await shop.devices(3)
    world.faults(Rule(kind="delay", latency_ms=1200))
    message = await shop.send()
    await shop.under_way(message)
    await _over(shop, 2)
    said = await recalled(shop, message, title="Sorry")
    assert (said["state"], said.get("approval")) == ("accepted", None)
    world.faults()

    async def waits() -> bool:
        asked = (await shop.message(said["id"]))["approval"]
        return asked is not None and asked["state"] == "needed"

    await until("it waits for approval", waits, within_s=10)
    status, _, given = await shop.call("POST", f"/v1/messages/{said['id']}/approve", {"audience": 3})
    assert (status, given["approval"]["audience"]) == (200, 3)
    assert (await shop.done(said["id"]))["counts"]["sent"] == 3
