"""Coupons: what a shop asks for, and the code that each of its people gets."""

from collections import Counter
from typing import Any

import pytest

from gateway.coupons import upkeep
from gateway.model.ids import from_text
from gateway.sandbox import Rule
from gateway.tenancy.keyring import Keyring
from tests.chaos.processes import until
from tests.journeys.notifications import people, shown, titles
from tests.journeys.world import Shop


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
    """Also on the short way; and it is told with all that is held on them."""
    await pool(shop, 1)
    await people(shop, 1)
    message = await shop.send({"users": ["u0"]}, title="{{ coupon.code }}", coupon={"pool": "winter"})
    await shop.done(message)
    (code,) = set((await titles(shop, message)).values())
    _, _, said = await shop.call("GET", "/v1/users/u0/export")
    assert said["codes"] == [code]


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


async def test_a_pool_that_runs_low_says_so_until_it_is_filled(shop: Shop):
    """The shop hears before people go without: `is_low` once no more codes are left than it said."""
    world = shop.world
    keyring = Keyring(world.db, world.base.vault)

    async def is_low() -> bool:
        await upkeep.watch_pools(world.db, keyring.app_by_id)
        return (await left(shop))["is_low"]

    await pool(shop, 4, low_at=2)
    assert not await is_low()
    await people(shop, 2)
    await shop.done(await shop.send(title="{{ coupon.code }}", coupon={"pool": "winter"}))
    assert await is_low()
    await shop.call("POST", "/v1/coupons/winter/generate", {"pattern": "MORE-####-????", "count": 5})
    assert not await is_low(), "the alarm is armed again"
