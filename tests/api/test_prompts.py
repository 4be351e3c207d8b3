"""`/v1/prompts`, and what pages get of them."""

from typing import Any

import pytest

from gateway.model.limits import PROMPT_BYTES_MAX, PROMPTS_ACTIVE_MAX, PROMPTS_PER_APP_MAX
from tests.api.world import Answer, Shop

_TWO = [{"name": "plain"}, {"name": "offer", "weight": 3, "texts": {"en": {"title": "10 % off"}}}]


async def _made(shop: Shop, slug: str = "welcome", **fields: Any) -> Answer:
    return await shop.call("POST", "/v1/prompts", {"slug": slug, **fields})


async def _on_pages(shop: Shop, query: str = "") -> list[dict[str, Any]]:
    answer = await shop.page("GET", f"/v1/sdk/config?app={shop.id}{query}")
    assert answer.status == 200, answer.text
    return answer.body["prompts"]


async def test_a_prompt_is_made_shown_changed_and_deleted(shop: Shop):
    """What is named in a change replaces what there was; the rest stays."""
    made = await _made(shop, texts={"en": {"title": "Hello"}}, rules={"delay_s": 5}, back_off_days=[1])
    assert (made.status, made.body["kind"], made.body["winner"]) == (201, "slidedown", None), made.text
    changed = await shop.call("PATCH", "/v1/prompts/welcome", {"rules": {"page_views": 3}, "priority": 7})
    assert changed.status == 200, changed.text
    shown = (await shop.call("GET", "/v1/prompts/welcome")).body
    assert (shown["rules"]["page_views"], shown["rules"]["delay_s"], shown["priority"]) == (3, 0.0, 7)
    assert (shown["texts"], shown["back_off_days"]) == ({"en": {"title": "Hello"}}, [1])
    assert [one["slug"] for one in (await shop.call("GET", "/v1/prompts")).body["data"]] == ["welcome"]
    assert (await _made(shop)).code == "name_taken"
    assert (await shop.call("DELETE", "/v1/prompts/welcome")).status == 204
    for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
        assert (await shop.call(method, "/v1/prompts/welcome", body)).status == 404


async def test_pages_get_active_prompts_complete(shop: Shop):
    """The highest priority first; each variant with all of its words and colours; nothing that is not for visitors."""
    await shop.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    theme = {"accent": "#0b57d0", "accent_text": "#ffffff"}
    topics = [{"slug": "sale", "texts": {"nl": "Uitverkoop"}, "is_checked": True}]
    await _made(shop, "low", kind="bell")
    await _made(shop, "off", is_active=False)
    made = await _made(
        shop,
        "high",
        priority=9,
        texts={"en": {"title": "Hello", "yes": "Yes"}},
        theme=theme,
        topics=topics,
        variants=_TWO,
    )
    assert made.status == 201, made.text
    high, low = await _on_pages(shop)
    assert [(one["name"], one["weight"]) for one in high["variants"]] == [("plain", 1), ("offer", 3)]
    assert [one["texts"]["en"] for one in high["variants"]] == [
        {"title": "Hello", "yes": "Yes"},
        {"title": "10 % off", "yes": "Yes"},
    ]
    assert high["variants"][1]["theme"] == {
        "scheme": "auto", "corner_px": 12, "position": "top", "icon": None, "dark": {}, **theme,
    }  # fmt: skip
    assert high["topics"] == [{"slug": "sale", "name": "Sales", "texts": {"nl": "Uitverkoop"}, "is_checked": True}]
    assert (low["slug"], low["variants"][0]["name"], low["variants"][0]["theme"]["position"]) == (
        "low", "", "bottom-right",
    )  # fmt: skip
    assert low["rules"]["is_automatic"] is True
    assert low["back_off_days"] == [3, 7, 30]
    assert set(high) == {"slug", "kind", "variants", "topics", "rules", "back_off_days"}


