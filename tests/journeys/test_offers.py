"""Variants and experiments: what a shop asks for, and what each of its people gets."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.model.ids import from_text
from tests.chaos.processes import until
from tests.journeys.notifications import people, shown, titles
from tests.journeys.world import Shop


async def report(shop: Shop, kind: str, notifications: list[dict[str, Any]]) -> None:
    """Devices tell what became of their notifications."""
    for start in range(0, len(notifications), 20):
        receipts = [
            {"token": notification["data"]["steeple"]["t"], "kind": kind}
            for notification in notifications[start : start + 20]
        ]
        async with shop.world.session.post(f"{shop.world.url}/v1/receipts", json={"receipts": receipts}) as answer:
            assert answer.status == 202, await answer.text()


async def crowd(shop: Shop, n: int) -> None:
    """Many people with a device each, quickly."""
    await shop.devices_quickly(n)


async def decided(shop: Shop, message: str) -> None:
    """The time of the experiment is over."""
    await shop.world.db.execute(
        "UPDATE experiments SET decide_at = now() - interval '1 second' WHERE msg_id = $1", from_text("msg", message)
    )


# --- variants ---------------------------------------------------------------------------------------------------------


async def test_people_get_variants_by_weight_and_the_report_tells_them_apart(shop: Shop):
    """A and B, one to three: everybody gets one of them, and each is counted by itself, clicks included."""
    await crowd(shop, 400)
    message = await shop.send(
        variants=[{"name": "a", "weight": 1, "title": "Sale"}, {"name": "b", "weight": 3, "title": "Gifts"}]
    )
    said = await shop.done(message)
    got = await shown(shop, message)
    by_title = Counter(one["title"] for one in got.values())
    assert set(by_title) == {"Sale", "Gifts"}
    assert 60 < by_title["Sale"] < 140
    assert said["per_variant"]["a"]["sent"] == by_title["Sale"]
    assert said["per_variant"]["b"]["sent"] == by_title["Gifts"]
    await report(shop, "clicked", [one for one in got.values() if one["title"] == "Gifts"][:50])
    await report(shop, "closed", [one for one in got.values() if one["title"] == "Sale"][:7])
    said = await shop.message(message)
    assert (said["per_variant"]["b"]["clicked"], said["per_variant"]["b"]["shown"]) == (50, 50)
    assert (said["per_variant"]["a"]["closed"], said["per_variant"]["a"]["clicked"]) == (7, 0)
    assert (said["counts"]["clicked"], said["counts"]["closed"], said["counts"]["shown"]) == (50, 7, 57)
    first, second = said["experiment"]["variants"]
    assert (first["name"], first["p_value"], first["is_significant"]) == ("a", None, False)
    assert second["successes"] == 50
    assert second["is_significant"]
    assert second["difference_interval"]["low"] > 0


async def test_the_devices_of_a_person_get_the_same_variant(shop: Shop):
    """Sticky by person: the phone says what the laptop says."""
    lines = [{"user": f"u{place // 3}"} for place in range(60)]
    devices = await shop.devices(60, lines=lines)
    message = await shop.send(variants=[{"name": "a", "title": "A"}, {"name": "b", "title": "B"}])
    await shop.done(message)
    got = await titles(shop, message)
    of_person = [{got[device.token] for device in devices[place : place + 3]} for place in range(0, 60, 3)]
    assert all(len(one) == 1 for one in of_person)
    assert set().union(*of_person) == {"A", "B"}


async def test_a_person_named_alone_gets_a_variant_at_once(shop: Shop):
    """The short way knows variants, too; what a variant does not say is as in the message."""
    await people(shop, 1)
    message = await shop.send(
        {"users": ["u0"]},
        body="Both say this",
        variants=[{"name": "a", "title": "A"}, {"name": "b", "url": "https://shop.example/b", "title": "B"}],
    )
    said = await shop.done(message)
    (got,) = (await shown(shop, message)).values()
    assert got["body"] == "Both say this"
    assert got["title"] in {"A", "B"}
    assert got.get("navigate") == ("https://shop.example/b" if got["title"] == "B" else None)
    assert said["per_variant"][got["title"].lower()]["sent"] == 1


async def _experiment(shop: Shop, **fields: Any) -> str:
    return await shop.send(
        variants=[{"name": "a", "title": "A"}, {"name": "b", "title": "B"}],
        experiment={"share": 50, "winner": "click", "after": "PT2H", **fields},
    )


async def _share_is_out(shop: Shop, message: str) -> dict[str, Any]:
    """The experiment's own people have been sent to, and nobody else."""

    async def is_out() -> bool:
        return not await shop.world.db.fetchval(
            "SELECT count(*) FROM chunks WHERE msg_id = $1 AND part = 0 AND state < 2", from_text("msg", message)
        ) and bool(await shop.world.entries(message))

    await until("the share is out", is_out, within_s=20)
    return await shop.message(message)


