"""What can be wrong with a message, and that each fault is told with the field it is in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.world import Shop

_GOOD: dict[str, Any] = {"audience": {"all": True}, "title": "Hello"}
_NOW = datetime.now(UTC)

_WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"title": 1}, "field_invalid", "title"),
    ({"title": {"en": 1}}, "field_invalid", "title"),
    ({"title": {"not a tag": "x"}}, "field_invalid", "title.not a tag"),
    ({"title": "x" * 1001}, "field_invalid", "title"),
    ({"title": {"en": "x" * 1001}}, "field_invalid", "title.en"),
    ({"body": "x" * 3001}, "field_invalid", "body"),
    ({"title": "", "body": ""}, "content_missing", "title"),
    ({"title": {"en": ""}, "body": {"en": "", "nl": ""}}, "content_missing", "title"),
    ({"utm": {"source": "{{"}}, "template_invalid", "utm.source"),
    ({"title": "Hi {{ user.first_name"}, "template_invalid", "title"),
    ({"body": {"en": "fine", "nl": '{% include "x" %}'}}, "template_invalid", "body.nl"),
    ({"colour": "red"}, "field_unknown", "colour"),
    ({"template": "tpl_1"}, "template_unknown", "template"),
    ({"variables": {"user": 1}}, "field_invalid", "variables"),
    ({"url": "https://evil.example/{{ x }}"}, "link_refused", "url"),
    ({"deep_link": "shopapp://cart"}, "link_refused", "deep_link"),
    ({"utm": {"colour": "red"}}, "field_unknown", "utm.colour"),
    ({"bogus": "marketing"}, "field_unknown", "bogus"),
    ({"audience": {}}, "audience_missing", "audience"),
    ({"audience": {"all": False}}, "audience_missing", "audience"),
    ({"audience": []}, "field_invalid", "audience"),
    ({"audience": {"segment": "regulars"}}, "segment_unknown", "audience.segment"),
    ({"audience": {"geo": {"city": ["Utrecht"]}}}, "field_unknown", "audience.geo.city"),
    ({"audience": {"where": {}}}, "filter_invalid", "audience.where"),
    (
        {"audience": {"where": {"all": [{"tag": "a", "is": 1}, {"tag": "b", "over": "x"}]}}},
        "filter_invalid",
        "audience.where.all[1].over",
    ),
    ({"audience": {"where": {"channel": "pigeon"}}}, "channel_unknown", "audience.where"),
    ({"audience": {"where": {"channel": {"not": "pigeon"}}}}, "channel_unknown", "audience.where"),
    ({"audience": {"where": {"channel": ["webpush", "pigeon"]}}}, "channel_unknown", "audience.where"),
    ({"audience": {"users": ["a", 3]}}, "field_invalid", "audience.users[1]"),
    ({"audience": {"users": [""]}}, "field_invalid", "audience.users[0]"),
    ({"audience": {"users": ["é" * 129]}}, "field_invalid", "audience.users[0]"),
    ({"audience": {"users": ["a"] * 10_001}}, "field_invalid", "audience.users"),
    (
        {"audience": {"subscriptions": ["sub_0000000000000", "msg_0000000000000"]}},
        "field_invalid",
        "audience.subscriptions[1]",
    ),
    ({"audience": {"topics": "sale &&"}}, "audience_invalid", "audience.topics"),
    ({"audience": {"topics": "(" * 9 + "a" + ")" * 9}}, "audience_invalid", "audience.topics"),
    ({"audience": {"topics": "x" * 4097}}, "field_invalid", "audience.topics"),
    ({"audience": {"languages": ["nl", "!"]}}, "field_invalid", "audience.languages[1]"),
    ({"audience": {"channels": ["pigeon"]}}, "channel_unknown", "audience.channels[0]"),
    ({"url": "https://elsewhere.example/"}, "link_refused", "url"),
    ({"url": "javascript:alert(1)"}, "link_refused", "url"),
    ({"icon": "http://shop.example/icon.png"}, "link_refused", "icon"),
    ({"image": "data:image/png;base64,AAAA"}, "link_refused", "image"),
    ({"badge": "//cdn.example/b.png"}, "link_refused", "badge"),
    ({"actions": [{"id": "a"}]}, "field_missing", "actions[0].title"),
    ({"actions": [{"id": "a", "title": 1}]}, "field_invalid", "actions[0].title"),
    ({"actions": [{"id": "a", "title": "A"}, {"id": "a", "title": "B"}]}, "field_invalid", "actions[1].id"),
    ({"actions": [{"id": "a", "title": "A", "url": "https://elsewhere.example/"}]}, "link_refused", "actions[0].url"),
    ({"actions": [{"id": str(n), "title": "A"} for n in range(5)]}, "field_invalid", "actions"),
    ({"data": []}, "field_invalid", "data"),
    ({"data": {"x": "y" * 2048}}, "field_invalid", "data"),
    ({"collapse_key": "two words"}, "field_invalid", "collapse_key"),
    ({"collapse_key": "a\r\nX-Evil: 1"}, "field_invalid", "collapse_key"),
    ({"tag": "x" * 257}, "field_invalid", "tag"),
    ({"ttl": -1}, "field_invalid", "ttl"),
    ({"ttl": 2_419_201}, "field_invalid", "ttl"),
    ({"ttl": "1d"}, "field_invalid", "ttl"),
    ({"ttl": 1.5}, "field_invalid", "ttl"),
    ({"urgency": "urgent"}, "field_invalid", "urgency"),
    ({"badge_count": -1}, "field_invalid", "badge_count"),
    ({"webpush": "x"}, "field_invalid", "webpush"),
    ({"webpush": {"x": "y" * 4096}}, "field_invalid", "webpush"),
    ({"schedule": {"at": "tomorrow"}}, "field_invalid", "schedule.at"),
    ({"schedule": {"at": "2036-01-01T00:00:00"}}, "field_invalid", "schedule.at"),
    ({"schedule": {"at": (_NOW - timedelta(hours=1)).isoformat()}}, "schedule_invalid", "schedule.at"),
    ({"schedule": {"at": (_NOW + timedelta(days=400)).isoformat()}}, "schedule_invalid", "schedule.at"),
    ({"schedule": {"local_time": "25:00"}}, "field_invalid", "schedule.local_time"),
    ({"app": 5}, "field_invalid", "app"),
]


@pytest.mark.parametrize(("change", "code", "param"), _WRONG, ids=[f"{n}-{row[2]}" for n, row in enumerate(_WRONG)])
async def test_a_fault_names_its_field(shop: Shop, change: dict[str, Any], code: str, param: str):
    """422, a code to branch on, and the dotted path of the field; nothing is stored."""
    answer = await shop.call("POST", "/v1/messages", {**_GOOD, **change})
    assert (answer.status, answer.code, answer.param) == (422, code, param), answer.text
    assert answer.body["error"]["doc_url"] == f"https://push.example/docs#errors-{code}"
    assert (await shop.call("GET", "/v1/messages")).body["data"] == []


async def test_a_typing_error_is_told(shop: Shop):
    """A field that there is not is named, rather than left out."""
    typo = await shop.call("POST", "/v1/messages", {**_GOOD, "titel": "x"})
    assert "There is no field `titel` here." in typo.body["error"]["message"]


async def test_a_message_without_an_audience_names_it(shop: Shop):
    """A field that is needed is named when it is absent."""
    answer = await shop.call("POST", "/v1/messages", {"title": "Hello"})
    assert (answer.status, answer.code, answer.param) == (422, "field_missing", "audience")


async def test_a_message_that_fits_no_push_is_refused(shop: Shop):
    """Within each field's bound, but together more than a push message holds."""
    answer = await shop.call("POST", "/v1/messages", {**_GOOD, "body": "é" * 2900})
    assert (answer.status, answer.code) == (422, "content_too_large"), answer.text


