"""What a message may say to Apple's devices alone: the object `apns` of a message, checked.

Sources: Apple, "Generating a remote notification" (keys of `aps`), "Sending notification requests to APNs" (push types
and their topics, priorities), "Starting and updating Live Activities with ActivityKit push notifications". Names are
Apple's, written with `-` or with `_`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.delivery import Urgency
from gateway.model.errors import Invalid

PushType = Literal[
    "alert",
    "background",
    "complication",
    "controls",
    "fileprovider",
    "liveactivity",
    "location",
    "pushtotalk",
    "voip",
    "widgets",
]
TOPIC_ENDINGS: Final[dict[PushType, str]] = {
    "alert": "",
    "background": "",
    "complication": ".complication",
    "controls": ".push-type.controls",
    "fileprovider": ".pushkit.fileprovider",
    "liveactivity": ".push-type.liveactivity",
    "location": ".location-query",
    "pushtotalk": ".voip-ptt",
    "voip": ".voip",
    "widgets": ".push-type.widgets",
}
"""What each type has behind the bundle id in its topic. `mdm` is for device management and has no place here."""
_IMMEDIATE: Final = frozenset({"voip", "pushtotalk"})
"""Types that mean "now" whatever a message says."""
_PRIORITIES: Final[dict[Urgency, str]] = {"very-low": "1", "low": "5", "normal": "10", "high": "10"}
_COLLAPSE_ID_BYTES_MAX: Final = 64
_TIME_S_MAX: Final = 4_102_444_800
"""Unix seconds of the year 2100: whoever sends more meant milliseconds."""
_ARGUMENTS_MAX: Final = 32

_Word = Annotated[str, Meta(min_length=1, max_length=256)]
_Arguments = Annotated[list[Annotated[str, Meta(max_length=1000)]], Meta(max_length=_ARGUMENTS_MAX)]
_Time = Annotated[int, Meta(ge=0, le=_TIME_S_MAX)]
_Flag = bool | Annotated[int, Meta(ge=0, le=1)]
"""Apple writes 1."""


class Sound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sound with its volume; a critical one breaks through silence, with Apple's entitlement."""

    name: _Word = "default"
    critical: _Flag = False
    volume: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Fields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that may stand in `apns`. What is absent follows from the message's own fields."""

    push_type: PushType = "alert"
    priority: Literal[1, 5, 10] | None = None
    collapse_id: Annotated[str, Meta(min_length=1, max_length=_COLLAPSE_ID_BYTES_MAX, pattern=r"^[!-~]+$")] | None = (
        None
    )
    subtitle: str | dict[str, str] = ""
    title_loc_key: _Word | None = None
    title_loc_args: _Arguments = []
    subtitle_loc_key: _Word | None = None
    subtitle_loc_args: _Arguments = []
    loc_key: _Word | None = None
    loc_args: _Arguments = []
    launch_image: _Word | None = None
    sound: str | Sound | None = None
    """A file of the app; "": none. Absent: the default sound, unless the message is silent."""
    category: _Word | None = None
    thread_id: _Word | None = None
    interruption_level: Literal["passive", "active", "time-sensitive", "critical"] | None = None
    relevance_score: Annotated[float, Meta(ge=0)] | None = None
    mutable_content: _Flag = False
    content_available: _Flag = False
    target_content_id: _Word | None = None
    filter_criteria: _Word | None = None
    event: Literal["start", "update", "end"] | None = None
    content_state: dict[str, Any] | None = None
    timestamp: _Time | None = None
    stale_date: _Time | None = None
    dismissal_date: _Time | None = None
    attributes_type: _Word | None = None
    attributes: dict[str, Any] | None = None
    input_push_token: _Flag = False
    input_push_channel: _Word | None = None
    aps: dict[str, Any] = {}
    """Laid over the `aps` that we make, unread: what Apple learns tomorrow can be sent today."""


_LIVE_ONLY: Final = (
    "content_state",
    "timestamp",
    "stale_date",
    "dismissal_date",
    "attributes_type",
    "attributes",
    "input_push_token",
    "input_push_channel",
)


def fields_of(given: Mapping[str, Any], *, name: str) -> Fields:
    """The fields, checked. `name` begins the path that a refusal names.

    Raises:
        Invalid: which field is wrong, and how.
    """
    plain = {key.replace("-", "_"): value for key, value in given.items()}
    if len(plain) < len(given):
        raise Invalid("field_invalid", "A field is there twice: once with `-`, once with `_`.", param=name)
    if plain.get("event") is not None:
        plain.setdefault("push_type", "liveactivity")
    try:
        fields = msgspec.convert(plain, Fields)
    except msgspec.ValidationError as fault:
        raise _refused(str(fault), name) from None
    _check_together(fields, name)
    return fields


def priority_of(fields: Fields, urgency: Urgency) -> str:
    """The header apns-priority.

    Of an alert: 10 (at once) for `high` and `normal`, since Apple holds back, bundles and sometimes drops what has
    less, and 10 is what every sender gets who says nothing; 5 (when it suits the device's battery) for `low`; 1 (never
    wakes the device) for `very-low`. Background pushes have 5: Apple calls 10 an error there. Live Activities know 10
    and 5.
    """
    if fields.priority is not None:
        return str(fields.priority)
    if fields.push_type == "background":
        return "5"
    if fields.push_type in _IMMEDIATE:
        return "10"
    priority = _PRIORITIES[urgency]
    return "5" if fields.push_type == "liveactivity" and priority == "1" else priority


def _check_together(fields: Fields, name: str) -> None:
    if fields.push_type == "background" and fields.priority not in (None, 5):
        raise Invalid("field_invalid", "Apple takes background pushes with priority 5 only.", param=f"{name}.priority")
    if fields.push_type == "liveactivity":
        _check_activity(fields, name)
        return
    for field in ("event", *_LIVE_ONLY):
        if getattr(fields, field):
            raise Invalid("field_invalid", "Only Live Activities have it (with `event`).", param=f"{name}.{field}")
    if (fields.relevance_score or 0) > 1:
        raise Invalid("field_invalid", "A notification's score lies between 0 and 1.", param=f"{name}.relevance_score")


def _check_activity(fields: Fields, name: str) -> None:
    needed = {"start": ("content_state", "attributes_type", "attributes"), "update": ("content_state",), "end": ()}
    if fields.event is None:
        raise Invalid("field_missing", "A Live Activity has an event: start, update or end.", param=f"{name}.event")
    for field in needed[fields.event]:
        if getattr(fields, field) is None:
            raise Invalid("field_missing", f"The event {fields.event} needs it.", param=f"{name}.{field}")


def _refused(said: str, name: str) -> Invalid:
    sentence, _, path = said.partition(" - at `$")
    if sentence.startswith("Object contains unknown field"):
        field = sentence.partition("`")[2].rstrip("`")[:100]
        at = f"{name}{path.strip('`')}.{field}"
        return Invalid("field_unknown", f"There is no field `{field}` here.", param=at)
    return Invalid("field_invalid", f"{sentence[:200]}.", param=f"{name}{path.strip('`')}")
