"""`/v1/templates`, and messages that are made from one."""

from typing import Any

import pytest

from gateway.model.limits import TEMPLATES_PER_APP_MAX
from gateway.store.database import Database
from tests.api.world import Shop

_CONTENT = {"title": "Order {{ number }}", "url": "https://shop.example/orders/{{ number }}", "ttl": 60}


async def _made(shop: Shop, name: str = "shipped", content: dict[str, Any] | None = None) -> str:
    answer = await shop.call("POST", "/v1/templates", {"name": name, "content": content or _CONTENT})
    assert answer.status == 201, answer.text
    return answer.body["id"]


async def test_a_template_is_made_shown_changed_and_deleted(shop: Shop):
    """Its content is what was given, no more; a change of the content replaces all of it."""
    template = await _made(shop)
    shown = (await shop.call("GET", f"/v1/templates/{template}")).body
    assert (shown["name"], shown["content"]) == ("shipped", _CONTENT)
    changed = await shop.call("PATCH", f"/v1/templates/{template}", {"content": {"body": "Here"}, "name": "here"})
    assert (changed.status, changed.body["name"], changed.body["content"]) == (200, "here", {"body": "Here"})
    listed = (await shop.call("GET", "/v1/templates?limit=1")).body
    assert ([one["id"] for one in listed["data"]], listed["next"]) == ([template], None)
    assert (await shop.call("DELETE", f"/v1/templates/{template}")).status == 204
    assert (await shop.call("GET", f"/v1/templates/{template}")).status == 404
    assert (await shop.call("DELETE", f"/v1/templates/{template}")).status == 404


async def test_templates_come_page_by_page(shop: Shop):
    """In the order of their names."""
    for name in ("b", "a", "c"):
        await _made(shop, name)
    first = (await shop.call("GET", "/v1/templates?limit=2")).body
    second = (await shop.call("GET", f"/v1/templates?limit=2&after={first['next']}")).body
    assert [one["name"] for one in first["data"] + second["data"]] == ["a", "b", "c"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"name": " "}, "field_invalid", "name"),
        ({"name": "a\nb"}, "field_invalid", "name"),
        ({"content": {}}, "content_missing", "content.title"),
        ({"content": {"title": "{{"}}, "template_invalid", "content.title"),
        ({"content": {"title": "x", "audience": {"all": True}}}, "field_unknown", "content.audience"),
        ({"content": {"title": "x", "template": "tpl_1"}}, "field_unknown", "content.template"),
        ({"content": {"title": "x", "url": "https://evil.example/"}}, "link_refused", "content.url"),
        ({"content": {"title": "x", "ttl": -1}}, "field_invalid", "content.ttl"),
        ({"content": {"title": "x", "stub": {"a": 1}}}, "field_unknown", "content.stub.a"),
        ({"content": {"title": "x", "variables": {"device": 1}}}, "field_invalid", "content.variables"),
    ],
)
async def test_a_fault_of_a_template_names_its_field(shop: Shop, change: dict[str, Any], code: str, param: str):
    """It is found when the template is made or changed, not when it is sent."""
    answer = await shop.call("POST", "/v1/templates", {"name": "x", "content": {"title": "x"}, **change})
    assert (answer.status, answer.code, answer.param) == (422, code, param), answer.text
    template = await _made(shop)
    answer = await shop.call("PATCH", f"/v1/templates/{template}", change)
    assert (answer.status, answer.code, answer.param) == (422, code, param), answer.text


async def test_a_name_is_one_templates(shop: Shop):
    """Made or changed: 409, and nothing has changed."""
    await _made(shop, "one")
    other = await _made(shop, "two")
    assert (await shop.call("POST", "/v1/templates", {"name": "one", "content": _CONTENT})).code == "name_taken"
    assert (await shop.call("PATCH", f"/v1/templates/{other}", {"name": "one"})).code == "name_taken"
    assert (await shop.call("PATCH", f"/v1/templates/{other}", {"name": "two"})).status == 200


async def test_an_app_has_a_bounded_number_of_templates(api_database: Database, shop: Shop):
    """The next one is a 409."""
    await api_database.execute(
        "INSERT INTO templates (app_id, id, name, content) SELECT $1, n, 'n' || n, '{}' FROM generate_series(1, $2) n",
        shop.app.id,
        TEMPLATES_PER_APP_MAX,
    )
    answer = await shop.call("POST", "/v1/templates", {"name": "more", "content": _CONTENT})
    assert (answer.status, answer.code) == (409, "templates_too_many")


async def test_another_apps_template_is_not_there(rival: Shop, shop: Shop):
    """404 for its own calls, 422 for a message that names it."""
    template = await _made(rival, content={"title": "x"})
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        assert (await shop.call(method, f"/v1/templates/{template}", body)).status == 404
    message = {"audience": {"users": ["ada"]}, "template": template}
    answer = await shop.call("POST", "/v1/messages", message)
    assert (answer.status, answer.code, answer.param) == (422, "template_unknown", "template")
    answer = await shop.call("POST", "/v1/messages/batch", {"messages": [message]})
    assert answer.body["data"][0]["error"]["param"] == "messages[0].template"