async def test_everything_that_a_message_may_have_is_taken(shop: Shop):
    """The whole list of fields of this version, in one message."""
    at = (_NOW + timedelta(days=1)).isoformat()
    answer = await shop.call(
        "POST",
        "/v1/messages",
        {
            "app": shop.id,
            "audience": {"topics": "sale && !(staff || test)", "languages": ["nl", "pt-BR"], "channels": ["webpush"]},
            "title": {"en": "Sale", "nl": "Uitverkoop"},
            "body": "x",
            "url": "https://shop.example/sale?q=ü#top",
            "icon": "https://cdn.example/i.png",
            "image": "https://cdn.example/p.png",
            "badge": "https://cdn.example/b.png",
            "actions": [
                {"id": "buy", "title": "Buy", "icon": "https://cdn.example/a.png", "url": "https://shop.example/buy"}
            ],
            "data": {"sku": 5, "deep": [{"a": None}]},
            "tag": "sale",
            "collapse_key": "sale-2026.w48",
            "ttl": 0,
            "urgency": "very-low",
            "silent": True,
            "require_interaction": True,
            "badge_count": 1,
            "webpush": {"renotify": True},
            "schedule": {"at": at},
        },
    )
    assert answer.status == 202, answer.text
    assert answer.body["state"] == "scheduled"
    assert datetime.fromisoformat(answer.body["due_at"]) == datetime.fromisoformat(at)


