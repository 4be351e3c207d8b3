"""What a device of Apple's gets to read: every key that Apple documents, in the person's language, with our ids."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.message import Action, Content
from gateway.transports.apns import Provider
from gateway.transports.apns.fields import fields_of
from tests.transports.fakes import NOW_S, made

MESSAGE, SUBSCRIPTION = 2**61 + 5, 2**60 + 9
RECEIPT = "T0k-_" * 11
OURS = {"m": to_text("msg", MESSAGE), "s": to_text("sub", SUBSCRIPTION), "t": RECEIPT}
HOSTILE = [
    '"',
    "\\",
    '"}}',
    '","t":"x"}}',
    "\u2028",
    "🛍️👩‍👩‍👧‍👦",
    "مرحبا",
    "\x00\x01\x1f\x7f",
    '","s":"',
    "%s {0} {{x}}",
]
TEXTS = st.text(max_size=40) | st.sampled_from(HOSTILE)


def bytes_of(content: Content, *, locale: str | None = None) -> bytes:
    """What goes to a device of this language."""
    render = made(Provider).compile(content, message_id=MESSAGE).render
    return render(Device(SUBSCRIPTION, "apns", 1, b"", 20, locale, None), RECEIPT, 60)


def rendered(content: Content, *, locale: str | None = None) -> dict[str, Any]:
    """What it reads."""
    return json.loads(bytes_of(content, locale=locale))


def aps(extra: dict[str, Any], **content: Any) -> dict[str, Any]:
    """Apple's part of a message with these fields for Apple's devices."""
    made(Provider).check_extra(extra)
    return rendered(Content(title="Sale", body="50 %", **content, extra={"apns": extra}))["aps"]


def test_a_plain_message():
    """Title, text and a sound, as other apps' notifications have them; nothing that was not said."""
    assert rendered(Content(title="Sale", body="50 %")) == {
        "aps": {"alert": {"title": "Sale", "body": "50 %"}, "sound": "default"},
        "steeple": OURS,
    }


def test_a_whole_message():
    """What the message says for all channels, under the names that apps and their service extensions read."""
    content = Content(
        title="Sale",
        body="50 %",
        url="https://shop.example/sale",
        icon="https://shop.example/i.png",
        image="https://shop.example/p.png",
        actions=(Action(id="buy", title="Buy", url="https://shop.example/buy"), Action(id="no", title="No")),
        data={"order": 7},
        tag="sale",
        badge_count=0,
        require_interaction=True,
    )

    assert rendered(content) == {
        "order": 7,
        "aps": {
            "alert": {"title": "Sale", "body": "50 %"},
            "badge": 0,
            "sound": "default",
            "thread-id": "sale",
            "mutable-content": 1,
        },
        "steeple": {
            "url": "https://shop.example/sale",
            "image": "https://shop.example/p.png",
            "actions": [
                {"id": "buy", "title": "Buy", "url": "https://shop.example/buy"},
                {"id": "no", "title": "No"},
            ],
            **OURS,
        },
    }


def test_a_silent_message_is_shown_without_a_sound():
    """As on every other channel."""
    for sound in ("", "bell.caf"):
        assert rendered(Content(title="x", silent=True, sound=sound))["aps"] == {"alert": {"title": "x"}}


def test_a_message_has_a_sound_of_its_own():
    """For all apps at once, or for Apple's devices another one."""
    assert rendered(Content(title="x", sound="bell.caf"))["aps"]["sound"] == "bell.caf"
    apart = Content(title="x", sound="bell.caf", extra={"apns": {"sound": "gong.caf"}})
    assert rendered(apart)["aps"]["sound"] == "gong.caf"


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ({"subtitle": "Today"}, {"alert": {"title": "Sale", "subtitle": "Today", "body": "50 %"}}),
        ({"sound": "bell.caf"}, {"sound": "bell.caf"}),
        ({"sound": ""}, {"sound": None}),
        (
            {"sound": {"name": "alarm.caf", "critical": 1, "volume": 0.5}},
            {"sound": {"name": "alarm.caf", "critical": 1, "volume": 0.5}},
        ),
        ({"sound": {"volume": 0}}, {"sound": {"name": "default", "volume": 0}}),
        ({"category": "ORDER"}, {"category": "ORDER"}),
        ({"thread-id": "orders"}, {"thread-id": "orders"}),
        ({"interruption_level": "time-sensitive"}, {"interruption-level": "time-sensitive"}),
        ({"relevance-score": 0.75}, {"relevance-score": 0.75}),
        ({"relevance_score": 0}, {"relevance-score": 0}),
        ({"mutable-content": 1}, {"mutable-content": 1}),
        ({"mutable_content": False}, {"mutable-content": None}),
        ({"content_available": True}, {"content-available": 1}),
        ({"target-content-id": "window-2"}, {"target-content-id": "window-2"}),
        ({"filter-criteria": "work"}, {"filter-criteria": "work"}),
        ({"aps": {"novel-key": [1], "badge": 9}}, {"novel-key": [1], "badge": 9}),
    ],
)
def test_what_a_message_may_say_to_apples_devices_alone(extra: dict[str, Any], wanted: dict[str, Any]):
    """Each of Apple's keys, with `-` or `_`; what Apple learns tomorrow goes into `aps` today."""
    found = aps(extra)

    assert {name: found.get(name) for name in wanted} == wanted


