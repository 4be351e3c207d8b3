"""Why did I (not) get it? Each condition with its result, each hold and skip with its reason and its time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.model.ids import to_text
from gateway.sandbox import Rule
from tests.journeys.test_segments import people, save
from tests.journeys.world import Device, Shop, World


async def explained(shop: Shop, audience: dict[str, Any], **who: str) -> dict[str, Any]:
    """What the gateway says of somebody and an audience."""
    status, _, said = await shop.call("POST", "/v1/audience/explain", {"audience": audience, **who})
    assert status == 200, said
    return said


async def told(shop: Shop, message: str, device: Device) -> dict[str, Any]:
    """What the gateway says of a device and a message."""
    status, _, said = await shop.call("GET", f"/v1/messages/{message}/recipients?subscription={device.id}")
    assert status == 200, said
    (one,) = said["data"]
    return one


def results(one: dict[str, Any]) -> dict[str, bool]:
    """Each condition of a device, by its path."""
    return {each["path"]: each["is_met"] for each in one["conditions"]}


async def test_each_condition_is_told_with_its_result(shop: Shop):
    """Groups, conditions, segments and exclusions, for each device of a person."""
    devices = await people(shop)
    audience = {
        "topics": "sale && !wholesale",
        "where": {"any": [{"tag": "plan", "is": "blue"}, {"all": [{"segment": "readers"}, {"topic": "news"}]}]},
        "exclude": {"lists": ["vips"]},
    }
    said = await explained(shop, audience, user="ada")
    by_id = {one["subscription"]: one for one in said["devices"]}
    assert said["is_in"]
    assert {at: by_id[devices[at].id]["is_in"] for at in (0, 1)} == {0: True, 1: False}
    assert results(by_id[devices[1].id]) == {
        "audience.topics": True,
        "audience.where": False,
        "audience.where.any[0]": False,
        "audience.where.any[1]": False,
        "audience.where.any[1].all[0]": True,
        "audience.where.any[1].all[1]": False,
        "audience.exclude": True,
        "audience.exclude.lists": False,
        "segments.dutch.languages": True,
        "segments.readers.where": True,
        "segments.readers.where.any[0]": False,
        "segments.readers.where.any[1]": True,
    }
    conditions = {one["path"]: one.get("condition") for one in by_id[devices[1].id]["conditions"]}
    assert conditions["audience.where.any[0]"] == {"tag": "plan", "is": "blue"}
    assert conditions["audience.topics"] == "sale && !wholesale"


@pytest.mark.parametrize(
    "audience",
    [
        {"all": True},
        {"languages": ["nl-BE", "de"]},
        {"topics": "news || wholesale"},
        {"segment": ["readers"]},
        {"lists": ["vips"], "languages": ["en"]},
        {"users": ["ada"], "exclude": {"topics": "news"}},
        {"all": True, "exclude": {"segment": "readers"}},
        {"where": {"none": [{"segment": "dutch"}, {"list": "vips"}]}},
        {"geo": {"countries": ["NL"]}},
        {"channels": ["webpush"], "exclude": {"users": ["bob", "cyd"]}},
    ],
    ids=str,
)
async def test_the_explanation_is_what_is_sent(shop: Shop, audience: dict[str, Any]):
    """Whoever is said to be in gets it, and nobody else."""
    devices = await people(shop)
    message = await shop.send(audience)
    await shop.done(message)
    tokens = set(await shop.tokens_reached(message))
    for device in devices:
        said = await explained(shop, audience, subscription=device.id)
        assert said["is_in"] == (device.token in tokens)
        assert (await told(shop, message, device))["state"] == ("sent" if said["is_in"] else "none")


async def test_somebody_without_a_device_is_no_fault(shop: Shop):
    """A person has none, or one that left; a device that never was is a 404."""
    devices = await people(shop)
    assert await explained(shop, {"all": True}, user="ghost") == {"is_in": False, "devices": []}
    assert (await shop.call("DELETE", f"/v1/subscriptions/{devices[2].id}"))[0] == 204
    said = await explained(shop, {"all": True}, user="bob")
    assert (said["is_in"], said["devices"][0]["is_active"]) == (False, False)
    body = {"audience": {"all": True}, "subscription": to_text("sub", 1)}
    assert (await shop.call("POST", "/v1/audience/explain", body))[0] == 404


async def test_an_end_is_told_in_words(world: World, shop: Shop):
    """What became of it, in a sentence, with its time."""
    devices = await people(shop)
    world.faults(Rule(status=410, token_prefix=devices[0].token))
    message = await shop.send({"lists": ["vips"]})
    both = await shop.send({"users": ["ada"]})
    await shop.done(message)
    await shop.done(both)
    sent = await told(shop, message, devices[2])
    assert (sent["state"], sent["text"]) == ("sent", "The push service took it.")
    assert datetime.fromisoformat(sent["at"]).tzinfo is not None
    gone = await told(shop, both, devices[0])
    assert gone["state"] == "gone"
    assert "not reachable" in gone["text"]
    never = await told(shop, message, devices[3])
    assert (never["state"], never["reason"]) == ("none", "not_in_audience")
    assert results(never) == {"audience.lists": False}


async def test_a_wait_is_told_with_its_reason_and_its_end(world: World, shop: Shop):
    """Whoever waits for another try is told until when."""
    devices = await people(shop)
    world.faults(Rule(status=503, retry_after_s=20, token_prefix=devices[3].token, times=1))
    message = await shop.send({"topics": "wholesale || news"})
    await shop.came_to(message, "sent", 2)
    waiting = await told(shop, message, devices[3])
    assert (waiting["state"], waiting["reason"], waiting["attempt"]) == ("pending", "retrying", 1)
    wait_s = (datetime.fromisoformat(waiting["until"]) - datetime.now(UTC)).total_seconds()
    assert 5 < wait_s < 60
    await world.let_pass(120)
    await shop.done(message)
    assert (await told(shop, message, devices[3]))["state"] == "sent"


async def test_a_scheduled_message_tells_who_is_to_get_it(shop: Shop):
    """Before it is planned: who is in now, when it goes out, and what would hold somebody back."""
    devices = await people(shop)
    path = f"/v1/apps/{to_text('app', shop.app.public_id)}"
    await shop.call("PATCH", path, {"settings": {"holdout_percent": 50}})
    message = await shop.send(
        {"all": True, "exclude": {"topics": "wholesale"}}, schedule={"at": "2027-06-01T09:00:00Z"}
    )
    rows = [await told(shop, message, device) for device in devices]
    assert [row["state"] for row in rows] == ["pending", "pending", "pending", "none", "pending"]
    assert rows[3]["reason"] == "not_in_audience"
    assert {row.get("until") for row in rows if row["state"] == "pending"} == {"2027-06-01T09:00:00Z"}
    groups = [row.get("also", []) for row in rows[:2]]
    assert groups[0] == groups[1]  # two devices of one person


async def test_the_control_group_is_told(shop: Shop):
    """Skipped, and why; the same words for a person whose turn is to come."""
    devices = await shop.devices(12, lines=[{"user": f"cust-{at}"} for at in range(12)])
    message = await shop.send(limits={"holdout_percent": 50})
    said = await shop.done(message)
    rows = [await told(shop, message, device) for device in devices]
    left_out = [row for row in rows if row["state"] == "skipped"]
    assert len(left_out) == said["skipped_by"]["holdout"] > 0
    assert {row["reason"] for row in left_out} == {"holdout"}
    assert all("control group" in row["text"] for row in left_out)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"audience": {"all": True}}, 422, "user"),
        ({"audience": {"all": True}, "user": "a", "subscription": "sub_0000000000001"}, 422, "user"),
        ({"audience": {"all": True}, "user": ""}, 422, "user"),
        ({"audience": {"all": True}, "subscription": "sub_1"}, 422, "subscription"),
        ({"audience": {"segment": "ghost"}, "user": "a"}, 422, "audience.segment"),
        ({"audience": {}, "user": "a"}, 422, "audience"),
        ({"user": "a"}, 422, "audience"),
        ({"audience": {"where": {"tag": "x"}}, "user": "a"}, 422, "audience.where"),
        ({"audience": {"all": True}, "user": "a", "why": True}, 422, "why"),
    ],
    ids=str,
)
async def test_a_question_that_makes_no_sense_is_refused(shop: Shop, body: Any, status: int, param: str):
    """With the field at fault."""
    code, _, said = await shop.call("POST", "/v1/audience/explain", body)
    assert (code, said["error"]["param"]) == (status, param), said


async def test_a_segment_on_a_segment_is_explained_once(shop: Shop):
    """However often it is named."""
    await people(shop)
    await save(shop, "twice", {"segment": ["dutch", "readers"]})
    said = await explained(shop, {"segment": "twice", "where": {"segment": "dutch"}}, user="ada")
    paths = [one["path"] for one in said["devices"][0]["conditions"]]
    assert len(paths) == len(set(paths))
    assert "segments.dutch.languages" in paths