async def test_a_time_a_moment_ago_means_now(shop: Shop):
    """A shop whose clock runs a little behind is not refused."""
    at = (datetime.now(UTC) - timedelta(seconds=20)).isoformat()
    answer = await shop.call("POST", "/v1/messages", {**_GOOD, "schedule": {"at": at}})
    assert (answer.status, answer.body["state"]) == (202, "accepted")


async def test_a_dry_run_tells_who_and_stores_nothing(shop: Shop):
    """Who would get it, on what, how large it is, and a warning where nobody would."""
    await shop.enrol(topics=["sale"], platform="firefox", os="linux")
    nobody = await shop.call("POST", "/v1/messages?dry_run=true", {**_GOOD, "audience": {"topics": "shoes"}})
    one = await shop.call("POST", "/v1/messages?dry_run=true", {**_GOOD, "audience": {"topics": "sale"}})
    assert nobody.body["audience"] == 0
    assert any("shoes" in warning for warning in nobody.body["warnings"])
    assert (one.status, one.body["audience"], one.body["per_platform"]) == (200, 1, {"firefox_desktop": 1})
    assert (await shop.call("GET", "/v1/messages")).body["data"] == []
    odd = await shop.call("POST", "/v1/messages?dry_run=perhaps", _GOOD)
    assert (odd.status, odd.param) == (422, "dry_run")


async def test_messages_are_listed_newest_first_page_by_page(shop: Shop):
    """Every message is on exactly one page."""
    sent = [(await shop.call("POST", "/v1/messages", {**_GOOD, "title": f"No. {n}"})).body["id"] for n in range(5)]
    listed: list[str] = []
    after = ""
    for _ in range(5):
        page = (await shop.call("GET", f"/v1/messages?limit=2{after}")).body
        listed += [message["id"] for message in page["data"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert listed == sent[::-1]
    assert (await shop.call("GET", "/v1/messages?state=scheduled&limit=100")).body["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "limit=٣",
        "state=odd",
        "after=%00",
        "after=AAAA",
        "after=" + "A" * 300,
    ],
)
async def test_a_wrong_page_is_a_422(shop: Shop, query: str):
    """A cursor that no page gave, or a size that is none, is the caller's fault and told so."""
    answer = await shop.call("GET", f"/v1/messages?{query}")
    assert (answer.status, answer.code, answer.param) == (422, "field_invalid", query.partition("=")[0])


async def test_a_message_is_paused_resumed_and_cancelled(shop: Shop):
    """Each step answers with the state; what the state forbids is a 409."""
    sent = (
        await shop.call("POST", "/v1/messages", {**_GOOD, "schedule": {"at": (_NOW + timedelta(days=1)).isoformat()}})
    ).body
    path = f"/v1/messages/{sent['id']}"
    assert (await shop.call("POST", f"{path}/pause")).body == {"id": sent["id"], "state": "paused"}
    assert (await shop.call("POST", f"{path}/resume")).body["state"] == "scheduled"
    assert (await shop.call("POST", f"{path}/cancel")).body["state"] == "cancelled"
    late = await shop.call("POST", f"{path}/pause")
    assert (late.status, late.code) == (409, "state_conflict")


async def test_recipients_of_a_message_can_be_asked_for(shop: Shop):
    """Why did this device not get it? The answer names the reason."""
    device = await shop.enrol()
    sent = (await shop.call("POST", "/v1/messages", {"audience": {"users": ["nobody"]}, "title": "x"})).body
    asked = await shop.call("GET", f"/v1/messages/{sent['id']}/recipients?subscription={device['id']}")
    assert asked.status == 200, asked.text
    odd = await shop.call("GET", f"/v1/messages/{sent['id']}/recipients?subscription=x")
    assert (odd.status, odd.param) == (422, "subscription")
