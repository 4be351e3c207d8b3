"""A message for one person: put together by every provider there is, and never more or less than JSON."""

import contextlib
import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import transports
from gateway.model.delivery import Device
from gateway.model.message import Action, Content
from gateway.policy.click_links import CLICK_MARK
from gateway.policy.liquid import TextUnmade
from gateway.policy.personalise import made, reads_person, said_to
from gateway.policy.scope import Values
from gateway.policy.wording import Wording
from gateway.transports.base import Compiled
from tests.policy.people import somebody
from tests.transports.test_conformance import made as provider

_HOSTS = frozenset({"shop.example"})
_TOKEN = "T" * 55


def _compiled(name: str, content: Content, **wording: Any) -> Compiled:
    transport = provider(transports.find(name))
    return made(content, Wording(hosts=_HOSTS, **wording), partial(transport.compile, message_id=5))


def _payload(name: str, content: Content, device: Device, **wording: Any) -> Any:
    return json.loads(_compiled(name, content, **wording).render(device, _TOKEN, 60))


def _texts(value: Any) -> list[str]:
    """Every text of a payload, those inside JSON texts too."""
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in (*_texts(one), str(key))]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    if isinstance(value, str) and value[:1] in ("{", "["):
        with contextlib.suppress(ValueError):  # somebody's own brace
            return [value, *_texts(json.loads(value))]
    return [str(value)]


@pytest.mark.parametrize("name", transports.names())
@given(value=st.text(max_size=60), other=st.text(max_size=20))
def test_a_value_is_text_wherever_it_stands(name: str, value: str, other: str):
    """Quotation marks, backslashes, line breaks, marks of ours: each payload holds the value itself, and stays JSON."""
    content = Content(
        title="<{{ user.a }}>",
        body="{{ user.b }}{{ user.a }}",
        actions=(Action(id="x", title="Say {{ user.a }}"),),
        data={"deep": [{"a": "({{ user.a }})"}]},
    )
    payload = _payload(name, content, somebody({"a": value, "b": other}))
    texts = _texts(payload)
    assert f"<{value}>" in texts
    assert f"({value})" in texts or name == "stub"  # which has no data
    assert other + value in texts or not other + value
    assert not [text for text in texts if "\ue000" in text and "\ue000" not in value + other]


@pytest.mark.parametrize("name", transports.names())
def test_a_plain_message_is_not_touched(name: str):
    """What everybody reads alike is put together as ever: the bytes are the same."""
    content = Content(title={"en": "a", "nl": "b"}, body="c", url="https://shop.example/")
    transport = provider(transports.find(name))
    plain = transport.compile(content, message_id=5)
    for locale in ("nl", "en", None):
        device = somebody(locale=locale)
        assert _compiled(name, content).render(device, _TOKEN, 60) == plain.render(device, _TOKEN, 60)


def test_somebody_whose_device_says_no_language_is_spoken_to_in_their_own():
    """Also where no text has a field: who is read for it, and what is put together."""
    content = Content(title={"en": "Hello", "nl": "Hallo"})
    assert reads_person(content, Wording())
    assert not reads_person(Content(title="Hello"), Wording())
    for device, read in ((somebody(locale=None, language="nl"), b'"Hallo"'), (somebody(locale=None), b'"Hello"')):
        assert read in _compiled("webpush", content).render(device, _TOKEN, 60)


def test_variables_alone_make_one_text_for_all():
    """Nothing is done for each person where nothing depends on the person, and nobody is read for it."""
    content = Content(title="Order {{ number }}", variables={"number": 7})
    wording = Wording(values=Values(variables=content.variables))
    assert not reads_person(content, wording)
    assert _compiled("stub", content, values=wording.values).render is not None
    assert _payload("stub", content, somebody(), values=wording.values)["title"] == "Order 7"


@pytest.mark.parametrize("value", ["Half {{ off", "{{ user.secret }}", "{% if %}"])
def test_what_a_value_holds_is_never_read_as_a_field(value: str):
    """Braces in a product's name are its name, for everybody, beside a field as well as without one."""
    person = somebody({"secret": "s3cret"})
    for body in ("Hi", "Hi {{ user.nobody }}"):
        content = Content(title="{{ product }}", body=body, variables={"product": value})
        values = Values(variables=content.variables)
        assert said_to(content, Wording(values=values), person).title == value
        assert _payload("stub", content, person, values=values)["title"] == value


