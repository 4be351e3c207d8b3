"""A control group: who gets no marketing, so that a shop sees what its messages bring about."""

from typing import Any

from gateway.model.ids import from_text, to_text
from tests.journeys.world import Shop

PEOPLE = 40


async def _shop_of_people(shop: Shop) -> None:
    """Forty people with two devices each, and ten devices that are nobody's."""
    lines: list[dict[str, Any]] = [{"user": f"cust-{at // 2}"} for at in range(2 * PEOPLE)]
    await shop.devices(2 * PEOPLE + 10, lines=[*lines, *([{}] * 10)])


def _path(shop: Shop) -> str:
    return f"/v1/apps/{to_text('app', shop.app.public_id)}"


async def _set_holdout(shop: Shop, percent: float) -> None:
    status, _, said = await shop.call("PATCH", _path(shop), {"settings": {"holdout_percent": percent}})
    assert status == 200, said
    shop.world.base.keyring.forget(shop.app)


async def _ends(shop: Shop, message: str) -> dict[str, set[str]]:
    """Of each person the states of the devices."""
    rows = await shop.world.db.fetch("SELECT id, person FROM subscriptions WHERE app_id = $1", shop.app.id)
    owner = {row["id"]: row["person"] for row in rows}
    ends: dict[str, set[str]] = {}
    after = ""
    while True:
        _, _, page = await shop.call("GET", f"/v1/messages/{message}/recipients?limit=100{after}")
        for one in page["data"]:
            person = owner[from_text("sub", one["subscription"]) or 0]
            if person is not None:
                ends.setdefault(person, set()).add(one["state"])
        if page["next"] is None:
            return ends
        after = f"&after={page['next']}"


async def test_a_lasting_group_gets_no_marketing(shop: Shop):
    """`holdout_percent` of the app: the same people are left out of each campaign, with all of their devices."""
    await _shop_of_people(shop)
    await _set_holdout(shop, 30)
    groups: list[set[str]] = []
    for _ in range(2):
        message = await shop.send()
        said = await shop.done(message)
        assert said["skipped_by"].keys() == {"holdout"}, said
        left_out = said["skipped_by"]["holdout"]
        assert 0 < left_out == said["counts"]["skipped"]
        assert said["counts"]["sent"] == 2 * PEOPLE + 10 - left_out
        ends = await _ends(shop, message)
        assert all(len(states) == 1 for states in ends.values())
        groups.append({person for person, states in ends.items() if states == {"skipped"}})
    assert groups[0] == groups[1] != set()


async def test_orders_reach_the_control_group(shop: Shop):
    """Only marketing is held back: what somebody waits for goes out."""
    await shop.devices(30, lines=[{"user": f"cust-{at}"} for at in range(30)])
    await _set_holdout(shop, 50)
    message = await shop.send({"users": [f"cust-{at}" for at in range(30)]})
    assert (await shop.done(message))["counts"]["sent"] == 30
    named = await shop.send({"users": [f"cust-{at}" for at in range(30)]}, category="marketing")
    said = await shop.done(named)
    assert 0 < said["skipped_by"]["holdout"] < 30


async def test_a_message_has_a_group_of_its_own(shop: Shop):
    """`limits.holdout_percent`: others are left out of each message, and the report tells how many."""
    await _shop_of_people(shop)
    groups: list[set[str]] = []
    for _ in range(2):
        message = await shop.send(limits={"holdout_percent": 50})
        said = await shop.done(message)
        assert said["skipped_by"].keys() == {"holdout"}
        groups.append({person for person, states in (await _ends(shop, message)).items() if states == {"skipped"}})
    assert groups[0] != groups[1]


async def test_a_share_that_makes_no_sense_is_refused(shop: Shop):
    """More than half, less than nothing, no number, or of a message that somebody waits for."""
    for limits in ({"holdout_percent": 51}, {"holdout_percent": -1}, {"holdout_percent": "10"}, {"holdout": 10}):
        status, _, said = await shop.call(
            "POST", "/v1/messages", {"audience": {"all": True}, "title": "x", "limits": limits}
        )
        assert status == 422, said
        assert said["error"]["param"].startswith("limits.")
    body = {"audience": {"all": True}, "title": "x", "category": "transactional", "limits": {"holdout_percent": 5}}
    status, _, said = await shop.call("POST", "/v1/messages", body)
    assert (status, said["error"]["param"]) == (422, "limits.holdout_percent")
    for percent in (50.1, -1, "ten", True, [1]):
        status, _, said = await shop.call("PATCH", _path(shop), {"settings": {"holdout_percent": percent}})
        assert (status, said["error"]["param"]) == (422, "settings.holdout_percent")
