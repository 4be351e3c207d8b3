"""Messages on the wire. Which providers may have fields of their own is known by `transports`, not here."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway import transports
from gateway.api.answers import ErrorBody
from gateway.api.schema.contents import ActionRequest, Text
from gateway.api.schema.offers import CouponRequest, ExperimentAnswer, ExperimentRequest, VariantRequest
from gateway.api.schema.places import GeoRequest
from gateway.model.delivery import Urgency
from gateway.model.limits import (
    ACTIONS_MAX,
    AUDIENCE_LANGUAGES_MAX,
    AUDIENCE_SEGMENTS_MAX,
    BADGE_COUNT_MAX,
    BATCH_MESSAGES_MAX,
    COLLAPSE_KEY_CHARS_MAX,
    HOLDOUT_PERCENT_MAX,
    INBOX_DAYS,
    NAMED_RECIPIENTS_MAX,
    NOTIFICATION_TAG_CHARS_MAX,
    PER_MINUTE_MAX,
    PREVIEW_HOURS_MAX,
    RECURRENCE_EXCLUSIONS_MAX,
    RECURRENCE_RULE_CHARS_MAX,
    SOUND_CHARS_MAX,
    TTL_S_DEFAULT,
    TTL_S_MAX,
    VARIANTS_MAX,
)
from gateway.model.quiet_hours import HourText
from gateway.model.schedule import OnQuiet, Past, QuietRule
from gateway.model.terms import Category, OnCap
from gateway.model.utm import Utm
from gateway.policy.explaining import Condition

StateWord = Literal["accepted", "scheduled", "planning", "sending", "paused", "done", "cancelled", "failed"]


class SelectorsRequest(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"everybody": "all"}
):
    """Who is meant. Several selectors are joined by AND, the entries of one list by OR."""

    topics: Annotated[str, Meta(max_length=4096, description="Such as `sale && !wholesale`.")] | None = None
    users: Annotated[list[str], Meta(max_length=NAMED_RECIPIENTS_MAX, description="The shop's own ids.")] = []
    subscriptions: Annotated[list[str], Meta(max_length=NAMED_RECIPIENTS_MAX, description="`sub_...`")] = []
    everybody: Annotated[bool, Meta(description="Every device of the app.")] = False
    languages: Annotated[list[str], Meta(max_length=AUDIENCE_LANGUAGES_MAX, description="Such as `nl`.")] = []
    channels: Annotated[list[str], Meta(max_length=16, description="Providers, such as the browsers'.")] = []
    where: Annotated[dict[str, Any], Meta(description="A filter: see the reference of filters.")] | None = None
    geo: GeoRequest | None = None
    segment: Annotated[str | list[str], Meta(description="A saved audience by its slug, or several.")] = []
    lists: Annotated[list[str], Meta(max_length=AUDIENCE_SEGMENTS_MAX, description="Lists by their slugs.")] = []


class AudienceRequest(SelectorsRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom it is for. Several selectors are joined by AND, the entries of one list by OR."""

    exclude: Annotated[SelectorsRequest, Meta(description="Whoever is meant by these does not get it.")] | None = None


class RecurringRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A series of messages; each is a message of its own, and lists this one as its `series`."""

    rule: Annotated[
        str, Meta(max_length=RECURRENCE_RULE_CHARS_MAX, description="RFC 5545, such as `FREQ=WEEKLY;BYDAY=FR`.")
    ]
    timezone: Annotated[str, Meta(description="Whose wall clock counts; by default the app's.")] | None = None
    ends: Annotated[datetime, Meta(tz=True, description="No occurrence after it.")] | None = None
    exclude: Annotated[
        list[Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="Such as `2026-12-25`.")]],
        Meta(max_length=RECURRENCE_EXCLUSIONS_MAX, description="Days on which nothing is sent, such as `2026-12-25`."),
    ] = []


class ScheduleRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it goes out."""

    at: Annotated[datetime, Meta(tz=True, description="RFC 3339 with a zone.")] | None = None
    local_time: (
        Annotated[
            HourText, Meta(description="At this hour of each person's own clock, such as `09:00`, on the day of `at`.")
        ]
        | None
    ) = None
    best_time: Annotated[bool, Meta(description="At the hour when each person is usually there.")] = False
    until: Annotated[datetime, Meta(tz=True, description="Nothing is sent after it.")] | None = None
    recurring: RecurringRequest | None = None
    quiet: (
        Annotated[QuietRule, Meta(description="By default marketing respects quiet hours, and nothing else does.")]
        | None
    ) = None
    on_quiet: Annotated[OnQuiet, Meta(description="Whoever is in their night waits for its end, or is left out.")] = (
        "hold"
    )
    past: Annotated[
        Past, Meta(description="Where the local hour has passed: the next day, at once, or not at all.")
    ] = "tomorrow"


class LimitsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far it goes."""

    holdout_percent: Annotated[
        float,
        Meta(
            ge=0,
            le=HOLDOUT_PERCENT_MAX,
            description="So many of a hundred people are left out of this marketing, to see what it brings about.",
        ),
    ] = 0.0
    cap: Annotated[
        Literal["default", "ignore"],
        Meta(description="`ignore`: also to who has had enough by the app's caps; it counts all the same."),
    ] = "default"
    on_cap: Annotated[
        OnCap | None,
        Meta(description="Who has had enough does not get it (`drop`, the default), or once there is room (`defer`)."),
    ] = None
    per_minute: (
        Annotated[int, Meta(ge=1, le=PER_MINUTE_MAX, description="So many recipients a minute at most, evenly.")] | None
    ) = None


class InboxRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it stays in the inbox of the page; `true` in its place says no more than that it does."""

    until: Annotated[datetime, Meta(tz=True, description=f"Not after this; {INBOX_DAYS} days by default.")] | None = (
        None
    )
    banner: Annotated[bool, Meta(description="Pages that are open show it at once, as a banner.")] = False


class MessageFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to send. Texts are one text, or one per language."""

    audience: AudienceRequest
    app: Annotated[str, Meta(description="May be left out: the key knows its app.")] | None = None
    title: Annotated[Text, Meta(description="At most 1,000 characters.")] = ""
    body: Annotated[Text, Meta(description="At most 3,000 characters.")] = ""
    url: Annotated[str, Meta(description="Where a click leads; on one of the app's link hosts.")] = ""
    icon: Annotated[str, Meta(description="An https address, as for the other pictures.")] = ""
    image: Annotated[str, Meta(description="A large picture, where the browser shows one.")] = ""
    badge: Annotated[str, Meta(description="A small one-coloured picture for the status bar of Android.")] = ""
    actions: Annotated[list[ActionRequest], Meta(max_length=ACTIONS_MAX)] = []
    data: Annotated[dict[str, Any], Meta(description="For the page's own code; at most 2 KiB as JSON.")] = {}
    tag: Annotated[
        str, Meta(max_length=NOTIFICATION_TAG_CHARS_MAX, description="Replaces a shown notification of the same tag.")
    ] = ""
    collapse_key: Annotated[
        str, Meta(max_length=COLLAPSE_KEY_CHARS_MAX, description="Replaces an undelivered message of the same key.")
    ] = ""
    ttl: Annotated[int, Meta(ge=0, le=TTL_S_MAX, description="Seconds until nobody wants it any more.")] = TTL_S_DEFAULT
    urgency: Annotated[Urgency, Meta(description="RFC 8030 section 5.3: what may wake a device that saves power.")] = (
        "normal"
    )
    silent: Annotated[bool, Meta(description="Shown without sound or vibration.")] = False
    require_interaction: Annotated[bool, Meta(description="Stays until it is clicked or closed.")] = False
    badge_count: Annotated[int, Meta(ge=0, le=BADGE_COUNT_MAX, description="Number on the app's icon.")] | None = None
    sound: Annotated[
        str,
        Meta(
            max_length=SOUND_CHARS_MAX,
            pattern=r"^[A-Za-z0-9_./ -]*$",
            description="A sound file of the app, such as `bell.caf`, for devices of apps.",
        ),
    ] = ""
    deep_link: Annotated[
        str,
        Meta(description="Where a click leads inside apps: a scheme of the app's settings, or a link as `url` may be."),
    ] = ""
    utm: Annotated[Utm | None, Meta(description="Campaign parameters for all links, in place of the app's.")] = None
    template: Annotated[
        str | None, Meta(description="`tpl_...`: says what this message does not say itself, as of now.")
    ] = None
    variables: Annotated[
        dict[str, Any], Meta(description="Values for the fields of the texts; at most 16 KiB as JSON, nested 8 deep.")
    ] = {}
    schedule: ScheduleRequest | None = None
    limits: LimitsRequest | None = None
    category: Annotated[
        Category | None,
        Meta(
            description="`marketing` obeys quiet hours and caps. By default messages to named people are transactional."
        ),
    ] = None
    variants: Annotated[
        list[VariantRequest], Meta(max_length=VARIANTS_MAX, description="Different ways to say it, each person one.")
    ] = []
    experiment: ExperimentRequest | None = None
    coupon: CouponRequest | None = None
    inbox: Annotated[
        bool | InboxRequest,
        Meta(description="It stays in the inbox of the page, also for those who refused push."),
    ] = False


PROVIDERS: Final = transports.names()

SendRequest: Final[type[MessageFields]] = msgspec.defstruct(  # type: ignore[assignment]  # defstruct cannot tell its bases
    "SendRequest",
    [(name, dict[str, Any], msgspec.field(default_factory=dict)) for name in PROVIDERS],
    bases=(MessageFields,),
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    module=__name__,
)
"""`MessageFields` and, for each installed provider, an object of fields that only its own file reads."""


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 independent messages, each to named people."""

    messages: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=BATCH_MESSAGES_MAX)]


class ApproveRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approval. Whoever ordered the message has to repeat the number of its audience."""

    audience: Annotated[int, Meta(ge=0, description="As `approval.audience` of the message.")] | None = None


class ApprovalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A message to more devices than the app's `approval_over`."""

    state: Literal["needed", "given", "ended"]
    audience: int
    by: str | None = None
    at: datetime | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The message is stored and will be sent, whatever happens to this process."""

    id: str
    state: StateWord
    created_at: datetime
    due_at: datetime
    approval: Annotated[ApprovalAnswer | None, Meta(description="It waits for one.")] = None


class BatchResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one message of a batch: accepted, or why not."""

    status: int
    message: msgspec.Raw | None = None
    error: ErrorBody | None = None


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A result for each message, in their order."""

    accepted: int
    refused: int
    data: list[BatchResult]


class FindingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Something worth knowing of a message: what is not shown, cut, missing or unknown. `platform` null: everywhere."""

    platform: str | None
    field: str
    code: str
    message: str


class SpokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one device would show. `subscription` null: the person has no such device.

    skipped: why nothing would be sent, and then `content` is null.
    """

    subscription: str | None
    channel: str
    platform: str
    content: dict[str, Any] | None
    skipped: str | None
    payload_bytes: int
    payload_bytes_max: int
    lint: list[FindingAnswer]


class SpokenPage(msgspec.Struct, frozen=True):
    """The devices of the person first, then every other platform."""

    data: list[SpokenAnswer]


class HourAnswer(msgspec.Struct, frozen=True):
    """What goes out in the hour from `at` (UTC) on, and how many of that in which time zone."""

    at: datetime
    count: int
    zones: dict[str, int]


class HeldAnswer(msgspec.Struct, frozen=True):
    """How many one reason holds, and when the last of them goes on; null: they would never get it."""

    count: int
    until: datetime | None


class PreviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Who would get it and when; nothing was stored."""

    dry_run: bool
    audience: int
    per_channel: dict[str, int]
    per_platform: dict[str, int]
    due_at: datetime
    by_hour: list[HourAnswer]
    later: Annotated[int, Meta(description=f"Still in line {PREVIEW_HOURS_MAX} hours after the first.")]
    zones: Annotated[dict[str, int], Meta(description="Where the audience is.")]
    held: Annotated[
        dict[str, HeldAnswer],
        Meta(description="By reason: quiet, local_time, best_time, throttled, late, expired. May overlap."),
    ]
    payload_bytes: dict[str, int]
    bytes_left: dict[str, int]
    warnings: list[str]
    lint: list[FindingAnswer]


class Waiting(msgspec.Struct, frozen=True):
    """Those whose hour has not come: how many, and when the first of them are due."""

    devices: int
    until: datetime


class MessageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A message and what became of it so far. Counts are subscriptions."""

    id: str
    state: StateWord
    title: Text
    body: Text
    url: str
    audience: dict[str, Any]
    category: Category
    per_minute: int | None
    approval: ApprovalAnswer | None
    series: str | None
    schedule: dict[str, Any]
    inbox: dict[str, Any] | None
    waiting: Waiting | None
    recalls: Annotated[str | None, Meta(description="The message that this one takes back.")]
    recalled_by: Annotated[str | None, Meta(description="The message that takes this one back.")]
    created_at: datetime
    due_at: datetime
    planned_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime
    counts: dict[str, int]
    skipped_by: dict[str, int]
    failed_by: dict[str, int]
    per_channel: dict[str, dict[str, int]]
    per_platform: dict[str, dict[str, int]]
    per_variant: dict[str, dict[str, int]]
    experiment: ExperimentAnswer | None
    exact: bool


class LimitsChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits that may be changed under way."""

    per_minute: (
        Annotated[int, Meta(ge=1, le=PER_MINUTE_MAX, description="null: as fast as it goes.")]
        | msgspec.UnsetType
        | None
    ) = msgspec.UNSET


class ScheduleChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new time."""

    at: Annotated[datetime, Meta(tz=True, description="RFC 3339 with a zone.")]


class MessageChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a message, for all that has not gone out."""

    limits: LimitsChange | None = None
    schedule: ScheduleChange | None = None


class MessagePage(msgspec.Struct, frozen=True):
    """Messages, the newest first."""

    data: list[MessageAnswer]
    next: str | None


class MessageState(msgspec.Struct, frozen=True):
    """The state after a change."""

    id: str
    state: StateWord


class RecipientAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one device of a message; `attempt` counts from 0.

    Asked for one person or device it also tells why in words, until when somebody is held, what else would keep the
    message from them at the moment, and each condition of the audience where the device is not in it.
    """

    subscription: str
    state: str
    reason: str | None
    at: datetime | None
    attempt: int
    text: str = ""
    until: datetime | None = None
    also: list[str] = []
    conditions: list[Condition] = []


class RecipientPage(msgspec.Struct, frozen=True):
    """Recipients in the order of their ids."""

    data: list[RecipientAnswer]
    next: str | None
