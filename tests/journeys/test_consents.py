"""Who agreed to what, when, where and how, and who took it back: the ledger."""

import asyncio
import json
from typing import Any

import pytest

from gateway.store import pruning, subscriptions
from gateway.subscribers import erase
from tests.journeys.visitors import Visitor
from tests.journeys.world import Shop
from tests.store.waiting import wait_for_a_lock

TEXT = "Yes, tell me about sales. I can stop this at any time."
CONSENT = {"text": TEXT, "at": "2026-11-01T10:00:00Z", "page": "https://shop.example/cart"}


async def _ledger(shop: Shop, device: str) -> dict[str, Any]:
    _, _, said = await shop.call("GET", f"/v1/subscriptions/{device}/consents")
    return said


async def _lines(shop: Shop) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    async with shop.world.session.get(shop.world.url + "/v1/consents/export", headers=headers) as answer:
        assert answer.status == 200
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def test_an_opt_in_and_its_end_are_both_written_down(shop: Shop) -> None:
    """Who asks may be shown: this text, at this time, on this page; other topics later; and the end, from the page."""
    visitor = await Visitor(shop, "203.0.113.7").enrolled(consent=CONSENT, topics=["sale"])
    await visitor.change(topics=["sale", "news"])
    await visitor.change(language="nl")
    assert (await visitor.call("DELETE", f"/v1/subscriptions/{visitor.id}"))[0] == 204
    assert (await visitor.call("DELETE", f"/v1/subscriptions/{visitor.id}"))[0] == 204
    said = await _ledger(shop, visitor.id)
    given, changed, withdrawn = said["data"]
    assert (given["act"], given["how"], given["text"], given["page"]) == ("given", "page", TEXT, CONSENT["page"])
    assert (given["said_at"], given["topics"]) == ("2026-11-01T10:00:00Z", ["sale"])
    assert (changed["act"], changed["topics"], changed["page"]) == ("changed", ["news", "sale"], "https://shop.example")
    assert (withdrawn["act"], withdrawn["how"]) == ("withdrawn", "page")
    assert said["intact"] is True
    assert await _lines(shop) == said["data"]
    assert "203.0.113" not in json.dumps(said)


async def test_what_is_repeated_is_written_once(shop: Shop) -> None:
    """A page that enrols at each visit with the consent that it kept adds nothing; another text does."""
    visitor = await Visitor(shop, "203.0.113.8").enrolled(consent=CONSENT)
    await visitor.enrol(consent=CONSENT)
    await visitor.enrol()
    assert [one["act"] for one in (await _ledger(shop, visitor.id))["data"]] == ["given"]
    await visitor.enrol(consent={**CONSENT, "text": "Prices, too."})
    assert [one["text"] for one in (await _ledger(shop, visitor.id))["data"]] == [TEXT, "Prices, too."]


async def test_an_opt_in_again_with_other_topics_is_written_down(shop: Shop) -> None:
    """A page that asks a subscriber for topics anew changes what they agreed to, and the ledger has it; once."""
    visitor = await Visitor(shop, "203.0.113.15").enrolled(consent=CONSENT, topics=["sale"])
    for _ in range(2):
        await visitor.enrol(consent=CONSENT, topics=["news", "sale"])
    said = await _ledger(shop, visitor.id)
    assert [(one["act"], one["topics"]) for one in said["data"]] == [("given", ["sale"]), ("changed", ["news", "sale"])]
    assert ("text" in said["data"][-1], said["intact"]) == (False, True)


async def test_a_page_that_mends_by_itself_brings_nobody_back(shop: Shop) -> None:
    """Whoever left stays away until they agree anew, also when the device's row is long gone."""
    visitor = await Visitor(shop, "203.0.113.9").enrolled(consent=CONSENT)
    await visitor.call("DELETE", f"/v1/subscriptions/{visitor.id}")
    status, said = await visitor.enrol(consent=CONSENT, again=True)
    assert (status, said["error"]["code"]) == (409, "consent_withdrawn")
    await _prune(shop)
    status, said = await visitor.enrol(consent=CONSENT, again=True)
    assert (status, said["error"]["code"]) == (409, "consent_withdrawn")
    status, _ = await visitor.enrol(consent={**CONSENT, "at": "2026-11-20T10:00:00Z"})
    assert status == 201
    assert (await visitor.enrol(consent=CONSENT, again=True))[0] == 200