def test_a_thread_of_apples_own_goes_before_the_tag():
    """The tag is for all channels, the thread for this one."""
    assert aps({"thread-id": "mine"}, tag="all")["thread-id"] == "mine"


def test_texts_that_the_app_looks_up():
    """They take the place of ours: a device would show either."""
    extra = {
        "title-loc-key": "SALE",
        "title-loc-args": ["50"],
        "subtitle-loc-key": "SUB",
        "subtitle-loc-args": ["a", "b"],
        "loc-key": "BODY",
        "loc-args": [],
        "launch-image": "sale.png",
    }

    assert aps(extra)["alert"] == {
        "title-loc-key": "SALE",
        "title-loc-args": ["50"],
        "subtitle-loc-key": "SUB",
        "subtitle-loc-args": ["a", "b"],
        "loc-key": "BODY",
        "launch-image": "sale.png",
    }


def test_a_background_push_shows_nothing():
    """Apple refuses or delays one that has more than content-available; the data goes along."""
    content = Content(title="x", badge_count=3, data={"sync": 1}, extra={"apns": {"push_type": "background"}})

    assert rendered(content) == {"sync": 1, "aps": {"content-available": 1}, "steeple": OURS}


@pytest.mark.parametrize(
    ("push_type", "wanted"),
    [
        ("voip", {"alert": {"title": "Sale", "body": "50 %"}}),
        ("widgets", {"content-changed": True}),
        ("controls", {"content-changed": True}),
        ("location", {}),
        ("complication", {}),
        ("fileprovider", {}),
        ("pushtotalk", {}),
    ],
)
def test_other_kinds_of_push(push_type: str, wanted: dict[str, Any]):
    """What their frameworks read; the app's own data stands beside it."""
    assert aps({"push_type": push_type}) == wanted


def test_a_live_activity_starts():
    """With everything that the device needs to make it, and with the alert that Apple asks for."""
    extra = {
        "event": "start",
        "attributes-type": "Delivery",
        "attributes": {"order": 7},
        "content-state": {"left": 3},
        "stale-date": 1_800_003_600,
        "relevance-score": 75,
        "input-push-token": 1,
    }

    assert aps(extra, silent=True) == {
        "timestamp": int(NOW_S),
        "event": "start",
        "content-state": {"left": 3},
        "stale-date": 1_800_003_600,
        "attributes-type": "Delivery",
        "attributes": {"order": 7},
        "relevance-score": 75,
        "input-push-token": 1,
        "alert": {"title": "Sale", "body": "50 %"},
    }


def test_a_live_activity_goes_on_and_ends():
    """Loudly, or silently; and stays as long as it is told."""
    assert aps({"event": "update", "content-state": {}, "timestamp": 5}) == {
        "timestamp": 5,
        "event": "update",
        "content-state": {},
        "alert": {"title": "Sale", "body": "50 %", "sound": "default"},
    }
    assert aps({"event": "end", "dismissal-date": 9, "timestamp": 6}, silent=True) == {
        "timestamp": 6,
        "event": "end",
        "dismissal-date": 9,
    }


