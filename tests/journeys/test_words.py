"""What a shop says, and what each of its people reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.model.ids import to_text
from tests.journeys.world import Shop

ADA: dict[str, Any] = {"user": "ada", "language": "nl-NL", "tags": {"plan": "gold"}}
BOB: dict[str, Any] = {"user": "bob", "language": "en"}


async def shown(shop: Shop, message: str) -> dict[str, dict[str, Any]]:
    """The notification that each endpoint got."""
    entries = await shop.world.entries(message)
    return {entry.token: entry.payload["notification"] for entry in entries if entry.payload}


async def _set(shop: Shop, **settings: Any) -> None:
    path = f"/v1/apps/{to_text('app', shop.app.public_id)}"
    assert (await shop.call("PATCH", path, {"settings": settings}))[0] == 200


async def test_each_person_reads_their_own_words(shop: Shop):
    """A field is what the device or its person is known by, or its default; in the language of the device."""
    ada, bob = await shop.devices(2, lines=[ADA, BOB])
    message = await shop.send(
        title={"en": "Your {{ user.tags.plan | default: 'first' }} sale", "nl": "Jouw {{ user.tags.plan }} uitverkoop"},
        body="For {{ user.id }}, order {{ order.number }}",
        variables={"order": {"number": 17}},
    )
    await shop.done(message)
    got = await shown(shop, message)
    assert (got[ada.token]["title"], got[ada.token]["body"]) == ("Jouw gold uitverkoop", "For ada, order 17")
    assert (got[bob.token]["title"], got[bob.token]["body"]) == ("Your first sale", "For bob, order 17")


async def test_what_is_told_of_a_person_is_in_their_texts(shop: Shop):
    """Attributes as they are now, money, dates and plurals as their language writes them."""
    (ada,) = await shop.devices(lines=[ADA])
    fields = {
        "attributes": {"first_name": "Ada", "credit": 1234.5, "renews": "2026-12-01T23:30:00Z", "points": 1},
        "timezone": "Europe/Amsterdam",
    }
    status, _, _ = await shop.call("PUT", "/v1/users/ada", fields)
    assert status in (200, 201)
    message = await shop.send(
        title="{{ user.first_name }}: {{ user.credit | money: 'EUR' }}",
        body="{{ user.renews | date: 'long' }}, {{ user.points | plural: one: '# punt', other: '# punten' }}",
    )
    await shop.done(message)
    got = (await shown(shop, message))[ada.token]
    assert (got["title"], got["body"]) == ("Ada: €\N{NO-BREAK SPACE}1.234,50", "2 december 2026, 1 punt")


async def test_each_person_reads_what_is_recommended_to_them(shop: Shop):
    """The message's list, else what the shop keeps with the person; without either, the text does without."""
    text = "{% for one in recommendations limit: 2 %}{{ one }}{% unless forloop.last %}, {% endunless %}{% endfor %}"
    ada, bob = await shop.devices(2, lines=[ADA, BOB])
    await shop.call("PATCH", "/v1/users/ada", {"attributes": {"recommendations": ["Tea", "Cups", "Honey"]}})
    own = await shop.send(title="For you", body=text)
    same = await shop.send(title="For all", body=text, variables={"recommendations": ["Milk"]})
    for message in (own, same):
        await shop.done(message)
    got, got_by_all = await shown(shop, own), await shown(shop, same)
    assert (got[ada.token]["body"], got[bob.token].get("body", "")) == ("Tea, Cups", "")
    assert {one["body"] for one in got_by_all.values()} == {"Milk"}


async def test_languages_fall_back_one_after_the_other(shop: Shop):
    """The device's, without its region, its person's where it says none, the app's, English, the first by name."""
    lines = [{"language": "pt-BR"}, {"language": "de-AT"}, {"user": "ada"}, {"language": "fi"}]
    brazil, austria, ada, finland = await shop.devices(4, lines=lines)
    await shop.call("PATCH", "/v1/users/ada", {"language": "de"})
    title = {"sv": "sv", "pt": "pt", "pt-BR": "br", "de": "de", "nl": "nl", "en": "en"}

    async def read(title: dict[str, str]) -> list[str]:
        message = await shop.send(title=title)
        await shop.done(message)
        got = await shown(shop, message)
        return [got[one.token]["title"] for one in (brazil, austria, ada, finland)]

    assert await read(title) == ["br", "de", "de", "en"]
    await _set(shop, language="nl")
    assert await read({name: text for name, text in title.items() if name != "pt-BR"}) == ["pt", "de", "de", "nl"]
    assert await read({"sv": "sv", "it": "it"}) == ["it", "it", "it", "it"]


