"""What a recall says, and that it takes the place of what it takes back on every channel."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.model.audience import Audience
from gateway.model.delivery import Push
from gateway.model.ids import to_text
from gateway.model.limits import TITLE_CHARS_MAX, TTL_S_DEFAULT
from gateway.model.message import Action, Content, Message
from gateway.policy.recall import WITHDRAWN, recall_of, topic_of
from gateway.policy.wording import NOBODY
from gateway.transports import find, names
from tests.transports.fakes import NOW_S, made

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SHAPES = {
    "plain": Content(title="Wrong"),
    "tag": Content(title="Wrong", tag="sale"),
    "collapse_key": Content(title="Wrong", collapse_key="cart"),
    "both": Content(title="Wrong", tag="sale", collapse_key="cart"),
}
"""Everything by which a message can replace another."""


def message(content: Content, number: int = 2**61) -> Message:
    return Message(
        app_id=4, id=number, content=content, audience=Audience(everybody=True), planned_at=NOW, expires_at=NOW
    )


def recalled(content: Content, replacement: Content | None = None) -> Content:
    return recall_of(message(content), replacement, name="Wick & Wax", page="https://shop.example/")


def test_without_words_of_its_own_it_says_that_something_was_withdrawn():
    """Under the shop's name, silently, in the person's language, and away from the wrong link."""
    said = recalled(Content(title="Wrong", url="https://shop.example/wrong", image="https://shop.example/wrong.png"))
    assert (said.title, said.body, said.silent) == ("Wick & Wax", WITHDRAWN, True)
    assert (said.url, said.image) == ("https://shop.example/", "")
    assert said.recalls is not None
    assert said.recalls.is_neutral


def test_a_replacement_brings_its_own_words_and_nothing_of_the_first_but_its_look():
    """Buttons, pictures and data of what was wrong are gone; icon and badge are the shop's."""
    first = Content(
        title="Wrong", icon="https://shop.example/i.png", badge="https://shop.example/b.png", data={"price": 1},
        actions=(Action(id="buy", title="Buy"),), urgency="high", ttl_s=7 * 86_400,
    )  # fmt: skip
    said = recalled(first, Content(title="Right", url="https://shop.example/right"))
    assert (said.title, said.url, said.silent) == ("Right", "https://shop.example/right", False)
    assert (said.icon, said.badge, said.actions, said.data) == (first.icon, first.badge, (), {})
    assert (said.urgency, said.ttl_s) == ("high", 7 * 86_400)
    assert said.recalls is not None
    assert not said.recalls.is_neutral


@pytest.mark.parametrize("ttl_s", [0, 60])
def test_it_waits_for_whoever_was_offline_meanwhile(ttl_s: int):
    """A message that lived for a minute may be on a screen for days."""
    assert recalled(Content(title="Wrong", ttl_s=ttl_s)).ttl_s == TTL_S_DEFAULT


@pytest.mark.parametrize("shape", SHAPES)
def test_push_services_that_hold_the_first_one_replace_it(shape: str):
    """Also where a recall is recalled."""
    first = message(SHAPES[shape])
    second = message(recalled(SHAPES[shape]), 2**61 + 1)
    third = message(recall_of(second, None, name="x", page=""), 2**61 + 2)
    assert topic_of(first) == topic_of(second) == topic_of(third)
    assert topic_of(first) != topic_of(message(Content(title="Another"), 2**60))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("provider", [name for name in names() if name != "stub"])
def test_what_is_on_a_screen_is_replaced(provider: str, shape: str):
    """What identifies a notification is the same for both, whatever a provider calls it."""
    first = SHAPES[shape]
    before = identity(provider, first, 2**61)
    assert before
    assert identity(provider, recalled(first), 2**61 + 1) == before
    assert identity(provider, Content(title="Another"), 2**60) != before


def identity(provider: str, content: Content, number: int) -> list[Any]:
    """All that a device or its push service replaces notifications by."""
    transport = made(find(provider))
    compiled = transport.compile(content, message_id=number)
    wire = b"\x01" + b"d" * 40
    payload = compiled.render(NOBODY, "R" * 55, 600)
    whole = payload
    if hasattr(compiled.options, "around"):
        push = Push(1, 1, wire, payload, 600, "normal", topic_of(message(content, number)), compiled.options)
        whole = compiled.options.around(push, now_s=NOW_S)
    found = list(_found(json.loads(whole)))
    # Browsers take a message without a tag by its id; Apple's own id is a header, which is the topic.
    return found or [to_text("msg", content.recalls.message_id if content.recalls else number)]


def _found(value: Any) -> Any:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in {"tag", "apns-collapse-id"}:
                yield inner
            else:
                yield from _found(inner)


def test_an_app_takes_back_what_it_was_left_to_show():
    """A silent message is data for the app on Android, and so is its recall; any other is replaced by the system."""
    for silent, shown in ((True, []), (False, [to_text("msg", 2**61)])):
        assert _tags(recalled(Content(title="Wrong", silent=silent))) == shown


def _tags(content: Content) -> list[Any]:
    compiled = made(find("fcm")).compile(content, message_id=7)
    wire = b"\x01" + b"d" * 40
    push = Push(1, 1, wire, compiled.render(NOBODY, "R" * 55, 600), 600, "normal", None, compiled.options)
    sections = json.loads(compiled.options.around(push, now_s=NOW_S))["message"]
    assert json.loads(sections["data"]["steeple"])["r"] == to_text("msg", 2**61)
    return [sections["android"]["notification"]["tag"]] if "notification" in sections["android"] else []


def test_every_language_says_it_and_briefly():
    """It is short enough for the smallest screen."""
    assert all(0 < len(text) <= 50 <= TITLE_CHARS_MAX for text in WITHDRAWN.values())
    assert len(set(WITHDRAWN.values())) == len(WITHDRAWN)