async def test_a_page_may_ask_for_one_language(shop: Shop):
    """Its own, else that without the region, else the app's, else English; topics by themselves."""
    await shop.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    words = {language: {"title": language} for language in ("en", "nl", "pt-BR")}
    await _made(shop, texts=words, topics=[{"slug": "sale", "texts": {"fr": "Soldes"}}])
    for asked, found in (("nl-BE", "nl"), ("pt-BR", "pt-BR"), ("ja", "en"), ("", "en"), ("%00", "en")):
        (prompt,) = await _on_pages(shop, f"&language={asked}")
        assert prompt["variants"][0]["texts"] == {found: {"title": found}}, asked
        assert prompt["topics"][0]["texts"] == {"fr": "Soldes"}
    await shop.call("PATCH", f"/v1/apps/{shop.id}", {"settings": {"language": "pt-BR"}})
    shop.gateway.services.keyring.forget(shop.app)
    (prompt,) = await _on_pages(shop, "&language=ja")
    assert list(prompt["variants"][0]["texts"]) == ["pt-BR"]
    assert (await shop.page("GET", f"/v1/sdk/config?app={shop.id}&language={'x' * 99}")).param == "language"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"kind": "popup"}, "kind"),
        ({"texts": {"en": {"title": "x" * 200}}}, "texts.title"),
        ({"texts": {"en": {"title": ""}}}, "texts.title"),
        ({"texts": {"en": {"title": "pay \u202eeerf"}}}, "texts.en.title"),
        ({"texts": {"en": {"yes": "a\x07b"}}}, "texts.en.yes"),
        ({"texts": {"en": {"html": "<b>"}}}, "texts.html"),
        ({"texts": {"e n": {}}}, "texts"),
        ({"texts": {f"en-{n}": {} for n in range(60)}}, "texts"),
        ({"topics": [{"slug": "nowhere"}]}, "topics[0].slug"),
        ({"topics": [{"slug": "sale"}, {"slug": "sale"}]}, "topics[1].slug"),
        ({"topics": [{"slug": "sale", "texts": {"en": "a\u2067b"}}]}, "topics[0].texts.en"),
        ({"rules": {"delay_s": -1}}, "rules.delay_s"),
        ({"rules": {"delay_s": 1e99}}, "rules.delay_s"),
        ({"rules": {"scroll_percent": 101}}, "rules.scroll_percent"),
        ({"rules": {"include": ["sale"]}}, "rules.include[0]"),
        ({"rules": {"exclude": ["/a", "/b?x=1"]}}, "rules.exclude[1]"),
        ({"rules": {"exclude": ["/*a*b*c*d*e*f"]}}, "rules.exclude[0]"),
        ({"rules": {"include": ["/x"] * 51}}, "rules.include"),
        ({"rules": {"cart_value_over": -1}}, "rules.cart_value_over"),
        ({"theme": {"accent": "red", "accent_text": "#000000"}}, "theme.accent"),
        ({"theme": {"accent": "#ffffff"}}, "theme.accent_text"),
        ({"theme": {"text": "#777777", "background": "#888888"}}, "theme.text"),
        ({"theme": {"dark": {"text": "#777777", "background": "#888888"}}}, "theme.dark.text"),
        ({"theme": {"icon": "https://evil.example/x.png"}}, "theme.icon"),
        ({"theme": {"icon": "//evil.example/x.png"}}, "theme.icon"),
        ({"theme": {"icon": "/\\evil.example"}}, "theme.icon"),
        ({"theme": {"position": "left"}}, "theme.position"),
        ({"theme": {"corner_px": 99}}, "theme.corner_px"),
        ({"variants": [{"name": "a"}]}, "variants"),
        ({"variants": [{"name": "a"}, {"name": "a"}]}, "variants[1].name"),
        ({"variants": [{"name": "a"}, {"name": " b"}]}, "variants[1].name"),
        ({"variants": [{"name": "a"}, {"name": "b", "theme": {"text": "#000000"}}]}, "variants[1].theme.background"),
        ({"variants": [{"name": "a"}, {"name": "b", "texts": {"en": {"no": "\u202d"}}}]}, "variants[1].texts.en.no"),
        ({"variants": [{"name": str(n)} for n in range(6)]}, "variants"),
        ({"experiment": {"winner": "granted", "after": "P1D"}}, "variants"),
        ({"variants": _TWO, "experiment": {"winner": "granted"}}, "experiment.after"),
        ({"variants": _TWO, "experiment": {"winner": "yes", "after": "P1M"}}, "experiment.after"),
        ({"variants": _TWO, "experiment": {"winner": "hand", "after": "P1D"}}, "experiment.after"),
        ({"back_off_days": []}, "back_off_days"),
        ({"back_off_days": [0]}, "back_off_days[0]"),
        ({"priority": -1}, "priority"),
    ],
)
async def test_a_fault_of_a_prompt_names_its_field(shop: Shop, fields: dict[str, Any], param: str):
    """422, made or changed, and nothing is half applied."""
    await shop.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    answer = await _made(shop, **fields)
    assert (answer.status, answer.param) == (422, param), answer.text
    before = (await _made(shop, texts={"en": {"title": "As it was"}})).body
    answer = await shop.call("PATCH", "/v1/prompts/welcome", fields)
    assert (answer.status, answer.param) == (422, param), answer.text
    assert (await shop.call("GET", "/v1/prompts/welcome")).body == before