async def test_a_link_leads_into_the_app(shop: Shop):
    """By a scheme that the app's settings name, with the person's own values; browsers follow `url`."""
    await shop.devices(1, lines=[ADA])
    order = {"title": "Your cart", "deep_link": "shopapp://cart/{{ user.id }}", "url": "https://shop.example/cart"}
    status, _, said = await shop.call("POST", "/v1/messages/preview?user=ada", order)
    assert (status, said["error"]["param"]) == (422, "deep_link")
    await _set(shop, deep_link_schemes=["shopapp"])
    _, _, said = await shop.call("POST", "/v1/messages/preview?user=ada", order)
    apps = [one["content"] for one in said["data"] if one["platform"] in ("ios_app", "android_app")]
    assert [(one["deep_link"], one["url"]) for one in apps] == [("shopapp://cart/ada", "https://shop.example/cart")] * 2


async def test_a_text_that_cannot_be_made_skips_one_person(shop: Shop):
    """Whoever's values make no text, or lead off the shop's hosts, is skipped with that reason; the others get it."""
    fine, foreign = await shop.devices(
        2,
        lines=[
            {"user": "ada", "tags": {"page": "https://shop.example/a"}},
            {"user": "eve", "tags": {"page": "https://evil.example/"}},
        ],
    )
    message = await shop.send(url="{{ user.tags.page }}")
    said = await shop.done(message)
    assert said["counts"]["sent"] == 1
    assert said["skipped_by"] == {"template": 1}
    assert await shop.end_of(message, foreign) == ("skipped", "template")
    assert (await shown(shop, message))[fine.token]["navigate"] == "https://shop.example/a"


async def test_named_people_read_their_own_words_at_once(shop: Shop):
    """An order to one person goes the short way, fields and all."""
    (ada,) = await shop.devices(lines=[ADA])
    message = await shop.send({"users": ["ada"]}, title="Hi {{ user.id }} ({{ device.language }})")
    await shop.done(message)
    assert (await shown(shop, message))[ada.token]["title"] == "Hi ada (nl-NL)"


async def test_links_carry_the_campaign_of_the_app_and_the_message(shop: Shop):
    """The app's parameters, the message's over them; a campaign may be named after the message."""
    (ada,) = await shop.devices(lines=[ADA])
    app = to_text("app", shop.app.public_id)
    settings = {"utm": {"source": "push", "campaign": "{{ message.category }}-{{ message.id }}"}}
    status, _, said = await shop.call("PATCH", f"/v1/apps/{app}", {"settings": settings})
    assert status == 200, said
    message = await shop.send(
        {"users": ["ada"]}, url="https://shop.example/a?x=1#top", utm={"medium": "web"},
        actions=[{"id": "own", "title": "Own", "url": "https://shop.example/{{ user.id }}?utm_source=own"}],
    )  # fmt: skip
    await shop.done(message)
    got = (await shown(shop, message))[ada.token]
    campaign = f"utm_campaign=transactional-{message}"
    assert got["navigate"] == f"https://shop.example/a?x=1&utm_source=push&utm_medium=web&{campaign}#top"
    assert got["actions"][0]["navigate"] == f"https://shop.example/ada?utm_source=own&utm_medium=web&{campaign}"
    body = {"audience": {"all": True}, "title": "x", "utm": {"term": "{{ user.id }}"}}
    status, _, refused = await shop.call("POST", "/v1/messages", body)
    assert (status, refused["error"]["param"]) == (422, "utm.term")