@pytest.mark.parametrize(
    ("extra", "code", "param"),
    [
        ({"sonud": "x"}, "field_unknown", "apns.sonud"),
        ({"sound": {"name": "x", "loud": 1}}, "field_unknown", "apns.sound.loud"),
        ({"sound": 5}, "field_invalid", "apns.sound"),
        ({"sound": {"volume": 1.5}}, "field_invalid", "apns.sound.volume"),
        ({"push_type": "mdm"}, "field_invalid", "apns.push_type"),
        ({"push_type": "liveactivity"}, "field_missing", "apns.event"),
        ({"event": "pause"}, "field_invalid", "apns.event"),
        ({"event": "update"}, "field_missing", "apns.content_state"),
        ({"event": "start", "content-state": {}}, "field_missing", "apns.attributes_type"),
        ({"event": "end", "push_type": "alert"}, "field_invalid", "apns.event"),
        ({"content-state": {"a": 1}}, "field_invalid", "apns.content_state"),
        ({"priority": 7}, "field_invalid", "apns.priority"),
        ({"push_type": "background", "priority": 10}, "field_invalid", "apns.priority"),
        ({"collapse_id": "x" * 65}, "field_invalid", "apns.collapse_id"),
        ({"collapse_id": "a b"}, "field_invalid", "apns.collapse_id"),
        ({"collapse_id": "é"}, "field_invalid", "apns.collapse_id"),
        ({"relevance_score": 1.5}, "field_invalid", "apns.relevance_score"),
        ({"relevance_score": -1}, "field_invalid", "apns.relevance_score"),
        ({"interruption_level": "loud"}, "field_invalid", "apns.interruption_level"),
        ({"mutable_content": 2}, "field_invalid", "apns.mutable_content"),
        ({"stale_date": 1_800_000_000_000, "event": "end"}, "field_invalid", "apns.stale_date"),
        ({"loc_args": ["a", 5]}, "field_invalid", "apns.loc_args[1]"),
        ({"loc_args": ["x"] * 33}, "field_invalid", "apns.loc_args"),
        ({"aps": [1]}, "field_invalid", "apns.aps"),
        ({"thread-id": "a", "thread_id": "b"}, "field_invalid", "apns"),
    ],
)
def test_a_wrong_field_is_named(extra: dict[str, Any], code: str, param: str):
    """When the message is ordered, with a sentence, and by its path."""
    with pytest.raises(Invalid) as refused:
        fields_of(extra, name="apns")

    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.message.endswith(".")
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("locale", "title", "subtitle"),
    [("nl-BE", "Hallo", "Nu"), ("de", "Hello", "Now"), (None, "Hello", "Now"), ("fr", "Hello", "Maintenant")],
)
def test_everybody_reads_their_language(locale: str | None, title: str, subtitle: str):
    """The subtitle has languages as title and text have; what lacks one is read in English."""
    content = Content(
        title={"en": "Hello", "nl": "Hallo"},
        extra={"apns": {"subtitle": {"en": "Now", "nl": "Nu", "fr": "Maintenant"}}},
    )
    alert = rendered(content, locale=locale)["aps"]["alert"]

    assert (alert["title"], alert["subtitle"]) == (title, subtitle)


@given(title=TEXTS, body=TEXTS, tag=TEXTS, key=TEXTS, value=TEXTS, label=TEXTS)
def test_no_text_breaks_the_payload(*, title: str, body: str, tag: str, key: str, value: str, label: str):
    """Quotes, control characters, emoji, pieces of our own JSON: all of it is text and stays text."""
    found = rendered(
        Content(title=title, body=body, tag=tag, data={key: value}, actions=(Action(id="a", title=label),))
    )

    assert found["aps"]["alert"].get("title", "") == title
    assert found["aps"]["alert"].get("body", "") == body
    assert found["aps"].get("thread-id", "") == tag
    assert {name: found["steeple"][name] for name in OURS} == OURS
    assert found["steeple"]["actions"][0].get("title", "") == label
    if key not in {"aps", "steeple"}:
        assert found[key] == value


@pytest.mark.parametrize("name", ["aps", "steeple"])
@pytest.mark.parametrize("junk", ["x", {"alert": "evil", "url": "https://evil.example", "m": "x", "t": "x"}])
def test_ours_and_apples_names_are_not_for_data(name: str, junk: Any):
    """A receipt is booked for the device that got the message, and a link is one that was checked."""
    content = Content(title="x", data={name: junk})
    found = rendered(content)

    assert bytes_of(content).count(f'"{name}"'.encode()) == 1
    assert found == {"aps": {"alert": {"title": "x"}, "sound": "default"}, "steeple": OURS}


def test_a_stored_message_whose_fields_are_not_taken_any_more_still_goes_out():
    """A gateway that learnt to refuse a field must not stop over a message that an older one took."""
    assert rendered(Content(title="x", extra={"apns": {"gone": 1}}))["aps"]["alert"] == {"title": "x"}


def test_a_call_may_be_larger_than_an_alert():
    """Apple takes 5,120 bytes of a VoIP push and 4,096 of all others."""
    provider = made(Provider)
    call = Content(title="Ring", extra={"apns": {"push_type": "voip"}})
    assert provider.compile(call, message_id=1).payload_bytes_max == 5_120
    assert provider.compile(Content(title="Ring"), message_id=1).payload_bytes_max is None
