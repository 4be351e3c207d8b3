"""What Firebase gets: the texts of a message, what each platform needs besides, and what only Firebase understands."""

import json
from typing import Any

import msgspec
import pytest

from gateway.model.delivery import Device, Push
from gateway.model.errors import Invalid
from gateway.model.message import Action, Content
from gateway.sandbox.fcm_message import FcmMessage, read_message
from gateway.transports.fcm import Provider
from gateway.transports.fcm.payload import PAYLOAD_BYTES_MAX
from tests.transports.fakes import NOW_S, made
from tests.transports.google_material import DEVICE_TOKEN

RECEIPT = "R" * 55
MESSAGE = 2**61
MESSAGE_TEXT = "msg_2000000000000"


def payload(content: Content, *, locale: str | None = None) -> bytes:
    device = Device(5, "fcm", 1, b"\x01" + DEVICE_TOKEN.encode(), 0, locale, None)
    return made(Provider).compile(content, message_id=MESSAGE).render(device, RECEIPT, content.ttl_s)


def body(content: Content, *, ttl_s: int = 600, locale: str | None = None) -> bytes:
    compiled = made(Provider).compile(content, message_id=MESSAGE)
    wire = b"\x01" + DEVICE_TOKEN.encode()
    shown = compiled.render(Device(5, "fcm", 1, wire, 0, locale, None), RECEIPT, ttl_s)
    push = Push(1, 1, wire, shown, ttl_s, content.urgency, None, compiled.options)
    return compiled.options.around(push, now_s=NOW_S)


def message(content: Content, *, ttl_s: int = 600, locale: str | None = None) -> dict[str, Any]:
    """The message as Firebase reads it; the sandbox agrees that it could be sent."""
    text = body(content, ttl_s=ttl_s, locale=locale)
    assert isinstance(read_message(text), FcmMessage), read_message(text)
    return json.loads(text)["message"]


def extra(**fields: Any) -> dict[str, dict[str, Any]]:
    made(Provider).check_extra(fields)
    return {"fcm": fields}


def test_a_message_has_a_sound_of_its_own():
    """Android looks for a resource, which has no ending; Apple for a file. Firebase's own fields go before."""
    plain = message(Content(title="x", sound="bell.caf"))
    apart = message(Content(title="x", sound="bell", extra={"fcm": {"android": {"notification": {"sound": "gong"}}}}))

    assert plain["android"]["notification"]["sound"] == "bell"
    assert plain["apns"]["payload"]["aps"]["sound"] == "bell.caf"
    assert apart["android"]["notification"]["sound"] == "gong"
    assert "sound" not in message(Content(title="x"))["android"]["notification"]


# --- what everybody gets ----------------------------------------------------------------------------------------------


def test_a_message_is_a_notification_with_our_ids_beside_it():
    """An app needs no code to show it, and finds what it needs to report back."""
    said = message(
        Content(title="Shipped", body="On its way", url="https://shop.example/1", image="https://shop.example/a.png")
    )

    assert said["token"] == DEVICE_TOKEN
    assert said["notification"] == {"title": "Shipped", "body": "On its way", "image": "https://shop.example/a.png"}
    assert said["data"].keys() == {"steeple", "url"}
    assert said["data"]["url"] == "https://shop.example/1"
    assert json.loads(said["data"]["steeple"]) == {"m": MESSAGE_TEXT, "s": "sub_0000000000005", "t": RECEIPT}


def test_a_device_gets_its_language():
    """By its locale, else English."""
    content = Content(title={"en": "Shipped", "nl": "Verzonden"}, body={"en": "On its way", "nl": "Onderweg"})

    assert message(content, locale="nl-BE")["notification"] == {"title": "Verzonden", "body": "Onderweg"}
    assert message(content, locale="fr")["notification"] == {"title": "Shipped", "body": "On its way"}


def test_data_is_texts():
    """Firebase takes texts only: what is none arrives as JSON."""
    data = {"order": "17", "count": 3, "is_paid": True, "lines": [{"sku": "a"}], "nothing": None}

    said = message(Content(title="x", data=data))["data"]

    assert said.pop("steeple")
    assert said == {"order": "17", "count": "3", "is_paid": "true", "lines": '[{"sku":"a"}]', "nothing": "null"}


def test_what_firebase_reserves_does_not_spoil_a_message():
    """A message that browsers get as well may hold such keys: here they are left out."""
    data = {"from": "a", "message_type": "b", "google.x": "c", "gcm_y": "d", "steeple": "forged", "": "e", "ok": "f"}

    said = message(Content(title="x", data=data))["data"]

    assert said.keys() == {"ok", "steeple"}
    assert json.loads(said["steeple"])["m"] == MESSAGE_TEXT


