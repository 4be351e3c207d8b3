"""What FCM v1 takes as a message: every field of the reference, by name and kind, and the rules across fields.

Sources: Google, "REST Resource: projects.messages" (fields and their kinds, reserved words of `data`, ttl), "About FCM
messages" (4,096 bytes, to topics 2,048); the JSON mapping of Protocol Buffers (both spellings of a field's name,
durations as `3.5s`, enum names in any case, null as absent). The preview `android_v2` passes unread.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from gateway.model.limits import FCM_PAYLOAD_BYTES_MAX, FCM_TOPIC_PAYLOAD_BYTES_MAX, TTL_S_MAX
from gateway.sandbox.google_errors import Violation

Scalar = Literal["string", "bool", "int", "number", "duration", "struct", "map", "strings", "durations"]
_Fields = Mapping[str, Any]
"""Name in snake case -> a scalar, a tuple of enum names, or the fields of a nested message."""

_OPTIONS: Final[_Fields] = {"analytics_label": "string"}
_COLOR: Final[_Fields] = {"red": "number", "green": "number", "blue": "number", "alpha": "number"}
_LIGHT: Final[_Fields] = {"color": _COLOR, "light_on_duration": "duration", "light_off_duration": "duration"}
_PRIORITIES: Final = tuple(f"PRIORITY_{name}" for name in ("UNSPECIFIED", "MIN", "LOW", "DEFAULT", "HIGH", "MAX"))
_ANDROID_NOTIFICATION: Final[_Fields] = {
    **dict.fromkeys(("title", "body", "icon", "color", "sound", "tag", "click_action", "image"), "string"),
    **dict.fromkeys(("body_loc_key", "title_loc_key", "channel_id", "ticker", "event_time"), "string"),
    **dict.fromkeys(("sticky", "local_only", "default_sound", "default_vibrate_timings"), "bool"),
    **dict.fromkeys(("default_light_settings", "bypass_proxy_notification"), "bool"),
    "body_loc_args": "strings",
    "title_loc_args": "strings",
    "vibrate_timings": "durations",
    "notification_count": "int",
    "light_settings": _LIGHT,
    "notification_priority": _PRIORITIES,
    "visibility": ("VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"),
    "proxy": ("PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"),
}
_ANDROID: Final[_Fields] = {
    "collapse_key": "string",
    "priority": ("NORMAL", "HIGH"),
    "ttl": "duration",
    "restricted_package_name": "string",
    "data": "map",
    "notification": _ANDROID_NOTIFICATION,
    "fcm_options": _OPTIONS,
    "direct_boot_ok": "bool",
    "bandwidth_constrained_ok": "bool",
    "restricted_satellite_ok": "bool",
}
_WEBPUSH: Final[_Fields] = {
    "headers": "map",
    "data": "map",
    "notification": "struct",
    "fcm_options": {"link": "string", "analytics_label": "string"},
}
_APNS: Final[_Fields] = {
    "headers": "map",
    "payload": "struct",
    "fcm_options": {"image": "string", "analytics_label": "string"},
    "live_activity_token": "string",
}
_MESSAGE: Final[_Fields] = {
    "name": "string",
    "data": "map",
    "notification": {"title": "string", "body": "string", "image": "string"},
    "android": _ANDROID,
    "android_v2": "struct",
    "webpush": _WEBPUSH,
    "apns": _APNS,
    "fcm_options": _OPTIONS,
    "fid": "string",
    "token": "string",
    "topic": "string",
    "condition": "string",
}
_REQUEST: Final[_Fields] = {"validate_only": "bool", "message": _MESSAGE}
_DURATION: Final = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?s")
_RESERVED: Final = re.compile(r"from|message_type|(?:google|gcm).*", re.DOTALL)
_COLOR_TEXT: Final = re.compile(r"#[0-9a-fA-F]{6}")
_LABEL: Final = re.compile(r"[a-zA-Z0-9_.~%-]{1,50}")
_TOPIC: Final = re.compile(r"[a-zA-Z0-9_.~%-]+")


class FcmMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that may be sent; `fields` in snake case."""

    fields: dict[str, Any]
    token: str | None
    """The device: a registration token, or an installation id (which a token begins with)."""
    is_dry_run: bool
    ttl_s: float
    collapse: str | None
    priority: str


class Invalid(msgspec.Struct, frozen=True):
    """What is wrong; `is_json`: already the JSON was, FCM proper never saw it."""

    violations: tuple[Violation, ...]
    is_json: bool
    message: str | None = None


def read_message(body: bytes) -> FcmMessage | Invalid:
    """The message in a request, or everything that is wrong with it."""
    try:
        raw = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        return Invalid((), is_json=True, message=f"Invalid JSON payload received. {error}")
    if not isinstance(raw, dict):
        return Invalid((), is_json=True, message="Invalid JSON payload received. Root element must be a message.")
    found: list[Violation] = []
    request = _message(raw, _REQUEST, "", found)
    if found:
        return Invalid(tuple(found), is_json=True, message=found[0].description)
    return _judge(request.get("message"), is_dry_run=bool(request.get("validate_only")))


# --- field by field ---------------------------------------------------------------------------------------------------
def _message(raw: Mapping[str, Any], fields: _Fields, path: str, found: list[Violation]) -> dict[str, Any]:
    """The known fields in snake case; what is wrong goes to `found`."""
    read: dict[str, Any] = {}
    for name, value in raw.items():
        known = name if name in fields else _snake(name)
        kind = fields.get(known)
        if kind is None:
            where = f" at '{path}'" if path else ""
            text = f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'
            found.append(Violation(path, text))
        elif value is not None:
            read[known] = _value(value, kind, f"{path}.{known}" if path else known, found)
    return read