async def test_words_that_look_like_markup_are_words(shop: Shop):
    """They come to the page as they are, which shows them as text."""
    title = "<img src=x onerror=alert(1)> \u0645\u0631\u062d\u0628\u0627 \U0001f469\u200d\U0001f4bb"
    await _made(shop, texts={"en": {"title": title, "body": "one\ntwo"}})
    (prompt,) = await _on_pages(shop)
    assert prompt["variants"][0]["texts"]["en"] == {"title": title, "body": "one\ntwo"}


async def test_prompts_are_bounded(shop: Shop):
    """In number, in how many are active at once, and in what a page has to read; a refused one is not there."""
    for n in range(PROMPTS_ACTIVE_MAX):
        assert (await _made(shop, f"a{n}")).status == 201
    more = await _made(shop, "more")
    assert (more.status, more.code, more.param) == (409, "prompts_too_many", "is_active")
    for n in range(PROMPTS_PER_APP_MAX - PROMPTS_ACTIVE_MAX):
        assert (await _made(shop, f"p{n}", is_active=False)).status == 201
    assert (await _made(shop, "more", is_active=False)).code == "prompts_too_many"
    assert (await shop.call("PATCH", "/v1/prompts/p0", {"is_active": True})).code == "prompts_too_many"
    assert (await shop.call("GET", "/v1/prompts/p0")).body["is_active"] is False
    assert (await shop.call("GET", "/v1/prompts/more")).status == 404
    texts = {f"en-{n}": {"body": "x" * 400} for n in range(PROMPT_BYTES_MAX // 400)}
    large = await shop.call("PATCH", "/v1/prompts/p0", {"texts": texts})
    assert (large.status, large.code) == (422, "prompt_too_large")


async def test_a_topic_that_is_gone_is_not_offered(shop: Shop):
    """The prompt goes on without it."""
    await shop.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    await _made(shop, topics=[{"slug": "sale"}])
    await shop.call("DELETE", "/v1/topics/sale")
    (prompt,) = await _on_pages(shop)
    assert prompt["topics"] == []


async def test_variants_are_tried_anew_when_visitors_see_something_else(shop: Shop):
    """Not when it is only shown elsewhere or more often."""
    made = (await _made(shop, variants=_TWO, experiment={"winner": "granted", "after": "P7D"})).body
    same = (await shop.call("PATCH", "/v1/prompts/welcome", {"rules": {"page_views": 2}, "priority": 3})).body
    assert (same["began_at"], same["decide_at"]) == (made["began_at"], made["decide_at"])
    other = (await shop.call("PATCH", "/v1/prompts/welcome", {"texts": {"en": {"title": "New"}}})).body
    assert other["began_at"] > made["began_at"]
    assert other["decide_at"] > made["decide_at"]