def test_the_shops_own_data_comes_before_ours():
    """Who names an entry `url` means it."""
    assert (
        message(Content(title="x", url="https://shop.example/1", data={"url": "app://cart"}))["data"]["url"]
        == "app://cart"
    )


@pytest.mark.parametrize("text", ['"', "\\", "%", "%d %(ttl)d %%", "\u2028", "é", "🎁", "\n", "{}", '","t":"x', "\x00"])
def test_no_text_breaks_out(text: str):
    """Whatever a shop writes arrives as it is."""
    content = Content(
        title=text, body=text, tag=text, data={"a": text, text or "b": "c"}, actions=(Action(id="a", title=text),)
    )

    said = message(content)

    assert (said["notification"]["title"], said["data"]["a"]) == (text, text)
    assert said["android"]["notification"]["tag"] == text
    assert said["webpush"]["notification"]["actions"][0]["title"] == text
    assert json.loads(said["data"]["steeple"])["t"] == RECEIPT


# --- how long, how urgent, in whose place -----------------------------------------------------------------------------


def test_no_platform_keeps_it_beyond_its_life():
    """What is left of the message's life counts, on each platform in its own form."""
    said = message(Content(title="x"), ttl_s=321)

    assert said["android"]["ttl"] == "321s"
    assert said["apns"]["headers"]["apns-expiration"] == str(int(NOW_S) + 321)
    assert said["webpush"]["headers"]["TTL"] == "321"


def test_now_or_never():
    """A life of 0: whoever is offline does not get it."""
    said = message(Content(title="x", ttl_s=0), ttl_s=0)

    assert said["android"]["ttl"] == "0s"
    assert said["apns"]["headers"]["apns-expiration"] == "0"


def test_a_shorter_life_for_android_holds():
    """The shorter of the two counts."""
    content = Content(title="x", extra=extra(android={"ttl": "100.5s"}))

    assert message(content, ttl_s=600)["android"]["ttl"] == "100s"
    assert message(content, ttl_s=60)["android"]["ttl"] == "60s"


@pytest.mark.parametrize(
    ("urgency", "android", "apple"),
    [("very-low", "NORMAL", "1"), ("low", "NORMAL", "5"), ("normal", "NORMAL", None), ("high", "HIGH", None)],
)
def test_urgency_in_each_platforms_words(urgency: Any, android: str, apple: str | None):
    """What wakes a sleeping phone is asked for only when the shop says so."""
    said = message(Content(title="x", urgency=urgency))

    assert said["android"]["priority"] == android
    assert said["apns"]["headers"].get("apns-priority") == apple
    assert said["webpush"]["headers"]["Urgency"] == urgency
    forced = message(Content(title="x", urgency=urgency, extra=extra(android={"priority": "high"})))
    assert forced["android"]["priority"] == "HIGH"


def test_a_copy_replaces_the_first_one():
    """After a crash a push may go out twice: the phone shows it once, since both have the message's own tag."""
    said = message(Content(title="x"))

    assert said["android"]["notification"]["tag"] == MESSAGE_TEXT
    assert said["apns"]["headers"]["apns-collapse-id"] == MESSAGE_TEXT
    assert said["webpush"]["notification"]["tag"] == MESSAGE_TEXT
    assert "collapse_key" not in said["android"]


def test_a_message_takes_anothers_place_where_the_shop_says_so():
    """`tag` on the screen, `collapse_key` on the way; Android keeps four keys at a time, so none is made up."""
    said = message(Content(title="x", tag="cart", collapse_key="news"))

    assert said["android"]["collapse_key"] == "news"
    assert said["android"]["notification"]["tag"] == "cart"
    assert said["apns"]["headers"]["apns-collapse-id"] == "news"
    long = message(Content(title="x", tag="t" * 65))
    assert long["apns"]["headers"]["apns-collapse-id"] == MESSAGE_TEXT


def test_a_silent_message_is_data():
    """Android has no notification without the channel's sound: the app gets the texts and shows them as it likes."""
    content = Content(
        title="x", body="y", silent=True, url="https://shop.example/", actions=(Action(id="a", title="b"),)
    )
    said = message(content)

    assert "notification" not in said
    assert "notification" not in said["android"]
    assert "notification" not in said["webpush"]
    assert said["data"].items() >= {"title": "x", "body": "y", "url": "https://shop.example/"}.items()
    assert json.loads(said["data"]["actions"]) == [{"id": "a", "title": "b"}]
    assert said["apns"]["payload"] == {"aps": {"content-available": 1}}
    assert said["apns"]["headers"]["apns-push-type"] == "background"
    assert said["apns"]["headers"]["apns-priority"] == "5"
    assert message(Content(title="x", extra=extra(data_only=True))).keys() == {
        "android",
        "apns",
        "data",
        "token",
        "webpush",
    }