def _value(value: Any, kind: Any, path: str, found: list[Violation]) -> Any:
    if isinstance(kind, Mapping):
        if isinstance(value, dict):
            return _message(value, kind, path, found)  # pyright: ignore[reportUnknownArgumentType] - read key by key
    elif isinstance(kind, tuple):
        if isinstance(value, str) and value.upper() in kind:
            return value.upper()
    elif _is_kind(value, kind):
        return value
    found.append(Violation(path, f"Invalid value at '{path}', {msgspec.json.encode(value).decode()[:80]}"))
    return None


def _is_kind(value: Any, kind: Scalar) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "bool":
            return isinstance(value, bool)
        case "int":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "duration":
            return isinstance(value, str) and _DURATION.fullmatch(value) is not None
        case "struct":
            return isinstance(value, dict)
        case "map":
            return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
        case "strings":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case "durations":
            return isinstance(value, list) and all(_is_kind(one, "duration") for one in value)


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


# --- across fields ----------------------------------------------------------------------------------------------------
def _judge(message: dict[str, Any] | None, *, is_dry_run: bool) -> FcmMessage | Invalid:
    if message is None:
        return _invalid("message", "The message is not set.")
    targets = [name for name in ("fid", "token", "topic", "condition") if message.get(name)]
    if len(targets) != 1:
        return _invalid("message", "Recipient of the message is not set." if not targets else "Several recipients.")
    if targets[0] == "topic" and not _TOPIC.fullmatch(message["topic"].removeprefix("/topics/")):
        return _invalid("message.topic", "Invalid topic name.")
    android = message.get("android", {})
    faults = [*_data_faults(message), *_android_faults(android), *_option_faults(message)]
    faults += _size_faults(message, is_topic=targets[0] in {"topic", "condition"})
    if faults:
        return Invalid(tuple(faults), is_json=False, message=faults[0].description)
    return FcmMessage(
        fields=message,
        token=message.get("token") or message.get("fid"),
        is_dry_run=is_dry_run,
        ttl_s=float(android.get("ttl", f"{TTL_S_MAX}s")[:-1]),
        collapse=android.get("collapse_key"),
        priority=str(android.get("priority", "")).lower(),
    )


def _invalid(field: str, description: str) -> Invalid:
    return Invalid((Violation(field, description),), is_json=False, message=description)


def _data_faults(message: Mapping[str, Any]) -> list[Violation]:
    places = {
        "message.data": message.get("data", {}),
        "message.android.data": message.get("android", {}).get("data", {}),
        "message.webpush.data": message.get("webpush", {}).get("data", {}),
    }
    return [
        Violation(f"{place}[{key}]", f"Invalid data payload key: {key}")
        for place, data in places.items()
        for key in data
        if _RESERVED.fullmatch(key)
    ]


def _android_faults(android: Mapping[str, Any]) -> list[Violation]:
    faults: list[Violation] = []
    ttl = android.get("ttl")
    if ttl is not None and not 0 <= float(ttl[:-1]) <= TTL_S_MAX:
        faults.append(Violation("message.android.ttl", "Invalid ttl value."))
    notification = android.get("notification", {})
    color = notification.get("color")
    if color is not None and not _COLOR_TEXT.fullmatch(color):
        faults.append(Violation("message.android.notification.color", "Invalid color value; #rrggbb is wanted."))
    for what in ("title", "body"):
        if f"{what}_loc_args" in notification and f"{what}_loc_key" not in notification:
            where = f"message.android.notification.{what}_loc_args"
            faults.append(Violation(where, f"{what}_loc_key is required with {what}_loc_args."))
    return faults


def _option_faults(message: Mapping[str, Any]) -> list[Violation]:
    faults: list[Violation] = []
    for place in ("", "android", "webpush", "apns"):
        options = (message.get(place, {}) if place else message).get("fcm_options", {})
        label = options.get("analytics_label")
        if label is not None and not _LABEL.fullmatch(label):
            faults.append(Violation(f"message.{place + '.' if place else ''}fcm_options", "Invalid analytics label."))
    link = message.get("webpush", {}).get("fcm_options", {}).get("link")
    if link is not None and not link.startswith("https://"):
        faults.append(Violation("message.webpush.fcm_options.link", "The link must be https."))
    if "payload" in (apns := message.get("apns", {})) and not isinstance(apns["payload"].get("aps", {}), dict):
        faults.append(Violation("message.apns.payload.aps", "Invalid aps dictionary."))
    return faults


def _size_faults(message: Mapping[str, Any], *, is_topic: bool) -> list[Violation]:
    """The payload that an Android gets: data, and the texts of the notification, each with the overrides for it."""
    android = message.get("android", {})
    data = message.get("data", {}) | android.get("data", {})
    notification = message.get("notification", {}) | android.get("notification", {})
    texts = [*data, *data.values(), *(text for text in notification.values() if isinstance(text, str))]
    bytes_max = FCM_TOPIC_PAYLOAD_BYTES_MAX if is_topic else FCM_PAYLOAD_BYTES_MAX
    if sum(len(text.encode()) for text in texts) > bytes_max:
        return [Violation("message", "Android message is too big")]
    if len(msgspec.json.encode(message.get("apns", {}).get("payload", {}))) > FCM_PAYLOAD_BYTES_MAX:
        return [Violation("message.apns.payload", "APNS message is too big")]
    return []