def test_what_is_empty_is_left_out():
    """A picture that nobody has, a button without a word, a link that leads nowhere."""
    content = Content(
        title="Hi",
        body="{{ user.nothing }}",
        url="{{ user.nothing }}",
        image="{{ user.picture }}",
        actions=(Action(id="a", title="{{ user.nothing }}"), Action(id="b", title="B", url="{{ user.nothing }}")),
    )
    shown = _payload("webpush", content, somebody({"picture": "http://not.secure/"}))["notification"]
    assert shown.keys() == {"title", "tag", "actions", "data"}
    assert shown["actions"] == [{"action": "b", "title": "B"}]


def test_a_message_with_nothing_left_to_say_is_not_made():
    """An empty notification would tell nobody anything."""
    with pytest.raises(TextUnmade):
        _compiled("stub", Content(title="{{ user.nothing }}")).render(somebody(), _TOKEN, 60)


def test_a_host_that_was_taken_off_the_list_stops_the_link_and_nothing_else():
    """The message was checked when it was ordered; what changed since concerns its people, not the worker."""
    content = Content(title="Hi", url="https://old.example/{{ user.id }}")
    with pytest.raises(TextUnmade):
        _compiled("stub", content).render(somebody(), _TOKEN, 60)


@pytest.mark.parametrize(
    ("locale", "facts", "app", "said"),
    [
        ("nl-BE", {}, None, "nl"),
        (None, {"language": "nl"}, None, "nl"),
        ("fr", {}, None, "en"),
        ("fr", {}, "nl", "nl"),
        ("fr", {}, "nl-NL", "nl"),
        ("fr", {}, "es", "en"),
    ],
)
def test_the_language_falls_back_step_by_step(locale: str | None, facts: dict[str, Any], app: str | None, said: str):
    """Device, device without region, person where the device says nothing, the app's, English, the first."""
    content = Content(title={"de": "de", "en": "en", "nl": "nl"}, body="{{ user.x }}")
    device = somebody(locale=locale, **facts)
    assert said_to(content, Wording(language=app), device).title == {said: said}
    plain = Content(title={"de": "de", "en": "en", "nl": "nl"})
    if locale is not None:
        assert _payload("webpush", plain, device, language=app)["notification"]["title"] == said


def test_the_service_gets_what_it_counts():
    """Fields in links and buttons are in what is sent; the size is judged for each person, as the service counts."""
    content = Content(
        title="{{ user.a }}", url="https://shop.example/{{ user.a }}", actions=(Action(id="x", title="{{ user.a }}"),)
    )
    compiled = _compiled("fcm", content)
    fits = compiled.render(somebody({"a": "x" * 700}), _TOKEN, 60)
    assert compiled.payload_bytes_max is not None
    assert len(fits) <= compiled.payload_bytes_max
    assert len(compiled.render(somebody({"a": "x" * 1_400}), _TOKEN, 60)) > compiled.payload_bytes_max
    assert json.loads(fits)["webpush"]["fcm_options"]["link"] == "https://shop.example/" + "x" * 700
    assert b"\xee\x80\x80" not in compiled.options.template


def test_links_by_way_of_the_gateway_hold_a_mark_for_the_devices_token():
    """The message's own and each button's, also one with fields; deep links open the app as they are."""
    content = Content(
        title="Hi {{ user.a }}",
        url="https://shop.example/{{ user.a }}",
        deep_link="shopapp://cart",
        actions=(Action(id="x", title="Buy", url="https://shop.example/buy"), Action(id="y", title="Later")),
    )
    wording = {"clicks": "https://push.shop.example", "utm": {"utm_source": "push"}, "schemes": frozenset({"shopapp"})}
    routed = f"https://push.shop.example/c/{CLICK_MARK}"
    seen: list[set[str]] = []
    for name in transports.names():
        texts = _texts(_payload(name, content, somebody({"a": "Ann"}), **wording))
        assert any("Hi Ann" in text for text in texts)
        seen.append({text for text in texts if text.startswith(("https://", "shopapp:"))})
    assert set().union(*seen) == {routed, f"{routed}/1", "shopapp://cart"}
    assert sum(routed in links for links in seen) > 1
    assert len(CLICK_MARK) == len(_TOKEN)