async def test_a_share_tries_the_variants_and_the_rest_gets_the_winner(shop: Shop):
    """Half of the people get A or B; after two hours the one with more clicks goes to all the others, once."""
    await crowd(shop, 600)
    message = await _experiment(shop)
    said = await _share_is_out(shop, message)
    tried = await shown(shop, message)
    assert 220 < len(tried) < 380
    assert said["counts"]["pending"] == 600 - len(tried)
    assert said["experiment"]["winner"] is None
    await report(shop, "clicked", [one for one in tried.values() if one["title"] == "B"][:40])
    await report(shop, "clicked", [one for one in tried.values() if one["title"] == "A"][:5])
    await decided(shop, message)
    said = await shop.done(message)
    assert (said["experiment"]["winner"], said["experiment"]["decided_by"]) == ("b", "best")
    got = await titles(shop, message)
    assert len(got) == 600
    assert len(await shop.world.entries(message)) == 600, "nobody is told twice"
    assert all(title == "B" for token, title in got.items() if token not in tried)
    counts = Counter(got.values())
    assert said["per_variant"]["b"]["sent"] == counts["B"]
    assert said["per_variant"]["a"]["sent"] == counts["A"]
    tried_b = sum(one["title"] == "B" for one in tried.values())
    assert said["experiment"]["variants"][1]["sent"] == tried_b, "the test is judged by those in it"


async def test_with_too_little_data_the_first_variant_goes_on(shop: Shop):
    """Twenty people prove nothing."""
    await crowd(shop, 20)
    message = await _experiment(shop)
    await _share_is_out(shop, message)
    await decided(shop, message)
    said = await shop.done(message)
    assert (said["experiment"]["winner"], said["experiment"]["decided_by"]) == ("a", "too_little_data")
    assert said["counts"]["sent"] == 20


async def test_the_winner_is_chosen_by_hand(shop: Shop):
    """Once; whatever else is asked is refused with its reason."""
    await crowd(shop, 40)
    message = await shop.send(
        variants=[{"name": "a", "title": "A"}, {"name": "b", "title": "B"}],
        experiment={"share": 50, "winner": "hand"},
    )
    tried = (await _share_is_out(shop, message))["counts"]["sent"]
    path = f"/v1/messages/{message}/winner"
    status, _, said = await shop.call("POST", path, {"variant": "c"})
    assert (status, said["error"]["param"]) == (422, "variant")
    status, _, said = await shop.call("POST", path, {"variant": "b"})
    assert (status, said["winner"]) == (200, "b")
    assert (await shop.call("POST", path, {"variant": "a"}))[0] == 409
    said = await shop.done(message)
    assert said["experiment"]["decided_by"] == "hand"
    assert Counter((await titles(shop, message)).values())["B"] >= 40 - tried


async def test_an_experiment_can_be_paused_and_cancelled(shop: Shop):
    """Resuming does not send the others before there is a winner, and every count adds up in the end."""
    await crowd(shop, 60)
    message = await _experiment(shop)
    tried = (await _share_is_out(shop, message))["counts"]["sent"]
    for order in ("pause", "resume", "cancel"):
        assert (await shop.call("POST", f"/v1/messages/{message}/{order}"))[0] == 200
        assert await shop.at_rest(message) == tried
    said = await shop.done(message, state="cancelled")
    assert said["counts"]["cancelled"] == 60 - tried


async def test_whoever_leaves_between_the_phases_is_counted_as_gone_away(shop: Shop):
    """Nobody stays pending for ever."""
    await crowd(shop, 60)
    message = await _experiment(shop)
    await _share_is_out(shop, message)
    tried = [from_text("sub", one["data"]["steeple"]["s"]) for one in (await shown(shop, message)).values()]
    await shop.world.db.execute(
        "UPDATE subscriptions SET state = 2, ended_at = now() WHERE app_id = $1 AND id IN"
        " (SELECT id FROM subscriptions WHERE app_id = $1 AND id <> ALL($2::bigint[]) ORDER BY id LIMIT 5)",
        shop.app.id,
        tried,
    )
    await decided(shop, message)
    said = await shop.done(message)
    assert said["counts"]["sent"] == 55
    assert said["skipped_by"] == {"left": 5}


