"""What may surprise whoever sends a message, told before anybody reads it."""

from typing import Any

import pytest

from gateway.model.message import Action, Content
from gateway.model.subscriber import Platform
from gateway.policy.lint import lint, lint_said
from gateway.policy.platforms import LOOKS
from gateway.policy.scope import Values
from gateway.policy.wording import Wording

_BUTTONS = tuple(Action(id=str(n), title=str(n)) for n in range(3))


def _found(content: Content, *platforms: Platform, **wording: Any) -> set[tuple[str, str, str]]:
    return {(one.platform, one.field, one.code) for one in lint(content, Wording(**wording), platforms)}


@pytest.mark.parametrize(
    ("platform", "dropped"),
    [
        (Platform.CHROME_DESKTOP, {"actions", "sound"}),
        (Platform.FIREFOX_DESKTOP, {"image", "badge", "badge_count", "sound"}),
        (Platform.SAFARI_MAC, {"image", "badge", "icon", "actions", "require_interaction", "sound"}),
        (Platform.SAFARI_IOS, {"image", "badge", "icon", "actions", "require_interaction", "sound"}),
        (Platform.IOS_APP, {"icon", "badge", "require_interaction", "image", "actions"}),
        (Platform.ANDROID_APP, {"icon", "badge", "require_interaction", "actions"}),
    ],
)
def test_each_platform_tells_what_it_does_not_show(platform: Platform, dropped: set[str]):
    """As MDN's compatibility data and the systems' own documents say."""
    content = Content(
        title="x", url="https://shop.example/", icon="https://a/", image="https://a/", badge="https://a/",
        actions=_BUTTONS, require_interaction=True, badge_count=1, sound="bell.caf",
    )  # fmt: skip
    assert {field for _, field, code in _found(content, platform) if code == "dropped"} == dropped


def test_a_plain_short_message_surprises_nobody():
    """Nothing is told where there is nothing to tell."""
    assert _found(Content(title="Hi", body="There", url="https://shop.example/"), *LOOKS) == set()


def test_long_texts_are_cut_where_they_are_read():
    """By their longest language, with fields as somebody unknown reads them."""
    content = Content(
        title={"en": "x", "de": "x" * 36}, body="{{ user.a | default: 'yyyyyyyyyy' }}" * 7, url="https://a/"
    )
    cut = {(name, field) for name, field, code in _found(content, *LOOKS) if code == "cut"}
    assert ("chrome_android", "title") in cut
    assert ("chrome_android", "body") in cut
    assert ("safari_mac", "title") not in cut
    assert ("safari_ios", "body") not in cut


def test_what_is_missing_or_unknown_is_named():
    """A language, a default, a value, a link for Safari, fields where none are filled in."""
    content = Content(
        title={"en": "{{ user.first_name }}", "nl": "{{ oder.number }}"},
        body={"en": "{{ device.colour | upcase }}"},
        tag="{{ user.id }}",
        data={"a": "{{ user.id }}"},
        extra={"stub": {"deep": ["{% if x %}"]}},
    )
    assert _found(content, Platform.SAFARI_MAC, values=Values(variables={"order": {}})) == {
        ("", "title.en", "default_missing"),
        ("", "title.nl", "field_unknown"),
        ("", "body.en", "field_unknown"),
        ("", "body.nl", "language_missing"),
        ("", "tag", "not_filled_in"),
        ("", "stub", "not_filled_in"),
        ("", "title.nl", "unmade"),
        ("", "title.en", "unmade"),
        ("safari_mac", "url", "url_missing"),
    }


def test_a_default_that_says_nothing_was_meant():
    """Who writes an empty default has thought of it."""
    assert _found(Content(title="Hi {{ user.first_name | default: '' }}")) == set()


def test_what_somebody_reads_is_not_searched_for_fields():
    """A name with braces in it is a name: the preview tells what is cut, and refuses nothing."""
    said = Content(title={"nl": "Dag {{ Ada " + "x" * 60}, body="{% if %}", tag="{{ user.id }}", url="https://a/")
    found = {(one.platform, one.field, one.code) for one in lint_said(said, Platform.SAFARI_MAC)}
    assert found == {("", "tag", "not_filled_in"), ("safari_mac", "title", "cut")}
