"""What devices report: counted once, and only with the token that the message carried."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.model.ids import from_text
from gateway.model.limits import LOCK_TIMEOUT_S, RECEIPT_QUEUE_MAX
from tests.api.world import Answer, Shop
from tests.store.waiting import wait_for_a_lock

_TODAY = datetime.now(UTC).date()


async def _sent(shop: Shop) -> str:
    return (await shop.call("POST", "/v1/messages", {"audience": {"all": True}, "title": "x"})).body["id"]


async def _report(shop: Shop, *receipts: dict[str, Any]) -> Answer:
    return await shop.page("POST", "/v1/receipts", {"receipts": list(receipts)})


async def _counts(shop: Shop, message: str) -> dict[int, int]:
    rows = await shop.gateway.services.database.fetch(
        "SELECT kind, sum(n) AS n FROM receipt_counts WHERE app_id = $1 AND msg_id = $2 GROUP BY kind",
        shop.app.id,
        from_text("msg", message),
    )
    return {row["kind"]: row["n"] for row in rows}


async def test_a_receipt_counts_once_however_often_it_comes(shop: Shop):
    """A thousand repetitions of one click are one click."""
    message, device = await _sent(shop), await shop.enrol()
    token = await shop.token(message, device["id"], day=_TODAY)
    first = await _report(shop, {"token": token, "kind": "shown", "at": datetime.now(UTC).isoformat()})
    assert (first.status, first.body) == (202, {"accepted": 1})
    await asyncio.gather(*(_report(shop, *[{"token": token, "kind": "clicked"}] * 20) for _ in range(50)))
    assert await _counts(shop, message) == {0: 1, 1: 1}


async def test_a_click_teaches_somebodys_hour_once(shop: Shop):
    """A browser that repeats itself, along with somebody else's click, is still one visit of its person."""
    message, one, other = await _sent(shop), await shop.enrol(), await shop.enrol()
    clicks = [
        {"token": await shop.token(message, device["id"], day=_TODAY), "kind": "clicked"} for device in (one, other)
    ]
    await _report(shop, clicks[0])
    await _report(shop, *clicks)
    visits = await shop.gateway.services.database.fetch(
        "SELECT hours FROM subscriptions WHERE app_id = $1", shop.app.id
    )
    assert [sum(row["hours"]) for row in visits] == [1, 1]


@pytest.mark.parametrize("kind", ["clicked", "closed"])
async def test_who_clicks_or_closes_has_seen_it(shop: Shop, kind: str):
    """Safari reports no display: a click says it too, and a late report of the display adds nothing."""
    message, device = await _sent(shop), await shop.enrol()
    token = await shop.token(message, device["id"], day=_TODAY)
    await _report(shop, {"token": token, "kind": kind, "action": "buy"})
    number = {"clicked": 1, "closed": 2}[kind]
    assert await _counts(shop, message) == {0: 1, number: 1}
    await _report(shop, {"token": token, "kind": "shown"})
    assert await _counts(shop, message) == {0: 1, number: 1}


async def test_what_is_not_genuine_is_ignored(shop: Shop, rival: Shop):
    """Forged, cut, foreign, too old, of a kind that the token is not for: 202, and nothing is counted."""
    message, device = await _sent(shop), await shop.enrol()
    good = await shop.token(message, device["id"], day=_TODAY)
    foreign = await rival.token(message, device["id"], day=_TODAY)
    tokens = [
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good[:-4],
        "",
        "é" * 55,
        "=" * 55,
        good[:10] + foreign[10:],
        await shop.token(message, device["id"], day=_TODAY - timedelta(days=32)),
        await shop.token(message, device["id"], day=_TODAY, kinds=1),
    ]
    answer = await _report(shop, *({"token": token, "kind": "clicked"} for token in tokens))
    assert (answer.status, answer.body) == (202, {"accepted": 0})
    assert await _counts(shop, message) == {}


async def test_a_token_of_a_rival_counts_for_the_rival_only(shop: Shop, rival: Shop):
    """A rival signs with its own secret; that never touches this app's figures."""
    message, device = await _sent(shop), await shop.enrol()
    await _report(rival, {"token": await rival.token(message, device["id"], day=_TODAY), "kind": "clicked"})
    assert await _counts(shop, message) == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "receipts"),
        ({"receipts": 5}, "receipts"),
        ({"receipts": [{"kind": "shown"}]}, "receipts[0].token"),
        ({"receipts": [{"token": "x", "kind": "eaten"}]}, "receipts[0].kind"),
        ({"receipts": [{"token": "x" * 201, "kind": "shown"}]}, "receipts[0].token"),
        ({"receipts": [{"token": "x", "kind": "shown", "at": "noon"}]}, "receipts[0].at"),
        ({"receipts": [{"token": "x", "kind": "shown"}] * 21}, "receipts"),
    ],
)
async def test_a_malformed_report_is_a_422(shop: Shop, body: dict[str, Any], param: str):
    """A fault in the script is told, unlike a token that is not genuine."""
    answer = await shop.page("POST", "/v1/receipts", body)
    assert (answer.status, answer.param) == (422, param)