def test_a_count_on_the_apps_icon():
    """Where each platform wants it."""
    said = message(Content(title="x", badge_count=3))

    assert said["android"]["notification"]["notification_count"] == 3
    assert said["apns"]["payload"] == {"aps": {"badge": 3}}


def test_browsers_behind_firebase_get_pictures_buttons_and_the_link():
    """What only they show."""
    said = message(
        Content(
            title="x", url="https://shop.example/1", icon="https://shop.example/i.png", badge="https://shop.example/b.png",
            require_interaction=True, actions=(Action(id="buy", title="Buy"),),
        )
    )["webpush"]  # fmt: skip

    assert said["fcm_options"] == {"link": "https://shop.example/1"}
    assert said["notification"] == {
        "icon": "https://shop.example/i.png",
        "badge": "https://shop.example/b.png",
        "tag": MESSAGE_TEXT,
        "requireInteraction": True,
        "actions": [{"action": "buy", "title": "Buy"}],
    }
    assert "fcm_options" not in message(Content(title="x", url="http://localhost:5000/1"))["webpush"]


# --- what only Firebase understands -----------------------------------------------------------------------------------


def test_firebases_own_fields_are_laid_over_ours():
    """Whoever knows Firebase finds its reference's names."""
    said = message(
        Content(
            title="x",
            tag="ours",
            badge_count=3,
            extra=extra(
                data={"further": "entry"},
                android={
                    "restricted_package_name": "com.shop.app",
                    "direct_boot_ok": True,
                    "collapse_key": "k",
                    "fcm_options": {"analytics_label": "android"},
                    "notification": {
                        "icon": "ic_bell", "color": "#aabbcc", "sound": "bell", "channel_id": "orders", "tag": "theirs",
                        "click_action": "OPEN", "notification_priority": "PRIORITY_HIGH", "visibility": "PRIVATE",
                        "title_loc_key": "k", "title_loc_args": ["a"], "vibrate_timings": ["0.5s", "1s"],
                        "light_settings": {"color": {"red": 1}, "light_on_duration": "1s", "light_off_duration": "1s"},
                    },
                },
                apns={
                    "headers": {"apns-priority": "10", "apns-expiration": "0"},
                    "payload": {"aps": {"sound": "default"}, "custom": {"a": 1}},
                    "fcm_options": {"image": "https://shop.example/a.png"},
                },
                webpush={"headers": {"Topic": "x"}, "notification": {"vibrate": [1, 2]}},
                fcm_options={"analytics_label": "sale-2026"},
            ),
        )
    )  # fmt: skip

    assert said["data"]["further"] == "entry"
    assert said["fcm_options"] == {"analytics_label": "sale-2026"}
    android = said["android"]
    assert android["notification"].items() >= {"icon": "ic_bell", "tag": "theirs", "notification_count": 3}.items()
    assert (android["restricted_package_name"], android["collapse_key"], android["direct_boot_ok"]) == (
        "com.shop.app",
        "k",
        True,
    )
    assert said["apns"]["headers"].items() >= {"apns-priority": "10", "apns-expiration": "0"}.items()
    assert said["apns"]["payload"] == {"aps": {"badge": 3, "sound": "default"}, "custom": {"a": 1}}
    assert said["webpush"]["headers"] == {"TTL": "600", "Urgency": "normal", "Topic": "x"}
    assert said["webpush"]["notification"]["vibrate"] == [1, 2]


