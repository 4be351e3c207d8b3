"""Prompts: how a site asks its visitors, before the browser does.

A prompt is data that pages read with their app's settings, so that it is made, changed and stopped without touching
the site. What is stored is a `Prompt`; a page gets a `PagePrompt`, in which every variant is complete.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.model.limits import (
    PROMPT_BACK_OFF_DAYS_MAX,
    PROMPT_BACK_OFFS_MAX,
    PROMPT_BODY_CHARS_MAX,
    PROMPT_BUTTON_CHARS_MAX,
    PROMPT_CART_MAX,
    PROMPT_CORNER_PX_MAX,
    PROMPT_DELAY_S_MAX,
    PROMPT_ICON_CHARS_MAX,
    PROMPT_LANGUAGES_MAX,
    PROMPT_PAGE_VIEWS_MAX,
    PROMPT_PATTERN_CHARS_MAX,
    PROMPT_PATTERNS_MAX,
    PROMPT_PRIORITY_MAX,
    PROMPT_TITLE_CHARS_MAX,
    PROMPT_TOPIC_CHARS_MAX,
    PROMPT_TOPICS_MAX,
    PROMPT_VARIANTS_MAX,
    SLUG_CHARS_MAX,
    VARIANT_NAME_CHARS_MAX,
    VARIANT_WEIGHT_MAX,
)

Kind = Literal["slidedown", "bell", "inline", "custom"]
Scheme = Literal["auto", "light", "dark"]
Position = Literal["top", "bottom", "middle", "top-left", "top-right", "bottom-left", "bottom-right"]
PromptMetric = Literal["granted", "yes", "hand"]

_Line = Annotated[str, Meta(min_length=1, max_length=PROMPT_TITLE_CHARS_MAX)]
_Button = Annotated[str, Meta(min_length=1, max_length=PROMPT_BUTTON_CHARS_MAX)]
_Colour = Annotated[str, Meta(pattern="^#[0-9A-Fa-f]{6}$", description="Such as `#0b57d0`.")]
_Pattern = Annotated[str, Meta(min_length=1, max_length=PROMPT_PATTERN_CHARS_MAX)]
_Label = Annotated[str, Meta(min_length=1, max_length=PROMPT_TOPIC_CHARS_MAX)]
_Days = Annotated[int, Meta(ge=1, le=PROMPT_BACK_OFF_DAYS_MAX)]

BACK_OFF_DAYS: Final = (3, 7, 30)


class Words(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a prompt says in one language, as plain text. What is left out is said in the script's own words.

    body: "" says nothing there. topics: the heading over the topics. thanks: after the visitor agreed.
    """

    title: _Line | None = None
    body: Annotated[str, Meta(max_length=PROMPT_BODY_CHARS_MAX)] | None = None
    yes: _Button | None = None
    no: _Button | None = None
    topics: _Line | None = None
    thanks: _Line | None = None


Texts = Annotated[
    dict[str, Words], Meta(max_length=PROMPT_LANGUAGES_MAX, description="By language, such as `nl` or `pt-BR`.")
]