async def test_a_report_about_an_old_message_is_no_fault(shop: Shop):
    """Its day may have been dropped already: counted or not, the device is answered."""
    message, device = await _sent(shop), await shop.enrol()
    old = await shop.token(message, device["id"], day=_TODAY - timedelta(days=29))
    new = await shop.token(message, device["id"], day=_TODAY)
    answer = await _report(shop, {"token": old, "kind": "shown"}, {"token": new, "kind": "clicked"})
    assert (answer.status, answer.body) == (202, {"accepted": 2})
    assert (await _counts(shop, message))[1] == 1


async def test_a_page_of_any_origin_may_report_but_not_read(shop: Shop):
    """The token is the proof; the answer is readable for the app's own pages only."""
    message, device = await _sent(shop), await shop.enrol()
    body = {"receipts": [{"token": await shop.token(message, device["id"], day=_TODAY), "kind": "shown"}]}
    own = await shop.page("POST", "/v1/receipts", body)
    assert own.headers["Access-Control-Allow-Origin"] == shop.origin
    other = await shop.page("POST", "/v1/receipts", body, headers={"Origin": "https://elsewhere.example"})
    assert other.status == 202
    assert "Access-Control-Allow-Origin" not in other.headers


async def test_the_devices_clock_is_believed_within_reason(shop: Shop):
    """A time in the future or of last year becomes now."""
    message = await _sent(shop)
    for wrong in ("2999-01-01T00:00:00Z", "1999-01-01T00:00:00Z"):
        device = await shop.enrol()
        await _report(
            shop, {"token": await shop.token(message, device["id"], day=_TODAY), "kind": "shown", "at": wrong}
        )
    rows = await shop.gateway.services.database.fetch("SELECT at FROM receipts WHERE app_id = $1", shop.app.id)
    assert len(rows) == 2
    assert all(abs((datetime.now(UTC) - row["at"]).total_seconds()) < 60 for row in rows)


async def test_a_flood_is_told_when_to_come_again_and_loses_nothing(shop: Shop):
    """While the database stands still so many wait and no more: the others hear 429; those who waited are counted."""
    message, device = await _sent(shop), await shop.enrol()
    batch = [{"token": await shop.token(message, device["id"], day=_TODAY), "kind": "shown"}] * 20
    async with shop.gateway.services.database.transaction() as tx:
        await tx.execute("LOCK TABLE receipts IN EXCLUSIVE MODE")
        flood = [asyncio.create_task(_report(shop, *batch)) for _ in range(RECEIPT_QUEUE_MAX // 2 // 20 + 12)]
        await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
    answers = await asyncio.gather(*flood)
    refused = [one for one in answers if one.status == 429]
    assert 1 <= len(refused) <= 12
    assert (refused[0].code, refused[0].headers["Retry-After"]) == ("rate_limited", "5")
    assert {one.status for one in answers} == {202, 429}
    assert await _counts(shop, message) == {0: 1}


async def test_an_app_whose_rows_are_locked_keeps_no_other_waiting(shop: Shop, rival: Shop):
    """While one app's counts are in somebody's hands, the receipts of all others are counted at once."""
    reports: list[dict[str, Any]] = []
    for one in (rival, shop):
        message, first, second = await _sent(one), await one.enrol(), await one.enrol()
        tokens = [await one.token(message, device["id"], day=_TODAY) for device in (first, second)]
        await _report(one, {"token": tokens[0], "kind": "shown"})
        reports.append({"token": tokens[1], "kind": "shown"})
    async with shop.gateway.services.database.transaction() as tx:
        await tx.execute("UPDATE receipt_counts SET n = n WHERE app_id = $1", rival.app.id)
        stuck = asyncio.create_task(_report(rival, reports[0]))
        await wait_for_a_lock(shop.gateway.services.database)
        async with asyncio.timeout(LOCK_TIMEOUT_S / 2):
            assert (await _report(shop, reports[1])).status == 202
        assert not stuck.done()
    assert (await stuck).status == 202
