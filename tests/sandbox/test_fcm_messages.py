"""What Google's service takes and refuses of a message, field by field."""

from typing import Any

import pytest

from gateway.sandbox import Sandbox
from sandbox.app_senders import GoogleSender
from sandbox.raw_http2 import Answer

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
FULL: dict[str, Any] = {
    "data": {"order": "17"},
    "notification": {"title": "t", "body": "b", "image": "https://shop.example/i.png"},
    "android": {
        "collapse_key": "cart",
        "priority": "HIGH",
        "ttl": "3.5s",
        "restricted_package_name": "example.shop",
        "data": {"order": "18"},
        "direct_boot_ok": True,
        "bandwidth_constrained_ok": True,
        "restricted_satellite_ok": False,
        "fcm_options": {"analytics_label": "spring_sale"},
        "notification": {
            "title": "t",
            "color": "#aa00ff",
            "tag": "cart",
            "channel_id": "orders",
            "body_loc_key": "k",
            "body_loc_args": ["a"],
            "sticky": True,
            "notification_priority": "PRIORITY_HIGH",
            "visibility": "PUBLIC",
            "vibrate_timings": ["0.5s", "1s"],
            "notification_count": 3,
            "light_settings": {
                "color": {"red": 1, "alpha": 0.5},
                "light_on_duration": "1s",
                "light_off_duration": "2s",
            },
            "proxy": "DENY",
        },
    },
    "apns": {
        "headers": {"apns-priority": "5"},
        "payload": {"aps": {"badge": 1}, "x": [1, {"y": None}]},
        "fcm_options": {"image": "https://shop.example/i.png"},
        "live_activity_token": "x",
    },
    "webpush": {
        "headers": {"TTL": "60"},
        "data": {"a": "b"},
        "notification": {"title": "t", "actions": []},
        "fcm_options": {"link": "https://shop.example/"},
    },
    "fcm_options": {"analytics_label": "x"},
}


@pytest.fixture
def device(sandbox: Sandbox, google: GoogleSender) -> str:
    (token,) = sandbox.phones.mint(1, "fcm", google.project)
    return token


def fields(answer: Answer) -> list[str]:
    """Which fields the answer finds fault with."""
    details = {one["@type"]: one for one in answer.json["error"]["details"]}
    return [one["field"] for one in details[BAD_REQUEST]["fieldViolations"]]


def has_fcm_code(answer: Answer) -> bool:
    details = {one["@type"]: one for one in answer.json["error"]["details"]}
    return FCM_ERROR in details and details[FCM_ERROR]["errorCode"] == "INVALID_ARGUMENT"


