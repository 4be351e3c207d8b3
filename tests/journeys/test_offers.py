"""Variants with a winner, and coupons: what a shop asks for, and what each of its people gets."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.model.ids import from_text
from gateway.sandbox import Rule
from tests.chaos.processes import until
from tests.journeys.world import Device, Shop

_WORDS = ("audience", "sent")


async def shown(shop: Shop, message: str) -> dict[str, dict[str, Any]]:
    """The notification that each endpoint got."""
    entries = await shop.world.entries(message)
    return {entry.token: entry.payload["notification"] for entry in entries if entry.payload}


async def titles(shop: Shop, message: str) -> dict[str, str]:
    """The title that each endpoint got."""
    return {token: notification["title"] for token, notification in (await shown(shop, message)).items()}


async def report(shop: Shop, kind: str, notifications: list[dict[str, Any]]) -> None:
    """Devices tell what became of their notifications."""
    for start in range(0, len(notifications), 20):
        receipts = [
            {"token": notification["data"]["steeple"]["t"], "kind": kind}
            for notification in notifications[start : start + 20]
        ]
        async with shop.world.session.post(f"{shop.world.url}/v1/receipts", json={"receipts": receipts}) as answer:
            assert answer.status == 202, await answer.text()


async def people(shop: Shop, n: int) -> list[Device]:
    """So many people with a device each."""
    return await shop.devices(n, lines=[{"user": f"u{place}"} for place in range(n)])


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


# --- coupons ----------------------------------------------------------------------------------------------------------


async def pool(shop: Shop, codes: int, **fields: Any) -> None:
    """A pool of generated codes."""
    status, _, said = await shop.call("POST", "/v1/coupons", {"pool": "winter", **fields})
    assert status == 201, said
    if codes:
        made = {"pattern": "WINTER-####-????", "count": codes}
        assert (await shop.call("POST", "/v1/coupons/winter/generate", made))[0] == 201


async def left(shop: Shop) -> dict[str, Any]:
    """What became of the pool."""
    return (await shop.call("GET", "/v1/coupons/winter"))[2]


async def over_for_long(shop: Shop, message: str) -> None:
    """The message ended so long ago that no worker can be at it any more."""
    await shop.world.db.execute(
        "UPDATE messages SET finished_at = now() - interval '1 hour' WHERE id = $1", from_text("msg", message)
    )


async def settled(shop: Shop, message: str) -> dict[str, Any]:
    """The pool, once the codes that the message did not need have come back."""
    await over_for_long(shop, message)

    async def is_settled() -> dict[str, Any] | None:
        said = await left(shop)
        return said if said["messages"] == [] or said["messages"][0]["sent"] is not None else None

    said = await until("codes have come back", is_settled, within_s=25)
    assert said is not None
    return said


async def test_each_person_gets_a_code_of_their_own_on_all_devices(shop: Shop):
    """Three devices, two people, two codes, with the time that they expire at in the text."""
    await pool(shop, 10, expires_at="2099-12-31T23:59:59Z")
    phone, laptop, other = await shop.devices(3, lines=[{"user": "ada"}, {"user": "ada"}, {"user": "bob"}])
    message = await shop.send(
        title="Your code: {{ coupon.code }}", body="Until {{ coupon.expires_at }}", coupon={"pool": "winter"}
    )
    await shop.done(message)
    got = await shown(shop, message)
    assert got[phone.token]["title"] == got[laptop.token]["title"] != got[other.token]["title"]
    assert got[phone.token]["title"].startswith("Your code: WINTER-")
    assert "2099" in got[phone.token]["body"]
    said = await left(shop)
    assert (said["left"], said["given"]) == (8, 2)
    assert said["messages"] == [{"message": message, "given": 2, "sent": None, "redeemed": 0}]


async def test_a_code_is_given_to_a_person_named_alone(shop: Shop):
    """Also on the short way."""
    await pool(shop, 1)
    await people(shop, 1)
    message = await shop.send({"users": ["u0"]}, title="{{ coupon.code }}", coupon={"pool": "winter"})
    await shop.done(message)
    assert len(set((await titles(shop, message)).values())) == 1


async def test_a_retry_shows_the_same_code(shop: Shop):
    """A push service that is down for a moment costs nobody a second code."""
    await pool(shop, 10)
    (device,) = await people(shop, 1)
    shop.world.faults(Rule(status=503, retry_after_s=100, token_prefix=device.token, times=1))
    message = await shop.send(title="{{ coupon.code }}", coupon={"pool": "winter"})
    await shop.waits(message, 1)
    first = await left(shop)
    await shop.world.let_pass(3600)
    await shop.done(message)
    assert (await left(shop))["given"] == first["given"] == 1
    assert (await titles(shop, message))[device.token].startswith("WINTER-")


@pytest.mark.parametrize(("on_empty", "sent"), [("skip", 3), ("send", 8)])
async def test_when_the_pool_is_empty_people_are_skipped_or_not(shop: Shop, on_empty: str, sent: int):
    """As the shop said; whoever gets no code is told so or nothing at all."""
    await pool(shop, 3)
    await people(shop, 8)
    message = await shop.send(
        title="{{ coupon.code | default: 'Come in' }}", coupon={"pool": "winter", "on_empty": on_empty}
    )
    said = await shop.done(message)
    assert said["counts"]["sent"] == sent
    assert said["skipped_by"] == ({"coupon": 5} if on_empty == "skip" else {})
    counts = Counter((await titles(shop, message)).values())
    assert sum(title.startswith("WINTER-") for title in counts) == 3
    assert counts["Come in"] == sent - 3


async def test_codes_come_back_when_the_send_fails_for_good(shop: Shop):
    """Two of five devices are gone: their codes can be given again, the others are theirs."""
    await pool(shop, 5)
    lines = [{"user": f"u{place}"} for place in range(2)]
    await shop.devices(2, prefix="gone", lines=lines)
    await shop.devices(3, lines=[{"user": f"v{place}"} for place in range(3)])
    shop.world.faults(Rule(status=410, token_prefix="gone"))
    message = await shop.send(title="{{ coupon.code }}", coupon={"pool": "winter"})
    said = await shop.done(message)
    assert (said["counts"]["sent"], said["counts"]["gone"]) == (3, 2)
    assert (await left(shop))["left"] == 0
    said = await settled(shop, message)
    assert said["left"] == 2
    assert said["messages"] == [{"message": message, "given": 3, "sent": 3, "redeemed": 0}]


async def test_codes_of_a_cancelled_message_come_back(shop: Shop):
    """Cancelled before sending: nobody saw them."""
    await pool(shop, 4)
    await people(shop, 4)
    shop.world.faults(Rule(status=503, retry_after_s=600))
    message = await shop.send(title="{{ coupon.code }}", coupon={"pool": "winter"})
    await shop.waits(message, 4)
    assert (await left(shop))["given"] == 4
    await shop.call("POST", f"/v1/messages/{message}/cancel")
    await shop.done(message, state="cancelled")
    assert (await settled(shop, message))["left"] == 4


async def test_a_code_is_redeemed_and_the_report_names_its_message(shop: Shop):
    """Given, sent, redeemed, left: for the pool and for each message."""
    await pool(shop, 3)
    await people(shop, 2)
    message = await shop.send(title="{{ coupon.code }}", coupon={"pool": "winter"})
    await shop.done(message)
    code = next(iter((await titles(shop, message)).values()))
    status, _, said = await shop.call("POST", "/v1/coupons/winter/redeem", {"code": code})
    assert (status, said) == (200, {"code": code, "message": message})
    said = await settled(shop, message)
    assert (said["given"], said["redeemed"], said["left"]) == (2, 1, 1)
    assert said["messages"] == [{"message": message, "given": 2, "sent": 2, "redeemed": 1}]


async def test_an_order_with_a_code_redeems_it(shop: Shop):
    """The shop tells of orders anyway: the code in one is used up then; a code that there is not changes nothing."""
    await pool(shop, 2)
    await people(shop, 1)
    message = await shop.send(title="{{ coupon.code }}", coupon={"pool": "winter"})
    await shop.done(message)
    (code,) = (await titles(shop, message)).values()
    events = [
        {"name": "order_placed", "user": "u0", "properties": {"coupon": code, "total": 20}},
        {"name": "order_placed", "user": "u0", "properties": {"coupon": "SUMMER", "total": 30}},
    ]
    assert (await shop.call("POST", "/v1/events", events))[0] == 202
    said = await left(shop)
    assert (said["redeemed"], said["messages"][0]["redeemed"], said["left"]) == (1, 1, 1)


async def test_the_text_says_until_when_as_people_write_it(shop: Shop):
    """The time that a code expires at can be written as a date."""
    await pool(shop, 1, expires_at="2099-12-31T12:00:00Z")
    await shop.devices(1, lines=[{"user": "u0", "language": "en", "timezone": "Europe/Berlin"}])
    message = await shop.send(title="Until {{ coupon.expires_at | date: 'long' }}", coupon={"pool": "winter"})
    said = await shop.done(message)
    assert said["counts"]["sent"] == 1, said
    assert "2099" in next(iter((await titles(shop, message)).values()))


async def test_variants_and_coupons_go_together(shop: Shop):
    """Each person has one variant and one code, whichever variant it is."""
    await pool(shop, 100)
    await people(shop, 40)
    message = await shop.send(
        title="x",
        coupon={"pool": "winter"},
        variants=[{"name": "a", "title": "A {{ coupon.code }}"}, {"name": "b", "title": "B {{ coupon.code }}"}],
    )
    said = await shop.done(message)
    got = list((await titles(shop, message)).values())
    assert len({title.split()[1] for title in got}) == 40
    assert {title.split()[0] for title in got} == {"A", "B"}
    assert sum(one["sent"] for one in said["per_variant"].values()) == 40