async def test_what_the_message_says_goes_first(shop: Shop):
    """Field by field; variables name by name."""
    content = {**_CONTENT, "body": "{{ a }}{{ b }}", "variables": {"a": 1, "b": 1, "number": 5}}
    template = await _made(shop, content=content)
    message = {"template": template, "title": "Hello", "variables": {"b": 2}}
    said = (await shop.call("POST", "/v1/messages/preview", message)).body["data"][0]["content"]
    assert (said["title"], said["body"], said["url"]) == ("Hello", "12", "https://shop.example/orders/5")


async def test_a_fault_that_only_both_together_have_is_told(shop: Shop):
    """The whole message is checked again."""
    template = await _made(shop, content={"title": "x" * 900, "body": "é" * 2_900})
    message = {"audience": {"all": True}, "template": template}
    assert (await shop.call("POST", "/v1/messages", message)).code == "content_too_large"


@pytest.mark.parametrize("query", ["user=ghost", "subscription=sub_0000000000001", "subscription=x"])
async def test_a_preview_for_nobody_says_so(shop: Shop, query: str):
    """A 404, or a 422 where it is no id."""
    answer = await shop.call("POST", f"/v1/messages/preview?{query}", {"title": "x"})
    assert (answer.status, answer.param) == (422 if query.endswith("=x") else 404, query.partition("=")[0])


async def test_a_preview_shows_every_platform(shop: Shop):
    """Also where nobody is named, and nothing is stored."""
    answer = await shop.call("POST", "/v1/messages/preview", {"title": "Hi {{ user.first_name | default: 'you' }}"})
    shown = {one["platform"]: one for one in answer.body["data"]}
    assert {"chrome_desktop", "firefox_android", "safari_ios", "ios_app", "android_app"} <= shown.keys()
    assert {one["content"]["title"] for one in shown.values()} == {"Hi you"}
    assert shown["firefox_android"]["payload_bytes_max"] < shown["chrome_desktop"]["payload_bytes_max"]
    assert (await shop.call("GET", "/v1/messages")).body["data"] == []


_NASTY: list[bytes] = [
    b'{"title": "{{ x }}", "variables": {"x": "\\ud800"}}',
    b'{"title": "\\ud800{{ x }}", "variables": {"x": 1}}',
    b'{"title": "{{ x }}", "variables": {"x": ' + b"[" * 400 + b"]" * 400 + b"}}",
    b'{"title": "{{ x }}", "variables": {"x": ' + b'{"a":' * 7 + b"1" + b"}" * 7 + b"}}",
    b'{"title": "{{ x | plus: 1 }}", "variables": {"x": 1' + b"0" * 400 + b"}}",
    b'{"title": "{{ x | money: \'EUR\' }}", "variables": {"x": 1e308}}',
    b'{"title": "{{ x | date }}", "variables": {"x": 1e17}}',
    b'{"title": "{{ x | date }}", "variables": {"x": -99999999999}}',
    b'{"title": "{{ x | date: \'' + b"y" * 60 + b'\' }}", "variables": {"x": "2026-12-01"}}',
    b'{"title": "{{ x | plural: \'a\', \'b\' }}", "variables": {"x": "1_000"}}',
    b'{"title": "x", "variables": {"": 1}}',
    b'{"title": "x", "variables": {"a b": 1}}',
    b'{"title": "{{ a[b[c]] }}{{ a[-1] }}{{ a[1e9] }}", "variables": {"a": [1], "b": {"0": 0}, "c": "0"}}',
    b'{"title": "' + b"{% if a %}" * 90 + b'"}',
    b'{"title": "{{ ' + b"a | upcase | " * 60 + b'downcase }}"}',
    b'{"title": "{{ a' + b".b" * 400 + b' }}"}',
    b'{"title": "x", "data": {"a": ' + b"[" * 300 + b'"{{ x }}"' + b"]" * 300 + b"}}",
    b'{"title": "x", "url": "{{ x }}", "variables": {"x": "\\ud800\\udc00"}}',
    b'{"title": "x", "utm": {"source": "\\n{{ x }}"}, "url": "https://shop.example/"}',
    b'{"title": {"nl": "{% assign x = x | split: \\"\\" %}{{ x | join: x }}"}, "variables": {"x": "abc"}}',
]


@pytest.mark.parametrize("body", _NASTY, ids=range(len(_NASTY)))
async def test_no_text_and_no_value_is_a_fault_of_ours(shop: Shop, body: bytes):
    """Read, refused, or skipped with a reason: never a 500, also where the message is sent."""
    headers = {"Content-Type": "application/json"}
    seen = await shop.call("POST", "/v1/messages/preview", raw=body, headers=headers)
    assert seen.status in (200, 400, 422), seen.text
    order = b'{"audience": {"all": true}, ' + body[1:]
    assert (await shop.call("POST", "/v1/messages?dry_run=true", raw=order, headers=headers)).status == seen.status
    sent = await shop.call("POST", "/v1/messages", raw=order, headers=headers)
    assert sent.status in ((202,) if seen.status == 200 else (400, 422)), sent.text