async def test_every_field_of_the_reference_is_known(google: GoogleSender, device: str) -> None:
    """In both spellings, and null is as good as nothing."""
    line = await google.line()
    assert (await google.send(line, {"token": device, **FULL})).status == 200
    camel = {"token": device, "android": {"collapseKey": "x", "notification": {"channelId": "y", "titleLocKey": None}}}
    assert (await google.send(line, camel)).status == 200


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"colour": "red"}, "message"),
        ({"android": {"tll": "3s"}}, "message.android"),
        ({"android": {"notification": {"titel": "t"}}}, "message.android.notification"),
        ({"data": {"n": 1}}, "message.data"),
        ({"data": {"n": {"m": "x"}}}, "message.data"),
        ({"notification": "hello"}, "message.notification"),
        ({"notification": {"title": 7}}, "message.notification.title"),
        ({"android": {"priority": "urgent"}}, "message.android.priority"),
        ({"android": {"ttl": 3600}}, "message.android.ttl"),
        ({"android": {"ttl": "3600"}}, "message.android.ttl"),
        ({"android": {"ttl": "1h"}}, "message.android.ttl"),
        ({"android": {"notification": {"sticky": "yes"}}}, "message.android.notification.sticky"),
        ({"android": {"notification": {"notification_count": 1.5}}}, "message.android.notification.notification_count"),
        ({"android": {"notification": {"vibrate_timings": ["1"]}}}, "message.android.notification.vibrate_timings"),
        ({"apns": {"headers": {"apns-priority": 5}}}, "message.apns.headers"),
        ({"apns": {"payload": []}}, "message.apns.payload"),
        ({"webpush": {"fcm_options": {"link": 1}}}, "message.webpush.fcm_options.link"),
    ],
)
async def test_what_is_no_message_is_refused_by_the_field(
    google: GoogleSender, device: str, message: dict[str, Any], field: str
) -> None:
    """Unknown names and wrong kinds: a BadRequest, before FCM itself looks at it."""
    answer = await google.send(await google.line(), {"token": device, **message})

    assert answer.status == 400
    assert answer.json["error"]["status"] == "INVALID_ARGUMENT"
    assert fields(answer) == [field]
    assert not has_fcm_code(answer)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"data": {"from": "x"}}, "message.data[from]"),
        ({"data": {"message_type": "x"}}, "message.data[message_type]"),
        ({"data": {"google.sent": "x"}}, "message.data[google.sent]"),
        ({"android": {"data": {"gcm.n": "x"}}}, "message.android.data[gcm.n]"),
        ({"android": {"ttl": "2419201s"}}, "message.android.ttl"),
        ({"android": {"ttl": "-1s"}}, "message.android.ttl"),
        ({"android": {"notification": {"color": "red"}}}, "message.android.notification.color"),
        ({"android": {"notification": {"title_loc_args": ["x"]}}}, "message.android.notification.title_loc_args"),
        ({"apns": {"payload": {"aps": "x"}}}, "message.apns.payload.aps"),
        ({"webpush": {"fcm_options": {"link": "http://shop.example"}}}, "message.webpush.fcm_options.link"),
        ({"fcm_options": {"analytics_label": "two words"}}, "message.fcm_options"),
        ({"data": {"x": "y" * 4096}}, "message"),
        ({"apns": {"payload": {"x": "y" * 4096}}}, "message.apns.payload"),
        ({"topic": "sale"}, "message"),
    ],
)
async def test_what_no_phone_should_get_is_refused(
    google: GoogleSender, device: str, message: dict[str, Any], field: str
) -> None:
    """Reserved words, lives, colours, sizes: with FCM's own code and the field."""
    answer = await google.send(await google.line(), {"token": device, **message})

    assert (answer.status, fields(answer)) == (400, [field])
    assert has_fcm_code(answer)
    assert google.sandbox.ledger.counters["accepted"] == 0


async def test_a_device_is_named_by_its_installation_as_well(
    sandbox: Sandbox, google: GoogleSender, device: str
) -> None:
    """The newer way: `fid`, which a registration token begins with."""
    phone, line = sandbox.phones.make("android", google.project), await google.line()
    for token in (device, phone.token):
        assert (await google.send(line, {"fid": token.partition(":")[0]})).status == 200
    assert len(phone.shown) == 1
    sandbox.phones.uninstall(phone)
    assert (await google.send(line, {"fid": phone.token.partition(":")[0]})).status == 404
    assert fields(await google.send(line, {"fid": "x", "token": device})) == ["message"]


@pytest.mark.parametrize(
    "message",
    [
        {"android": {"priority": "high"}},
        {"data": {"x": "y" * 4095}},
        {"android": {"ttl": "2419200s"}},
        {"android": {"ttl": "0s"}},
    ],
)
async def test_the_edge_of_what_is_right_is_taken(google: GoogleSender, device: str, message: dict[str, Any]) -> None:
    """4,096 bytes of keys and values, 28 days, no life at all."""
    assert (await google.send(await google.line(), {"token": device, **message})).status == 200


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b'{"message": 7}', b'{"massage": {}}', b"{}"])
async def test_what_is_no_request_is_a_400(google: GoogleSender, body: bytes) -> None:
    """No JSON, no message, another name."""
    answer = await google.send(await google.line(), body)
    assert (answer.status, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_a_message_has_one_recipient(google: GoogleSender) -> None:
    """Not none; a topic or a condition is one as well, and takes half as much."""
    line = await google.line()
    assert fields(await google.send(line, {"data": {"a": "b"}})) == ["message"]
    assert (await google.send(line, {"topic": "sale"})).status == 200
    assert (await google.send(line, {"condition": "'a' in topics"})).status == 200
    assert fields(await google.send(line, {"topic": "two words"})) == ["message.topic"]
    assert fields(await google.send(line, {"topic": "sale", "data": {"x": "y" * 2048}})) == ["message"]


async def test_a_dry_run_reaches_nobody(sandbox: Sandbox, google: GoogleSender) -> None:
    """Judged as ever, shown nowhere."""
    phone = sandbox.phones.make("android", google.project)
    line = await google.line()
    answer = await google.send(line, {"token": phone.token}, validate_only=True)
    assert answer.json["name"].endswith("/fake_message_id")
    assert (await google.send(line, {"token": "x" * 50}, validate_only=True)).status == 400
    assert not phone.shown
    assert sandbox.ledger.counters["accepted"] == 0