@pytest.mark.parametrize(
    ("fields", "param", "word"),
    [
        ({"prio": 1}, "fcm.prio", "no field"),
        ({"android": {"tttl": "1s"}}, "fcm.android.tttl", "no field"),
        ({"android": {"notification": {"colour": "x"}}}, "fcm.android.notification.colour", "no field"),
        ({"android": 5}, "fcm.android", "object"),
        ({"android": {"ttl": "2419201s"}}, "fcm.android.ttl", "2419200s"),
        ({"android": {"ttl": "-1s"}}, "fcm.android.ttl", "2419200s"),
        ({"android": {"ttl": "60"}}, "fcm.android.ttl", "2419200s"),
        ({"android": {"priority": "urgent"}}, "fcm.android.priority", "urgent"),
        ({"android": {"restricted_package_name": "shop"}}, "fcm.android.restricted_package_name", "com.shop.app"),
        ({"android": {"data": {"a": "b"}}}, "fcm.android.data", "no field"),
        ({"android": {"notification": {"color": "red"}}}, "fcm.android.notification.color", "#rrggbb"),
        ({"android": {"notification": {"image": "http://x"}}}, "fcm.android.notification.image", "https"),
        ({"android": {"notification": {"body_loc_args": ["a"]}}}, "fcm.android.notification.body_loc_args", "loc_key"),
        ({"android": {"notification": {"vibrate_timings": ["1"]}}}, "fcm.android.notification.vibrate_timings", "0.5s"),
        ({"android": {"notification": {"notification_count": -1}}}, "fcm.android.notification.notification_count", "0"),
        ({"data": {"from": "x"}}, "fcm.data", "reserved"),
        ({"data": {"google.x": "x"}}, "fcm.data", "reserved"),
        ({"data": {"gcm": "x"}}, "fcm.data", "reserved"),
        ({"data": {"steeple": "x"}}, "fcm.data", "reserved"),
        ({"data": {"a": 5}}, "fcm.data", "str"),
        ({"fcm_options": {"analytics_label": "a b"}}, "fcm.fcm_options.analytics_label", "label"),
        ({"apns": {"fcm_options": {"analytics_label": "x" * 51}}}, "fcm.apns.fcm_options.analytics_label", "label"),
        ({"apns": {"headers": {"authorization": "x"}}}, "fcm.apns.headers", "apns-"),
        ({"apns": {"headers": {"apns-id": "a\r\nb: c"}}}, "fcm.apns.headers", "ASCII"),
        ({"apns": {"payload": {"aps": []}}}, "fcm.apns.payload.aps", "object"),
        ({"apns": {"fcm_options": {"image": "data:x"}}}, "fcm.apns.fcm_options.image", "https"),
        ({"webpush": {"headers": {"TTL": "5"}}}, "fcm.webpush.headers.TTL", "`ttl`"),
        ({"webpush": {"headers": {"X": "5"}}}, "fcm.webpush.headers", "Topic"),
        ({"webpush": {"fcm_options": {"link": "https://evil.example"}}}, "fcm.webpush.fcm_options.link", "`url`"),
        ({"webpush": {"notification": {"click_action": "x"}}}, "fcm.webpush.notification.click_action", "`url`"),
        ({"webpush": {"notification": {"actions": []}}}, "fcm.webpush.notification.actions", "`actions`"),
        ({"webpush": {"notification": {"data": {}}}}, "fcm.webpush.notification.data", "`data`"),
        ({"token": "x"}, "fcm.token", "no field"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str, word: str):
    """The shop hears at once which field it is and what it should look like; no link gets around the check."""
    with pytest.raises(Invalid) as refusal:
        made(Provider).check_extra(fields)

    assert refusal.value.param == param
    assert word in refusal.value.message
    assert refusal.value.message.endswith(".")


def test_a_field_that_a_newer_version_let_pass_does_not_hold_up_the_message():
    """During an upgrade an older process meets what it does not know: the message goes out without it."""
    assert message(Content(title="x", extra={"fcm": {"invented": 1}}))["notification"] == {"title": "x"}


# --- how large --------------------------------------------------------------------------------------------------------


def fits(content: Content) -> bool:
    return len(payload(content)) <= made(Provider).payload_bytes_max(0)


def sendable(content: Content) -> bool:
    """What the sandbox says, which counts for itself."""
    shown = payload(content).rstrip()
    compiled = made(Provider).compile(content, message_id=MESSAGE)
    push = Push(1, 1, b"\x01" + DEVICE_TOKEN.encode(), shown, 60, content.urgency, None, compiled.options)
    return isinstance(read_message(compiled.options.around(push, now_s=NOW_S)), FcmMessage)


def test_what_firebase_takes_is_taken_and_what_it_refuses_is_not():
    """4,096 bytes as Firebase counts them, to the byte; nobody learns it from a million refusals."""
    for spare in (Content(), Content(silent=True), Content(tag="t" * 200, data={"a": {"b": ['"'] * 100}})):
        largest = max(size for size in range(3000, 4200) if fits(msgspec.structs.replace(spare, body="y" * size)))

        assert sendable(msgspec.structs.replace(spare, body="y" * largest))
        assert not sendable(msgspec.structs.replace(spare, body="y" * (largest + 1)))


def test_a_size_that_does_not_fit_says_by_how_much():
    """The refusal's two figures differ by the bytes to take away."""
    largest = max(count for count in range(3000, 4200) if fits(Content(title="x", body="y" * count)))

    assert len(payload(Content(title="x", body="y" * (largest + 10)))) == PAYLOAD_BYTES_MAX + 10