async def test_who_leaves_in_the_moment_when_a_page_mends_has_left(shop: Shop) -> None:
    """The page had found them subscribed; that they leave before it is done counts for more."""
    visitor = await Visitor(shop, "203.0.113.16").enrolled(consent=CONSENT)
    async with shop.world.db.transaction() as tx:
        await subscriptions.end(tx, shop.app, visitor.device.number)
        mending = asyncio.create_task(visitor.enrol(consent=CONSENT, again=True))
        await wait_for_a_lock(shop.world.db)
    status, said = await mending
    assert (status, said["error"]["code"]) == (409, "consent_withdrawn")
    assert (await visitor.shown())["state"] == "left"
    assert [one["act"] for one in (await _ledger(shop, visitor.id))["data"]] == ["given"]


async def test_consents_that_come_with_a_file_are_written_down_once(shop: Shop) -> None:
    """What people agreed to elsewhere is on record here, with its words; the same file again adds nothing."""
    lines = [{"consent": CONSENT, "user": "ada"}, {}, {"consent": {**CONSENT, "text": "Prices."}}]
    first, second, third = await shop.devices(3, lines=lines)
    said = [await _ledger(shop, one.id) for one in (first, second, third)]
    assert [[(one["act"], one["how"], one["text"]) for one in each["data"]] for each in said] == [
        [("given", "import", TEXT)], [], [("given", "import", "Prices.")],
    ]  # fmt: skip
    assert all(each["intact"] for each in said)
    exported = await shop.world.session.get(
        shop.world.url + "/v1/subscriptions/export", headers={"Authorization": f"Bearer {shop.api_key}"}
    )
    await shop.take([json.loads(text) for text in (await exported.text()).splitlines()])
    assert len(await _lines(shop)) == 2


async def _file(shop: Shop) -> list[dict[str, Any]]:
    """All devices as an export has them."""
    headers = {"Authorization": f"Bearer {shop.api_key}"}
    async with shop.world.session.get(shop.world.url + "/v1/subscriptions/export", headers=headers) as answer:
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def test_what_a_file_changes_is_written_down_and_no_more(shop: Shop) -> None:
    """Other topics, another consent and an end, each once; what was the same before leaves nothing."""
    lines = [{"topics": ["sale"]}, {"consent": CONSENT, "topics": ["sale"]}, {"user": "ada"}]
    topics, consent, end = await shop.devices(3, lines=lines)
    before = {one["id"]: one for one in await _file(shop)}
    news = {
        topics.id: {"topics": ["news", "sale"]},
        consent.id: {"consent": {"text": "Prices, too.", "page": CONSENT["page"]}, "topics": ["news"]},
        end.id: {"state": "left"},
    }
    for _ in range(2):
        await shop.take([{**before[one], **fields} for one, fields in news.items()])
    said = {one: await _ledger(shop, one) for one in news}
    told = {
        one: [(each["act"], each["how"], each.get("text"), each.get("topics")) for each in all_of["data"]]
        for one, all_of in said.items()
    }
    assert told[topics.id] == [
        ("changed", "import", None, ["sale"]), ("changed", "import", None, ["news", "sale"]),
    ]  # fmt: skip
    assert told[consent.id] == [
        ("given", "import", TEXT, ["sale"]), ("given", "import", "Prices, too.", ["news"]),
    ]  # fmt: skip
    assert told[end.id] == [("withdrawn", "import", None, None)]
    assert said[end.id]["data"][0]["user"] == "ada"
    assert all(each["intact"] for each in said.values())


async def test_a_file_changes_nothing_that_was_agreed_to_by_who_has_left(shop: Shop) -> None:
    """An older list neither brings them back nor says that they agreed anew."""
    (device,) = await shop.devices(1, lines=[{"consent": CONSENT, "topics": ["sale"]}])
    (line,) = await _file(shop)
    await shop.call("DELETE", f"/v1/subscriptions/{device.id}")
    await shop.take([{**line, "topics": ["sale", "news"], "consent": {**CONSENT, "text": "Everything."}}])
    (after,) = await _file(shop)
    assert (after["state"], after["topics"], after["consent"]["text"]) == ("left", ["sale"], TEXT)
    assert [one["act"] for one in (await _ledger(shop, device.id))["data"]] == ["given", "withdrawn"]


