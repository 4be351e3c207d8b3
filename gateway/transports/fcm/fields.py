"""What a message may say to FCM alone: the object `fcm` of a message, checked.

Names and kinds are those of Firebase's reference, "REST Resource: projects.messages". What has a field of its own in a
message (texts, links, data) stands there; what we fill in for each device cannot be given.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.errors import Invalid
from gateway.model.limits import TTL_S_MAX

_TTL: Final = re.compile(r"([0-9]{1,8})(?:\.[0-9]{1,9})?s", re.ASCII)
_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z0-9_.~%-]{1,50}", re.ASCII)
_PACKAGE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)+", re.ASCII)
_DURATION: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?s", re.ASCII)
_HEADER_VALUE: Final = re.compile(r"[ -~]{0,256}", re.ASCII)
_APNS_HEADER: Final = re.compile(r"apns-[a-z-]{1,40}", re.ASCII)
_WEB_HEADERS: Final = {"urgency": "urgency", "ttl": "ttl"}
"""Headers of Web Push that a message says in fields of its own, and how those are called."""
_WEB_FIELDS: Final = {"click_action": "url", "navigate": "url", "actions": "actions", "data": "data"}
_RESERVED_DATA: Final = re.compile(r"from|message_type|(?:google|gcm).*|steeple", re.DOTALL)
_ARGUMENTS_MAX: Final = 32
_TIMINGS_MAX: Final = 64

_Word = Annotated[str, Meta(min_length=1, max_length=256)]
_Words = Annotated[list[Annotated[str, Meta(max_length=1000)]], Meta(max_length=_ARGUMENTS_MAX)]
_Share = Annotated[float, Meta(ge=0, le=1)]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Only what is named here, and only what was given goes out."""


class Options(_Strict, frozen=True, kw_only=True):
    """`fcm_options`: a label for Firebase's own statistics."""

    analytics_label: str | None = None


class AppleOptions(Options, frozen=True, kw_only=True):
    """`apns.fcm_options`."""

    image: str | None = None


class Color(_Strict, frozen=True, kw_only=True):
    """Of a light, each part from 0 to 1."""

    red: _Share | None = None
    green: _Share | None = None
    blue: _Share | None = None
    alpha: _Share | None = None


class Light(_Strict, frozen=True, kw_only=True):
    """The light of the device; durations such as 0.5s."""

    color: Color
    light_on_duration: str
    light_off_duration: str


class AndroidNotification(_Strict, frozen=True, kw_only=True):
    """How Android shows it; what is absent follows from the message, or from the app's defaults."""

    title: _Word | None = None
    body: _Word | None = None
    icon: _Word | None = None
    color: str | None = None
    sound: _Word | None = None
    tag: _Word | None = None
    click_action: _Word | None = None
    body_loc_key: _Word | None = None
    body_loc_args: _Words | None = None
    title_loc_key: _Word | None = None
    title_loc_args: _Words | None = None
    channel_id: _Word | None = None
    ticker: _Word | None = None
    sticky: bool | None = None
    event_time: _Word | None = None
    local_only: bool | None = None
    notification_priority: (
        Literal["PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT", "PRIORITY_HIGH", "PRIORITY_MAX"] | None
    ) = None
    default_sound: bool | None = None
    default_vibrate_timings: bool | None = None
    default_light_settings: bool | None = None
    vibrate_timings: Annotated[list[str], Meta(max_length=_TIMINGS_MAX)] | None = None
    visibility: Literal["PRIVATE", "PUBLIC", "SECRET"] | None = None
    notification_count: Annotated[int, Meta(ge=0, le=99_999)] | None = None
    light_settings: Light | None = None
    image: str | None = None
    bypass_proxy_notification: bool | None = None
    proxy: Literal["ALLOW", "DENY", "IF_PRIORITY_LOWERED"] | None = None


class Android(_Strict, frozen=True, kw_only=True):
    """`ttl` is a whole or decimal number of seconds with an s; the message's own holds where it is shorter."""

    collapse_key: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    priority: Literal["high", "normal", "HIGH", "NORMAL"] | None = None
    ttl: str | None = None
    restricted_package_name: str | None = None
    notification: AndroidNotification | None = None
    fcm_options: Options | None = None
    direct_boot_ok: bool | None = None
    bandwidth_constrained_ok: bool | None = None
    restricted_satellite_ok: bool | None = None


class Apple(_Strict, frozen=True, kw_only=True):
    """For devices of Apple's that Firebase reaches: laid over what we make, unread but for its form."""

    headers: dict[str, str] = {}
    payload: dict[str, Any] = {}
    fcm_options: AppleOptions | None = None
    live_activity_token: _Word | None = None


class Web(_Strict, frozen=True, kw_only=True):
    """For browsers that Firebase reaches."""

    headers: dict[str, str] = {}
    notification: dict[str, Any] = {}
    fcm_options: Options | None = None


class Fields(_Strict, frozen=True, kw_only=True):
    """Everything that may stand in `fcm`.

    data_only: no notification is shown by the system; the app gets the texts as data and does what it likes.
    data: further entries for the app, beside the message's own `data`.
    """

    data_only: bool = False
    data: dict[str, str] = {}
    android: Android | None = None
    apns: Apple | None = None
    webpush: Web | None = None
    fcm_options: Options | None = None