async def test_what_is_said_often_is_kept_as_a_template(shop: Shop):
    """A template says what the message does not say itself; variables of both are joined, the message's go first."""
    (ada,) = await shop.devices(lines=[ADA])
    content = {
        "title": "Order {{ number }} is {{ state }}",
        "body": "See you soon",
        "url": "https://shop.example/orders/{{ number }}",
        "variables": {"state": "on its way"},
    }
    status, _, made = await shop.call("POST", "/v1/templates", {"name": "shipped", "content": content})
    assert (status, made["content"]) == (201, content)
    body = {"audience": {"users": ["ada"]}, "template": made["id"], "variables": {"number": 17}, "body": "Bye"}
    _, _, accepted = await shop.call("POST", "/v1/messages", body)
    await shop.done(accepted["id"])
    got = (await shown(shop, accepted["id"]))[ada.token]
    assert (got["title"], got["body"], got["navigate"]) == (
        "Order 17 is on its way",
        "Bye",
        "https://shop.example/orders/17",
    )


async def test_a_scheduled_message_keeps_what_its_template_said(shop: Shop):
    """Templates change; what was ordered before stays as it was ordered."""
    (ada,) = await shop.devices(lines=[ADA])
    _, _, made = await shop.call("POST", "/v1/templates", {"name": "sale", "content": {"title": "Ten percent"}})
    body = {"audience": {"users": ["ada"]}, "template": made["id"], "schedule": {"at": _soon()}}
    status, _, accepted = await shop.call("POST", "/v1/messages", body)
    assert status == 202
    await shop.call("PATCH", f"/v1/templates/{made['id']}", {"content": {"title": "Twenty percent"}})
    status, _, _ = await shop.call("DELETE", f"/v1/templates/{made['id']}")
    assert status == 204
    await shop.done(accepted["id"])
    assert (await shown(shop, accepted["id"]))[ada.token]["title"] == "Ten percent"


async def test_a_message_is_read_as_one_person_would(shop: Shop):
    """Their devices with their words and bytes, then the platforms that they do not have; nothing is sent."""
    (ada,) = await shop.devices(lines=[ADA])
    body = {"title": "Hi {{ user.id }}", "body": "{{ user.tags.plan }}", "image": "https://shop.example/a.png"}
    status, _, said = await shop.call("POST", "/v1/messages/preview?user=ada", body)
    assert status == 200
    own, *others = said["data"]
    assert (own["subscription"], own["content"]["title"], own["content"]["body"]) == (ada.id, "Hi ada", "gold")
    assert 0 < own["payload_bytes"] < own["payload_bytes_max"]
    safari = next(one for one in others if one["platform"] == "safari_ios")
    assert ("image", "dropped") in [(finding["field"], finding["code"]) for finding in safari["lint"]]
    assert safari["content"]["title"] == "Hi ada"
    status, _, missing = await shop.call("POST", "/v1/messages/preview?user=ghost", body)
    assert (status, missing["error"]["param"]) == (404, "user")


async def test_a_name_with_braces_is_shown_as_it_is(shop: Shop):
    """What people are called is no text of the shop's: the preview refuses nothing that would go out."""
    await shop.devices(lines=[{**ADA, "tags": {"plan": "{% gold"}}])
    status, _, said = await shop.call("POST", "/v1/messages/preview?user=ada", {"title": "{{ user.tags.plan }}"})
    assert (status, said["data"][0]["content"]["title"]) == (200, "{% gold")


async def test_a_dry_run_tells_what_may_surprise(shop: Shop):
    """What is not shown, cut, missing or unknown, per platform; how many bytes are left; nothing is sent."""
    await shop.devices(1, lines=[{**ADA, "platform": "firefox_android"}])
    body = {
        "audience": {"all": True},
        "title": {"en": "A title that is far longer than a phone shows", "nl": "Hoi {{ user.first_name }}"},
        "body": {"en": "{{ misspelt }}"},
        "image": "https://shop.example/a.png",
        "url": "{{ user.tags.page }}",
        "tag": "{{ user.id }}",
    }
    _, _, said = await shop.call("POST", "/v1/messages?dry_run=true", body)
    found = {(one["platform"], one["field"], one["code"]) for one in said["lint"]}
    assert found >= {
        ("firefox_android", "image", "dropped"),
        ("firefox_android", "title", "cut"),
        (None, "body.nl", "language_missing"),
        (None, "body.en", "field_unknown"),
        (None, "title.nl", "default_missing"),
        (None, "url", "link_unchecked"),
        (None, "tag", "not_filled_in"),
    }
    assert 2_000 < said["bytes_left"]["firefox_android"] < 2_744


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