async def test_who_left_by_a_file_is_not_brought_back_by_a_page(shop: Shop) -> None:
    """Also when the device's row is long gone."""
    visitor = await Visitor(shop, "203.0.113.17").enrolled(consent=CONSENT)
    (line,) = await _file(shop)
    await shop.take([{**line, "state": "left"}])
    await _prune(shop)
    status, said = await visitor.enrol(consent=CONSENT, again=True)
    assert (status, said["error"]["code"]) == (409, "consent_withdrawn")


async def test_a_line_that_the_ledger_has_no_room_for_is_left_out(shop: Shop) -> None:
    """Nothing of it is done that would not be written down; whoever ends it always may."""
    (device,) = await shop.devices(1, lines=[{"topics": ["news"]}])
    (line,) = await _file(shop)
    await shop.world.db.execute("UPDATE consents SET seq = 1000 WHERE app_id = $1", shop.app.id)
    body = json.dumps({**line, "topics": ["sale"], "language": "nl"})
    headers = {"Authorization": f"Bearer {shop.api_key}", "Content-Type": "application/x-ndjson"}
    url = shop.world.url + "/v1/subscriptions/import"
    async with shop.world.session.post(url, data=body, headers=headers) as answer:
        said = await answer.json()
    assert (said["rejected"], said["errors"][0]["line"], said["errors"][0]["code"]) == (1, 1, "consents_too_many")
    (after,) = await _file(shop)
    assert (after["topics"], after.get("language")) == (["news"], line.get("language"))
    await shop.take([{"channel": line["channel"], "endpoint": line["endpoint"], "keys": line["keys"], "state": "left"}])
    assert [one["act"] for one in (await _ledger(shop, device.id))["data"]] == ["changed", "withdrawn"]


async def test_an_erasure_leaves_what_somebody_else_agreed_to_on_the_same_device(shop: Shop) -> None:
    """Bob is forgotten; what Ada agreed to in that browser before stays hers to show."""
    visitor = await Visitor(shop, "203.0.113.18").enrolled(consent=CONSENT)
    path = f"/v1/subscriptions/{visitor.id}"
    await shop.call("PATCH", path, {"user": "ada"})
    await visitor.change(topics=["sale"])
    await shop.call("PATCH", path, {"user": "bob"})
    await visitor.change(topics=["news"])
    await shop.call("DELETE", "/v1/users/bob")
    await erase.finish_erasures(shop.world.db, shop.world.base.keyring.app_by_id)
    assert [(one.get("user"), one["act"]) for one in await _lines(shop)] == [(None, "given"), ("ada", "changed")]
    _, _, said = await shop.call("GET", "/v1/users/ada/consents")
    assert [one["topics"] for one in said["data"]] == [["sale"]]
    await shop.call("DELETE", "/v1/users/ada")
    assert [one.get("user") for one in await _lines(shop)] == [None]


async def _prune(shop: Shop) -> None:
    await shop.world.db.execute(
        "UPDATE subscriptions SET ended_at = now() - interval '31 days' WHERE app_id = $1 AND state <> 0", shop.app.id
    )
    await pruning.prune(shop.world.db)


async def test_a_browser_does_not_tell_who_was_logged_in_there_before(shop: Shop) -> None:
    """On a shared computer the page learns that topics were changed, and not by whom; the shop's server learns both."""
    visitor = await Visitor(shop, "203.0.113.14").enrolled(consent=CONSENT)
    await shop.call("PATCH", f"/v1/subscriptions/{visitor.id}", {"user": "ada@shop.example"})
    await visitor.change(topics=["sale"])
    users = [
        one.get("user") for one in (await visitor.call("GET", f"/v1/subscriptions/{visitor.id}/consents"))[1]["data"]
    ]
    assert users == [None, "ada@shop.example"]
    await shop.call("PATCH", f"/v1/subscriptions/{visitor.id}", {"user": "bob"})
    status, said = await visitor.call("GET", f"/v1/subscriptions/{visitor.id}/consents")
    assert (status, [one["act"] for one in said["data"]], said["intact"]) == (200, ["given", "changed"], True)
    assert "ada" not in json.dumps(said)
    assert [one.get("user") for one in (await _ledger(shop, visitor.id))["data"]] == [None, "ada@shop.example"]


