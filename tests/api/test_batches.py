"""Many messages in one request: each has a result of its own."""

import asyncio
from typing import Any

from tests.api.world import Shop


def _to(user: str, **fields: Any) -> dict[str, Any]:
    return {"audience": {"users": [user]}, "title": "Your order", **fields}


async def test_each_message_of_a_batch_has_its_result(shop: Shop):
    """Good ones are accepted whatever is wrong with the others, in the order they were sent."""
    batch = [
        _to("a"),
        _to("b", titel="x"),
        _to("c"),
        {"audience": {"all": True}, "title": "x"},
        _to("d", url="https://evil.example/"),
        5,
    ]
    answer = await shop.call("POST", "/v1/messages/batch", {"messages": batch})
    assert answer.status == 202, answer.text
    results = answer.body["data"]
    assert [result["status"] for result in results] == [202, 422, 202, 422, 422, 422]
    assert results[0]["message"]["id"].startswith("msg_")
    assert [result.get("error", {}).get("param") for result in results] == [
        None, "messages[1].titel", None, "messages[3].audience", "messages[4].url", "messages[5]",
    ]  # fmt: skip
    assert (answer.body["accepted"], answer.body["refused"]) == (2, 4)
    assert len((await shop.call("GET", "/v1/messages")).body["data"]) == 2


async def test_a_thousand_messages_are_taken_at_once(shop: Shop):
    """The largest batch there may be; one more is refused whole."""
    answer = await shop.call("POST", "/v1/messages/batch", {"messages": [_to(f"u{n}") for n in range(1000)]})
    assert answer.body["accepted"] == 1000
    ids = [result["message"]["id"] for result in answer.body["data"]]
    assert len(set(ids)) == 1000
    more = await shop.call("POST", "/v1/messages/batch", {"messages": [_to("a")] * 1001})
    assert (more.status, more.param) == (422, "messages")


async def test_a_repeated_batch_sends_nothing_twice(shop: Shop):
    """With an Idempotency-Key the second answer is the first one."""
    body = {"messages": [_to("a"), _to("b")]}
    headers = {"Idempotency-Key": "batch-7"}
    first = await shop.call("POST", "/v1/messages/batch", body, headers=headers)
    second = await shop.call("POST", "/v1/messages/batch", body, headers=headers)
    assert second.body == first.body
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len((await shop.call("GET", "/v1/messages")).body["data"]) == 2


async def test_a_batch_that_died_half_way_is_finished_and_not_repeated(shop: Shop):
    """What was made before the crash is answered as it was; only the rest is made."""
    body = {"messages": [_to("a"), _to("b")]}
    headers = {"Idempotency-Key": "batch-8"}
    first = await shop.call("POST", "/v1/messages/batch", body, headers=headers)
    db = shop.gateway.services.database
    # As if the process had died after the messages and before the answer of the whole.
    await db.execute("DELETE FROM idempotency WHERE app_id = $1 AND key IN ('batch-8', E'batch-8\\n1')", shop.app.id)
    second = await shop.call("POST", "/v1/messages/batch", body, headers=headers)
    assert second.body["data"][0] == first.body["data"][0]
    assert second.body["data"][1]["message"]["id"] != first.body["data"][1]["message"]["id"]


async def test_the_same_key_twice_at_once_is_done_once(shop: Shop):
    """Of two calls at the same moment one does the work; the other hears so, or gets its answer."""
    body = {"messages": [_to("a")]}
    answers = await asyncio.gather(
        *(shop.call("POST", "/v1/messages/batch", body, headers={"Idempotency-Key": "batch-9"}) for _ in range(5))
    )
    assert {answer.status for answer in answers} <= {202, 409}
    assert len({answer.text for answer in answers if answer.status == 202}) == 1
    assert all(
        answer.code == "idempotency_in_flight" and answer.headers["Retry-After"]
        for answer in answers
        if answer.status == 409
    )
    assert len((await shop.call("GET", "/v1/messages")).body["data"]) == 1