async def test_named_people_can_be_in_an_experiment(shop: Shop):
    """Lists of people have their two phases like everybody."""
    devices = await people(shop, 30)
    message = await shop.send(
        {"users": [f"u{place}" for place in range(30)]},
        variants=[{"name": "a", "title": "A"}, {"name": "b", "title": "B"}],
        experiment={"share": 50, "winner": "hand"},
    )
    await _share_is_out(shop, message)
    await shop.call("POST", f"/v1/messages/{message}/winner", {"variant": "a"})
    said = await shop.done(message)
    assert said["counts"]["sent"] == said["counts"]["audience"] == 30
    assert len(await shop.world.entries(message)) == len(devices)


async def test_a_conversion_is_an_event_of_the_person(shop: Shop):
    """What people did after they got their variant decides, if the shop says so."""
    await shop.devices(400, lines=[{"user": f"u{place}"} for place in range(400)])
    message = await _experiment(shop, winner="conversion", event="order_placed")
    await _share_is_out(shop, message)
    buyers = [
        from_text("sub", one["data"]["steeple"]["s"])
        for one in (await shown(shop, message)).values()
        if one["title"] == "B"
    ][:20]
    await shop.world.db.execute(
        "UPDATE subscriptions SET facts = $2 WHERE app_id = $1 AND id = ANY($3::bigint[])",
        shop.app.id,
        {"events": {"order_placed": {"n": 1, "last": datetime.now(UTC).timestamp() + 1}}},
        buyers,
    )
    await shop.world.db.execute(
        "UPDATE subscriptions SET facts = $2 WHERE app_id = $1 AND id <> ALL($3::bigint[])",
        shop.app.id,
        {"events": {"order_placed": {"n": 1, "last": 1_000_000}}},
        buyers,
    )
    await decided(shop, message)
    said = await shop.done(message)
    expected = "best" if min(one["sent"] for one in said["experiment"]["variants"]) >= 100 else "too_little_data"
    assert said["experiment"]["decided_by"] == expected
    if expected == "best":
        assert said["experiment"]["winner"] == "b"


_TWO = [{"name": "a"}, {"name": "b", "title": "B"}]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"variants": [{"name": "a"}]}, "variants"),
        ({"variants": [{"name": "a"}, {"name": "a"}]}, "variants[1].name"),
        ({"variants": [{"name": ""}, {"name": "b"}]}, "variants[0].name"),
        ({"variants": [{"name": "a", "weight": 0}, {"name": "b"}]}, "variants[0].weight"),
        ({"variants": [{"name": "a"}, {"name": "b", "url": "https://evil.example/"}]}, "variants[1].url"),
        ({"variants": [{"name": "a"}, {"name": "b", "title": "x" * 1001}]}, "variants[1].title"),
        ({"variants": [{"name": "a"}, {"name": "b", "title": "{{ broken"}]}, "variants[1].title"),
        ({"variants": [{"name": "a"}, {"name": "b", "ttl": 5}]}, "variants[1].ttl"),
        ({"variants": [{"name": str(n)} for n in range(11)]}, "variants"),
        ({"experiment": {"share": 20, "winner": "click", "after": "PT1H"}}, "variants"),
        ({"variants": _TWO, "experiment": {"share": 0, "winner": "hand"}}, "experiment.share"),
        ({"variants": _TWO, "experiment": {"share": 100, "winner": "hand"}}, "experiment.share"),
        ({"variants": _TWO, "experiment": {"share": 20, "winner": "click"}}, "experiment.after"),
        ({"variants": _TWO, "experiment": {"share": 20, "winner": "click", "after": "2h"}}, "experiment.after"),
        ({"variants": _TWO, "experiment": {"share": 20, "winner": "click", "after": "P1Y"}}, "experiment.after"),
        ({"variants": _TWO, "experiment": {"share": 20, "winner": "click", "after": "P4D"}}, "experiment.after"),
        ({"variants": _TWO, "experiment": {"share": 20, "winner": "hand", "after": "PT1H"}}, "experiment.after"),
        ({"variants": _TWO, "experiment": {"share": 20, "winner": "conversion", "after": "PT1H"}}, "experiment.event"),
        ({"variants": _TWO, "experiment": {"share": 20, "winner": "dice", "after": "PT1H"}}, "experiment.winner"),
        ({"coupon": {"pool": "none"}}, "coupon.pool"),
        ({"coupon": {"pool": "Not a slug"}}, "coupon.pool"),
        ({"coupon": {"pool": "winter", "on_empty": "cry"}}, "coupon.on_empty"),
        ({"coupon": {}}, "coupon.pool"),
    ],
)
async def test_what_is_wrong_with_an_offer_is_named(shop: Shop, fields: dict[str, Any], param: str):
    """A 422 with the dotted path of the field, and nothing is sent."""
    status, _, said = await shop.call("POST", "/v1/messages", {"audience": {"all": True}, "title": "Hello", **fields})
    assert (status, said["error"]["param"]) == (422, param), said