async def test_a_person_is_shown_all_of_it_also_of_devices_that_are_gone(shop: Shop) -> None:
    """The export of a person holds what they agreed to on a phone that they no longer have."""
    visitor = await Visitor(shop, "203.0.113.10").enrolled(consent=CONSENT)
    await shop.call("PATCH", f"/v1/subscriptions/{visitor.id}", {"user": "ada"})
    await shop.call("DELETE", f"/v1/subscriptions/{visitor.id}")
    await _prune(shop)
    status, _, said = await shop.call("GET", "/v1/users/ada/consents")
    assert (status, [(one["act"], one["how"], one["user"]) for one in said["data"]]) == (
        200,
        [("given", "page", "ada"), ("withdrawn", "server", "ada")],
    )
    _, _, dossier = await shop.call("GET", "/v1/users/ada/export")
    assert dossier["consents"] == said["data"]


async def test_an_erasure_leaves_hashes_and_nothing_that_tells(shop: Shop) -> None:
    """Nobody reads from what is left who it was; who kept the record can show that it was there."""
    visitor = await Visitor(shop, "203.0.113.11").enrolled(consent=CONSENT)
    await shop.call("PATCH", f"/v1/subscriptions/{visitor.id}", {"user": "ada"})
    (kept,) = (await _ledger(shop, visitor.id))["data"]
    await shop.call("DELETE", "/v1/users/ada")
    await erase.finish_erasures(shop.world.db, shop.world.base.keyring.app_by_id)
    assert await _lines(shop) == []
    rows = await shop.world.db.fetch("SELECT hash, kind FROM consent_remains WHERE app_id = $1", shop.app.id)
    assert [(row["hash"].hex(), row["kind"]) for row in rows] == [(kept["seal"], 1)]
    status, said = await visitor.enrol(consent=CONSENT, again=True)
    assert (status, said["error"]["code"]) == (409, "consent_withdrawn")


@pytest.mark.parametrize(
    "spoil",
    [
        'UPDATE consents SET said = said || \'{"text": "You get everything."}\' WHERE app_id = $1 AND seq = 1',
        "UPDATE consents SET at = at - interval '1 day' WHERE app_id = $1 AND seq = 2",
        "UPDATE consents SET kind = 1 WHERE app_id = $1 AND seq = 2",
        "DELETE FROM consents WHERE app_id = $1 AND seq = 1",
        "DELETE FROM consents WHERE app_id = $1 AND seq = 2",
    ],
)
async def test_a_record_that_was_mended_or_taken_out_shows(shop: Shop, spoil: Any) -> None:
    """Whoever changes the ledger behind the gateway's back is found out by the seals."""
    visitor = await Visitor(shop, "203.0.113.12").enrolled(consent=CONSENT)
    await visitor.change(topics=["sale"])
    await visitor.change(topics=[])
    assert (await _ledger(shop, visitor.id))["intact"] is True
    await shop.world.db.execute(spoil, shop.app.id)
    assert (await _ledger(shop, visitor.id))["intact"] is False


async def test_the_ledger_of_one_device_is_bounded_and_its_end_is_always_written(shop: Shop) -> None:
    """A device that changes its mind without end is refused at some point; never when it leaves."""
    visitor = await Visitor(shop, "203.0.113.13").enrolled(consent=CONSENT)
    await shop.world.db.execute("UPDATE consents SET seq = 1000 WHERE app_id = $1", shop.app.id)
    status, said = await visitor.change(topics=["sale"])
    assert (status, said["error"]["code"]) == (409, "consents_too_many")
    assert (await visitor.shown())["topics"] == []
    assert (await visitor.call("DELETE", f"/v1/subscriptions/{visitor.id}"))[0] == 204
    assert (await _ledger(shop, visitor.id))["data"][-1]["act"] == "withdrawn"