def fields_of(given: Mapping[str, Any], *, name: str) -> Fields:
    """The fields, checked. `name` begins the path that a refusal names.

    Raises:
        Invalid: which field is wrong, and how.
    """
    try:
        fields = msgspec.convert(dict(given), Fields)
    except msgspec.ValidationError as fault:
        raise _refused(str(fault), name) from None
    for path, sentence in _faults(fields):
        raise Invalid("field_invalid", sentence, param=f"{name}.{path}")
    return fields


def is_reserved(key: str) -> bool:
    """Whether FCM (or we) keep this key of `data` for ourselves: a message with it would be refused as a whole."""
    return _RESERVED_DATA.fullmatch(key) is not None


def ttl_s_of(fields: Fields) -> int | None:
    """The life that `android.ttl` asks for, in whole seconds."""
    ttl = None if fields.android is None else fields.android.ttl
    found = None if ttl is None else _TTL.fullmatch(ttl)
    return None if found is None else int(found[1])


def _faults(fields: Fields) -> Iterator[tuple[str, str]]:
    """(path, sentence) of whatever is wrong."""
    for key in fields.data:
        if not key or is_reserved(key):
            yield (
                "data",
                f"The key {key[:40]!r} is reserved: from, message_type, steeple, and what begins google or gcm.",
            )
    yield from _labels(fields)
    if fields.android is not None:
        yield from _android_faults(fields.android)
    if fields.apns is not None:
        yield from _apple_faults(fields.apns)
    if fields.webpush is not None:
        yield from _web_faults(fields.webpush)


def _labels(fields: Fields) -> Iterator[tuple[str, str]]:
    places = {"": fields, "android.": fields.android, "apns.": fields.apns, "webpush.": fields.webpush}
    for place, holder in places.items():
        options = None if holder is None else holder.fcm_options
        if (
            options is not None
            and options.analytics_label is not None
            and not _LABEL.fullmatch(options.analytics_label)
        ):
            sentence = "A label has 1 to 50 letters, digits and - _ . ~ %."
            yield f"{place}fcm_options.analytics_label", sentence


def _android_faults(android: Android) -> Iterator[tuple[str, str]]:
    if android.ttl is not None:
        found = _TTL.fullmatch(android.ttl)
        if found is None or int(found[1]) > TTL_S_MAX:
            yield "android.ttl", f"It is a number of seconds from 0s to {TTL_S_MAX}s (four weeks), such as 3600s."
    package = android.restricted_package_name
    if package is not None and not _PACKAGE.fullmatch(package):
        yield "android.restricted_package_name", "A package name looks like com.shop.app."
    if android.notification is not None:
        yield from _notification_faults(android.notification)


def _notification_faults(shown: AndroidNotification) -> Iterator[tuple[str, str]]:
    if shown.color is not None and not _COLOR.fullmatch(shown.color):
        yield "android.notification.color", "A color looks like #rrggbb."
    if shown.image is not None and not shown.image.startswith("https://"):
        yield "android.notification.image", "A picture is an https address."
    for text in ("title", "body"):
        if getattr(shown, f"{text}_loc_args") and not getattr(shown, f"{text}_loc_key"):
            yield f"android.notification.{text}_loc_args", f"It needs {text}_loc_key."
    light = shown.light_settings
    lights = () if light is None else (light.light_on_duration, light.light_off_duration)
    for where, durations in (("vibrate_timings", shown.vibrate_timings or ()), ("light_settings", lights)):
        if not all(map(_DURATION.fullmatch, durations)):
            yield f"android.notification.{where}", "A duration is a number of seconds with an s, such as 0.5s."


def _apple_faults(apple: Apple) -> Iterator[tuple[str, str]]:
    for header, value in apple.headers.items():
        if not _APNS_HEADER.fullmatch(header) or not _HEADER_VALUE.fullmatch(value):
            yield "apns.headers", "Headers of Apple's begin with apns-, in small letters; values are plain ASCII."
    if not isinstance(apple.payload.get("aps", {}), dict):
        yield "apns.payload.aps", "Expected an object."
    image = None if apple.fcm_options is None else apple.fcm_options.image
    if image is not None and not image.startswith("https://"):
        yield "apns.fcm_options.image", "A picture is an https address."


def _web_faults(web: Web) -> Iterator[tuple[str, str]]:
    for header, value in web.headers.items():
        own = _WEB_HEADERS.get(header.lower())
        if own is not None:
            yield f"webpush.headers.{header}", f"Use `{own}` of the message."
        if header.lower() != "topic" or not _HEADER_VALUE.fullmatch(value):
            yield "webpush.headers", "Of the headers of Web Push only Topic can be given, in plain ASCII."
    for field in web.notification:
        if field in _WEB_FIELDS:
            yield f"webpush.notification.{field}", f"Use `{_WEB_FIELDS[field]}` of the message, which is checked."


def _refused(said: str, name: str) -> Invalid:
    sentence, _, path = said.partition(" - at `$")
    at = name + path.strip("`").replace("[...]", "")
    if sentence.startswith("Object contains unknown field"):
        field = sentence.partition("`")[2].rstrip("`")[:100]
        own = {"webpush.fcm_options.link": "url"}.get(f"{at}.{field}".removeprefix(f"{name}."))
        if own is not None:
            return Invalid("field_invalid", f"Use `{own}` of the message, which is checked.", param=f"{at}.{field}")
        return Invalid("field_unknown", f"There is no field `{field}` here.", param=f"{at}.{field}")
    return Invalid("field_invalid", f"{sentence[:200].replace('`', '')}.", param=at)
