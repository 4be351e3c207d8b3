"""From a prompt as its owner wants it to what a page gets: every variant complete, or the winner alone."""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET

from gateway.model.language import language_finder
from gateway.model.prompt import (
    Colours,
    Kind,
    PagePrompt,
    PageTheme,
    PageTopic,
    PageVariant,
    Prompt,
    PromptVariant,
    StoredPrompt,
    Theme,
    Words,
)

T = TypeVar("T")

_PLAIN: Final = (PromptVariant(name=""),)
_CORNER_PX: Final = 12
_POSITION_OF_BELL: Final = "bottom-right"
_POSITION: Final = "top"
_COLOURS: Final = Colours.__struct_fields__
_SEEN: Final = ("kind", "texts", "topics", "theme", "variants")


def begins_anew(old: Prompt, new: Prompt) -> bool:
    """Whether visitors see something else: what they answered before says nothing of it then."""
    return any(getattr(old, field) != getattr(new, field) for field in _SEEN)


def page_prompt(stored: StoredPrompt, topics: Mapping[str, str]) -> PagePrompt:
    """The prompt for pages. `topics`: names by slug of those that the app has; others are not offered any more."""
    prompt = stored.prompt
    variants = prompt.variants or _PLAIN
    left = variants if stored.winner is None else variants[stored.winner : stored.winner + 1]
    return PagePrompt(
        slug=stored.slug,
        kind=prompt.kind,
        variants=[_variant(prompt, variant) for variant in left],
        topics=[
            PageTopic(slug=one.slug, name=topics[one.slug], texts=one.texts, is_checked=one.is_checked)
            for one in prompt.topics
            if one.slug in topics
        ],
        rules=prompt.rules,
        back_off_days=prompt.back_off_days,
    )


def in_language(prompt: PagePrompt, locale: str, *, fall_back: str | None) -> PagePrompt:
    """The same with the texts of one language each, for a visitor of this locale."""
    return msgspec.structs.replace(
        prompt,
        variants=[msgspec.structs.replace(one, texts=_one_of(one.texts, locale, fall_back)) for one in prompt.variants],
        topics=[msgspec.structs.replace(one, texts=_one_of(one.texts, locale, fall_back)) for one in prompt.topics],
    )


def merged_theme(theme: Theme, over: Theme) -> Theme:
    """A theme with what another one says of its own."""
    said = {
        name: getattr(over, name)
        for name in Theme.__struct_fields__
        if name != "dark" and getattr(over, name) is not None
    }
    return msgspec.structs.replace(theme, **said, dark=merged_colours(theme.dark, over.dark))


def merged_colours(colours: Colours, over: Colours) -> Colours:
    """Colours with those that others say of their own."""
    return Colours(**{name: getattr(over, name) or getattr(colours, name) for name in _COLOURS})


def merged_texts(texts: Mapping[str, Words], over: Mapping[str, Words]) -> dict[str, Words]:
    """Texts with what others say of their own, field by field."""
    return {language: _merged_words(texts.get(language), over.get(language)) for language in {**texts, **over}}


def _merged_words(words: Words | None, over: Words | None) -> Words:
    if words is None or over is None:
        return over or words or Words()
    said = {name: getattr(over, name) for name in Words.__struct_fields__ if getattr(over, name) is not None}
    return msgspec.structs.replace(words, **said)


def _variant(prompt: Prompt, variant: PromptVariant) -> PageVariant:
    return PageVariant(
        name=variant.name,
        weight=variant.weight,
        texts=merged_texts(prompt.texts, variant.texts),
        theme=_page_theme(merged_theme(prompt.theme, variant.theme), prompt.kind),
    )


def _page_theme(theme: Theme, kind: Kind) -> PageTheme:
    return PageTheme(
        scheme=theme.scheme or "auto",
        corner_px=_CORNER_PX if theme.corner_px is None else theme.corner_px,
        position=theme.position or (_POSITION_OF_BELL if kind == "bell" else _POSITION),
        icon=theme.icon,
        dark=theme.dark,
        **{name: getattr(theme, name) or UNSET for name in _COLOURS},
    )


def _one_of(texts: dict[str, T], locale: str, fall_back: str | None) -> dict[str, T]:
    if not texts:
        return texts
    language = language_finder([dict.fromkeys(texts, "")], fall_back=fall_back)(locale)
    return {language: texts[language]}