class Colours(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Colours, in pairs that can be read: `accent` with `accent_text`, `background` with `text`."""

    accent: _Colour | None = None
    accent_text: _Colour | None = None
    background: _Colour | None = None
    text: _Colour | None = None


class Theme(Colours, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a prompt looks; what is left out is as the script has it. dark: the colours in a dark scheme.

    icon: a path on the shop's own site, such as `/logo.png`: a prompt asks nobody else for anything.
    """

    dark: Colours = Colours()
    scheme: Scheme | None = None
    corner_px: Annotated[int, Meta(ge=0, le=PROMPT_CORNER_PX_MAX)] | None = None
    position: Position | None = None
    icon: Annotated[str, Meta(min_length=2, max_length=PROMPT_ICON_CHARS_MAX)] | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a prompt shows itself: all conditions hold, and after `delay_s` on the page.

    Where `scroll_percent` or `exit_intent` is set it also waits for either. is_automatic: false shows it only when the
    page calls for it. page_views: from the visitor's so manieth page on. include, exclude: paths, `*` stands for any
    characters; exclude goes before include. after_order: only once an order was placed in this visit.
    """

    is_automatic: bool = True
    page_views: Annotated[int, Meta(ge=1, le=PROMPT_PAGE_VIEWS_MAX)] = 1
    delay_s: Annotated[float, Meta(ge=0, le=PROMPT_DELAY_S_MAX)] = 0.0
    scroll_percent: Annotated[float, Meta(gt=0, le=100)] | None = None
    exit_intent: bool = False
    include: Annotated[tuple[_Pattern, ...], Meta(max_length=PROMPT_PATTERNS_MAX)] = ()
    exclude: Annotated[tuple[_Pattern, ...], Meta(max_length=PROMPT_PATTERNS_MAX)] = ()
    after_order: bool = False
    cart_value_over: Annotated[float, Meta(ge=0, le=PROMPT_CART_MAX)] | None = None


class OfferedTopic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A topic that the visitor may tick; in a language without a text of its own it goes by its name."""

    slug: Annotated[str, Meta(min_length=1, max_length=SLUG_CHARS_MAX)]
    texts: Annotated[dict[str, _Label], Meta(max_length=PROMPT_LANGUAGES_MAX)] = {}
    is_checked: bool = False


class PromptVariant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to ask. What its texts and theme leave out is as in the prompt."""

    name: Annotated[str, Meta(min_length=1, max_length=VARIANT_NAME_CHARS_MAX, description="Such as `short`.")]
    weight: Annotated[int, Meta(ge=1, le=VARIANT_WEIGHT_MAX, description="Its part of the sum of all weights.")] = 1
    texts: Texts = {}
    theme: Theme = Theme()


class PromptExperiment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the best variant is found, which everybody sees from then on.

    winner: the one with the most `granted` (the browser's yes) or `yes` (the prompt's) of those asked, or by hand.
    """

    winner: PromptMetric
    after: Annotated[str, Meta(max_length=32, description="ISO 8601: how long they are tried, PT1H to P90D.")] = ""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as its owner wants it. priority: of several whose rules hold the highest shows itself.

    back_off_days: so long it rests after the first no, the second, and so on; the last one repeats.
    """

    kind: Kind = "slidedown"
    is_active: bool = True
    priority: Annotated[int, Meta(ge=0, le=PROMPT_PRIORITY_MAX)] = 0
    texts: Texts = {}
    topics: Annotated[tuple[OfferedTopic, ...], Meta(max_length=PROMPT_TOPICS_MAX)] = ()
    rules: Rules = Rules()
    theme: Theme = Theme()
    variants: Annotated[tuple[PromptVariant, ...], Meta(max_length=PROMPT_VARIANTS_MAX)] = ()
    experiment: PromptExperiment | None = None
    back_off_days: Annotated[tuple[_Days, ...], Meta(min_length=1, max_length=PROMPT_BACK_OFFS_MAX)] = BACK_OFF_DAYS


class StoredPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt and what became of it.

    began_at: since when visitors see it as it is; what was counted before says nothing of it. winner: the place of the
    variant that everybody sees.
    """

    slug: str
    prompt: Prompt
    began_at: datetime
    decide_at: datetime | None
    winner: int | None
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime
    changed_at: datetime


class PageTheme(msgspec.Struct, frozen=True, kw_only=True):
    """How a variant looks: whatever is decided, and those colours that were chosen."""

    scheme: Scheme
    corner_px: int
    position: Position
    icon: str | None
    dark: Colours
    accent: str | UnsetType = UNSET
    accent_text: str | UnsetType = UNSET
    background: str | UnsetType = UNSET
    text: str | UnsetType = UNSET


class PageVariant(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask, complete. A prompt without variants has one whose name is ""."""

    name: str
    weight: int
    texts: dict[str, Words]
    theme: PageTheme


class PageTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic to tick; `name` where `texts` has no label in the visitor's language."""

    slug: str
    name: str
    texts: dict[str, str]
    is_checked: bool


class PagePrompt(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as pages get it. A page draws one variant by weight, the same one for a visitor each time."""

    slug: str
    kind: Kind
    variants: list[PageVariant]
    topics: list[PageTopic]
    rules: Rules
    back_off_days: tuple[int, ...]
