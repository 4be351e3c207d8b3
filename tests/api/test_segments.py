"""`/v1/segments` over HTTP: how deeply they may stand on one another, and how much they may come to."""

from typing import Any

from gateway.model.limits import SEGMENT_DEPTH_MAX, SEGMENT_PARTS_MAX
from tests.api.world import Answer, Shop


async def _save(shop: Shop, slug: str, audience: dict[str, Any]) -> Answer:
    return await shop.call("POST", "/v1/segments", {"slug": slug, "audience": audience})


async def _tower(shop: Shop) -> str:
    """Segments that stand on one another as deeply as they may; the name of the highest."""
    assert (await _save(shop, "s0", {"topics": "sale"})).status == 201
    for n in range(1, SEGMENT_DEPTH_MAX + 1):
        made = await _save(shop, f"s{n}", {"segment": f"s{n - 1}"})
        assert made.status == 201, made.text
    return f"s{SEGMENT_DEPTH_MAX}"


def _refusal(answer: Answer) -> tuple[int, str, str | None]:
    return answer.status, answer.code, answer.param


async def test_segments_stand_on_segments_only_so_deep(shop: Shop):
    """422 for what would be too deep, a segment or a message, and nothing is saved."""
    highest = await _tower(shop)
    assert _refusal(await _save(shop, "higher", {"segment": highest})) == (422, "segment_too_deep", "audience")
    assert (await shop.call("GET", "/v1/segments/higher")).status == 404
    order = {"title": "x", "audience": {"segment": highest}}
    assert _refusal(await shop.call("POST", "/v1/messages", order)) == (422, "segment_too_deep", "audience")
    order = {"title": "x", "audience": {"segment": f"s{SEGMENT_DEPTH_MAX - 1}"}}
    assert (await shop.call("POST", "/v1/messages", order)).status == 202


async def test_a_change_below_may_not_make_those_above_too_deep(shop: Shop):
    """The lowest segment is refused another floor under it, by the name of what stands on it; it stays as it was."""
    highest = await _tower(shop)
    assert (await _save(shop, "ground", {"topics": "news"})).status == 201
    refused = await shop.call("PATCH", "/v1/segments/s0", {"audience": {"segment": "ground"}})
    assert _refusal(refused) == (422, "segment_too_deep", "audience")
    assert highest in refused.body["error"]["message"]
    shown = (await shop.call("GET", "/v1/segments/s0")).body
    assert (shown["version"], shown["audience"]["topics"]) == (1, "sale")


async def test_segments_come_to_only_so_many_conditions(shop: Shop):
    """Conditions are counted with all segments written out: many big ones together are a 422."""
    each = 30
    big = {"where": {"any": [{"tag": f"t{n}", "is": "x"} for n in range(each)]}}
    names = [f"big{n}" for n in range(SEGMENT_PARTS_MAX // each + 1)]
    for name in names:
        made = await _save(shop, name, big)
        assert made.status == 201, made.text
    assert _refusal(await _save(shop, "all", {"segment": names})) == (422, "segment_too_deep", "audience")
    assert (await _save(shop, "most", {"segment": names[:-2]})).status == 201
