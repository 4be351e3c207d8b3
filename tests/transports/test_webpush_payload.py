"""The payload: Declarative Web Push JSON, with our ids, whatever a shop wrote into it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.message import Action, Content, Recall
from gateway.model.subscriber import Platform
from gateway.transports.webpush import Provider, topic_of
from tests.transports.fakes import made

MESSAGE, SUBSCRIPTION = 2**61 + 5, 2**60 + 9
TOKEN = "T0k-_" * 11
OURS = {"m": to_text("msg", MESSAGE), "s": to_text("sub", SUBSCRIPTION), "t": TOKEN}
HOSTILE = [
    '"',
    "\\",
    '"}}],"web_push":9,"x":{"',
    "</script><script>alert(1)</script>",
    "\u2028\u2029",
    "🛍️👩‍👩‍👧‍👦",
    "مرحبا",
    "\x00\x01\x1f\x7f",
    "\x00receipt\x00s",
    "\x00receipt\x00t",
    "\\u0000receipt\\u0000t",
    "%s {0} {{name}} $& \\1",
]
TEXTS = st.text(max_size=40) | st.sampled_from(HOSTILE)


def rendered(content: Content, *, locale: str | None = None) -> dict[str, Any]:
    """What a device of this language decrypts."""
    render = made(Provider).compile(content, message_id=MESSAGE).render
    found = json.loads(render(Device(SUBSCRIPTION, "webpush", 1, b"", Platform.OTHER, locale, None), TOKEN, 60))
    assert found["web_push"] == 8030
    assert found["mutable"] is True
    assert set(found) == {"web_push", "mutable", "notification"}
    return found["notification"]


def test_a_whole_message():
    """Every field under the name that browsers and our worker read."""
    content = Content(
        title="Sale",
        body="50 %",
        url="https://shop.example/sale",
        icon="https://shop.example/i.png",
        image="https://shop.example/p.png",
        badge="https://shop.example/b.png",
        actions=(Action(id="buy", title="Buy", url="https://shop.example/buy"), Action(id="no", title="No")),
        data={"order": 7},
        tag="sale",
        silent=True,
        require_interaction=True,
        badge_count=0,
    )

    assert rendered(content) == {
        "title": "Sale",
        "body": "50 %",
        "navigate": "https://shop.example/sale",
        "icon": "https://shop.example/i.png",
        "image": "https://shop.example/p.png",
        "badge": "https://shop.example/b.png",
        "tag": "sale",
        "silent": True,
        "requireInteraction": True,
        "app_badge": 0,
        "actions": [
            {"action": "buy", "title": "Buy", "navigate": "https://shop.example/buy"},
            {"action": "no", "title": "No"},
        ],
        "data": {"order": 7, "steeple": OURS},
    }


def test_what_was_not_said_is_not_sent():
    """Every byte is paid a million times. The tag is: by it a copy after a crash replaces the first one."""
    assert rendered(Content(title="x")) == {"title": "x", "tag": to_text("msg", MESSAGE), "data": {"steeple": OURS}}


def test_our_worker_is_told_how_long_to_wait_with_what_it_reports():
    """Only where many report."""
    assert rendered(Content(title="x", spread_s=17))["data"]["steeple"] == OURS | {"d": 17}


@pytest.mark.parametrize(("is_neutral", "further"), [(False, {}), (True, {"q": 1})])
def test_a_recall_names_what_it_takes_back(*, is_neutral: bool, further: dict[str, int]):
    """The worker finds that notification by it; `q`: there is nothing to show in its place."""
    content = Content(title="x", recalls=Recall(message_id=7, topic="1.7", is_neutral=is_neutral))
    assert rendered(content)["data"]["steeple"] == OURS | {"r": to_text("msg", 7)} | further
    assert rendered(Content(title="x", collapse_key="k"))["tag"] == "k"
    assert rendered(Content(title="x", collapse_key="k", tag="t"))["tag"] == "t"


@pytest.mark.parametrize(
    ("locale", "title", "body"),
    [
        ("nl", "Hallo", "Tekst"),
        ("nl-BE", "Hallo", "Tekst"),
        ("NL_be", "Hallo", "Tekst"),
        ("pt-BR", "Oi", "Text"),
        ("pt-PT", "Hello", "Text"),
        ("en-US", "Hello", "Text"),
        ("de", "Hello", "Text"),
        ("", "Hello", "Text"),
        (None, "Hello", "Text"),
    ],
)
def test_languages_fall_back(locale: str | None, title: str, body: str):
    """Its own, its own without the region, English; and a text that lacks the language is read in English."""
    content = Content(
        title={"en": "Hello", "nl": "Hallo", "pt-BR": "Oi"},
        body={"nl": "Tekst", "en": "Text"},
        url="https://shop.example",
    )
    found = rendered(content, locale=locale)

    assert (found["title"], found["body"]) == (title, body)
    assert found["lang"] in {"en", "nl", "pt-BR"}


def test_without_english_the_first_language_is_read():
    """A shop need not write English; the first by name is read."""
    content = Content(title={"nl": "Hallo", "fr": "Bonjour"}, body="x")

    assert rendered(content, locale="de")["title"] == "Bonjour"
    assert rendered(content, locale="nl-BE")["title"] == "Hallo"


@given(title=TEXTS, body=TEXTS, tag=TEXTS, key=TEXTS, value=TEXTS, label=TEXTS)
def test_no_text_breaks_the_payload(*, title: str, body: str, tag: str, key: str, value: str, label: str):
    """Quotes, control characters, line separators, emoji, our own marker: all of it is text and stays text."""
    content = Content(
        title=title, body=body, tag=tag, data={key: value, "list": [value]}, actions=(Action(id="a", title=label),)
    )

    found = rendered(content)

    assert found.get("title", "") == title
    assert found.get("body", "") == body
    assert found["tag"] == (tag or to_text("msg", MESSAGE))
    assert found["data"]["steeple"] == OURS
    if key not in {"steeple", "list"}:
        assert found["data"][key] == value
    assert found["actions"][0].get("title", "") == label


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("place", ["title", "data", "data name", "steeple", "extra", "language"])
def test_ours_is_ours_wherever_hostile_text_stands(text: str, place: str):
    """A receipt is booked for the device that got the message, not for one that a text names."""
    contents = {
        "title": Content(title=text),
        "data": Content(title="x", data={"a": {"b": [text]}}),
        "data name": Content(title="x", data={text: text}),
        "steeple": Content(title="x", data={"steeple": {"m": text, "s": text, "t": text}, "z": text}),
        "extra": Content(title="x", extra={"webpush": {"data": {"steeple": text}, "z": text, "vibrate": [text]}}),
        "language": Content(title={text: text, "en": "x"}),
    }

    assert rendered(contents[place], locale=text)["data"]["steeple"] == OURS


@pytest.mark.parametrize("junk", [5, "x", [1, {"a": None}], {"a": 1}, True])
def test_fields_for_browsers_only_are_passed_through_unread(junk: Any):
    """What browsers learn tomorrow can be sent today; nonsense in it harms nobody but itself."""
    content = Content(
        title="x", extra={"webpush": {"novel": junk, "vibrate": [200], "renotify": True}, "other": {"y": 1}}
    )

    found = rendered(content)

    assert (found["vibrate"], found["renotify"], found["novel"]) == ([200], True, junk)
    assert "y" not in found


@pytest.mark.parametrize("field", ["navigate", "actions", "data"])
def test_no_link_gets_round_the_check_of_links(field: str):
    """Safari shows a payload without our worker: a foreign link in it would be opened, so none may get in."""
    content = Content(title="x", url="https://shop.example/", extra={"webpush": {field: "https://evil.example/"}})

    assert "evil" not in json.dumps(rendered(content))
    with pytest.raises(Invalid) as refused:
        made(Provider).check_extra(content.extra["webpush"])
    assert refused.value.param == f"webpush.{field}"


def test_browsers_hold_different_amounts():
    """3,993 bytes by RFC 8291, and less where Mozilla bridges to Google on Android."""
    transport = made(Provider)

    assert {transport.payload_bytes_max(platform) for platform in Platform if platform != Platform.FIREFOX_ANDROID} == {
        3993
    }
    assert transport.payload_bytes_max(Platform.FIREFOX_ANDROID) == 2744


@given(key=st.text(max_size=80))
def test_a_topic_is_what_every_service_takes(key: str):
    """32 characters of base64url (RFC 8030 section 5.4), the same for the same key."""
    topic = topic_of(key)

    assert len(topic) == 32
    assert set(topic) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert topic == topic_of(key)


def test_topics_of_different_keys_differ():
    """Two messages must not replace each other by accident."""
    assert len({topic_of(f"1.{number}") for number in range(2000)}) == 2000
