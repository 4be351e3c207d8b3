"""Whom a message is for, and what a shop's server may rely on when it asks twice."""

import asyncio
from typing import Any

import pytest

from gateway.sandbox import Rule
from tests.journeys.world import Shop, World

PEOPLE: list[dict[str, Any]] = [
    {"user": "ada", "topics": ["sale", "news"], "language": "nl"},
    {"user": "ada", "topics": ["sale"], "language": "nl-BE"},
    {"user": "bob", "topics": ["news"], "language": "en"},
    {"user": "cyd", "topics": ["sale", "wholesale"], "language": "de"},
    {"topics": [], "language": "EN-gb"},
]


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ({"all": True}, [0, 1, 2, 3, 4]),
        ({"users": ["ada"]}, [0, 1]),
        ({"users": ["bob", "cyd", "nobody"]}, [2, 3]),
        ({"topics": "sale"}, [0, 1, 3]),
        ({"topics": "sale && !wholesale"}, [0, 1]),
        ({"topics": "sale && news"}, [0]),
        ({"topics": "news || wholesale"}, [0, 2, 3]),
        ({"topics": "!sale"}, [2, 4]),
        ({"topics": "!(sale || news)"}, [4]),
        ({"topics": "(sale && !news) || (news && !sale)"}, [1, 2, 3]),
        ({"topics": "nosuchtopic"}, []),
        ({"topics": "!nosuchtopic"}, [0, 1, 2, 3, 4]),
        ({"languages": ["nl"]}, [0, 1]),
        ({"languages": ["nl-BE"]}, [1]),
        ({"languages": ["en", "de"]}, [2, 3, 4]),
        ({"topics": "sale", "languages": ["nl"]}, [0, 1]),
        ({"users": ["ada", "bob"], "topics": "news"}, [0, 2]),
        ({"users": ["ada"], "languages": ["de"]}, []),
        ({"channels": ["webpush"]}, [0, 1, 2, 3, 4]),
    ],
    ids=str,
)
async def test_an_audience_is_just_these(shop: Shop, audience: dict[str, Any], expected: list[int]):
    """Selectors are joined by AND, entries of one list by OR; each device of it is reached once."""
    devices = await shop.devices(len(PEOPLE), lines=PEOPLE)
    message = await shop.send(audience)
    said = await shop.done(message)
    assert sorted(await shop.tokens_reached(message)) == sorted(devices[at].token for at in expected)
    assert said["counts"]["audience"] == said["counts"]["sent"] == len(expected)


async def test_devices_by_their_ids(shop: Shop):
    """Subscriptions may be named, also together with users: then both must fit."""
    devices = await shop.devices(len(PEOPLE), lines=PEOPLE)
    both = await shop.send({"subscriptions": [devices[0].id, devices[2].id], "users": ["ada"]})
    await shop.done(both)
    assert await shop.tokens_reached(both) == [devices[0].token]
    twice = await shop.send({"subscriptions": [devices[3].id, devices[3].id]})
    await shop.done(twice)
    assert await shop.tokens_reached(twice) == [devices[3].token]


async def test_a_message_to_nobody_is_done(shop: Shop):
    """It is accepted, and says that it reached nobody."""
    for audience in ({"all": True}, {"users": ["ghost"]}, {"topics": "void"}):
        said = await shop.done(await shop.send(audience))
        assert said["counts"]["audience"] == 0


async def test_a_repeated_order_is_one_message(world: World, shop: Shop):
    """Same key, same body: the stored answer. Same key, other body: 409. Nothing is sent twice."""
    await shop.devices(2)
    body = {"audience": {"all": True}, "title": "Once"}
    headers = {"Idempotency-Key": "order-1"}
    first = await shop.call("POST", "/v1/messages", body, headers=headers)
    second = await shop.call("POST", "/v1/messages", body, headers=headers)
    other = await shop.call("POST", "/v1/messages", {**body, "title": "Twice"}, headers=headers)
    assert (first[0], second[0], other[0]) == (202, 202, 409)
    assert first[2] == second[2]
    assert "Idempotent-Replayed" not in first[1]
    assert second[1]["Idempotent-Replayed"] == "true"
    assert other[2]["error"]["code"] == "idempotency_mismatch"
    await shop.done(first[2]["id"])
    assert len(await world.entries(first[2]["id"])) == 2


async def test_two_shops_may_use_the_same_key(world: World, shop: Shop):
    """A key belongs to its app."""
    other = await world.shop()
    body = {"audience": {"all": True}, "title": "Mine"}
    headers = {"Idempotency-Key": "same"}
    mine = await shop.call("POST", "/v1/messages", body, headers=headers)
    theirs = await other.call("POST", "/v1/messages", {**body, "title": "Theirs"}, headers=headers)
    assert (mine[0], theirs[0]) == (202, 202)
    assert mine[2]["id"] != theirs[2]["id"]


async def test_copies_of_a_message_carry_one_topic(world: World, shop: Shop):
    """The second copy after a lost answer replaces the first at the push service; other messages have other topics."""
    (device,) = await shop.devices(prefix="copy-")
    world.faults(Rule(kind="reset", after_accept=True, token_prefix=device.token, times=1))
    message = await shop.send({"subscriptions": [device.id]})
    for _ in range(3):
        await asyncio.sleep(0.3)
        await world.let_pass(10)
    await shop.done(message)
    first, second = await world.entries(message)
    assert first.topic == second.topic is not None
    other = await shop.send({"subscriptions": [device.id]})
    await shop.done(other)
    assert (await world.entries(other))[0].topic != first.topic


async def test_a_collapse_key_replaces_across_messages(world: World, shop: Shop):
    """Two messages with the same collapse key carry the same Topic, of a form that every service takes."""
    (device,) = await shop.devices()
    topics: list[str | None] = []
    for key in ("stock-17", "stock-17", "stock-18"):
        message = await shop.send({"subscriptions": [device.id]}, collapse_key=key)
        await shop.done(message)
        topics += [entry.topic for entry in await world.entries(message)]
    assert topics[0] == topics[1] != topics[2]
    assert all(topic is not None and len(topic) == 32 for topic in topics)


async def test_what_a_device_gets_can_be_read_by_it_alone(world: World, shop: Shop):
    """Each body decrypts with its device's keys, and names the message and the device it is for."""
    devices = await shop.devices(4)
    message = await shop.send()
    await shop.done(message)
    entries = await world.entries(message)
    assert all(entry.decrypted for entry in entries)
    assert {(entry.token, entry.subscription) for entry in entries} == {(one.token, one.id) for one in devices}
