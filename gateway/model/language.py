"""Texts in several languages: which of them a device gets."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

_LOCALES_KEPT_MAX: Final = 1_024
"""Locales of devices are what devices say: the answers of so many are remembered."""

Text = str | Mapping[str, str]
"""One text, or one per language: `{"en": ..., "nl": ...}`."""


def language_finder(texts: Iterable[Text], *, fall_back: str | None = None) -> Callable[[str | None], str]:
    """Which of the languages of these texts a device gets, by its locale.

    Its own, its own without the region, the one to fall back on, English, the first by name (the store keeps no
    other order). "" for all devices where no text
    has languages.
    """
    offered = {language: None for text in texts if not isinstance(text, str) for language in text}
    if not offered:
        return lambda _locale: ""
    lowered = {language.lower(): language for language in offered}
    wanted_by_app = (fall_back or "").lower()
    otherwise = (
        lowered.get(wanted_by_app) or lowered.get(wanted_by_app.partition("-")[0]) or lowered.get("en", min(offered))
    )

    known: dict[str | None, str] = {}

    def find(locale: str | None) -> str:
        language = known.get(locale)
        if language is None:
            wanted = (locale or "").lower().replace("_", "-")
            language = lowered.get(wanted) or lowered.get(wanted.partition("-")[0]) or otherwise
            if len(known) < _LOCALES_KEPT_MAX:
                known[locale] = language
        return language

    return find


def text_in(text: Text, language: str) -> str:
    """A text in this language, else in English, else in the first by name."""
    if isinstance(text, str):
        return text
    return text.get(language) or text.get("en") or (text[min(text)] if text else "")
