"""Texts in several languages: which of them a device gets."""

from collections.abc import Callable, Iterable, Mapping

Text = str | Mapping[str, str]
"""One text, or one per language: `{"en": ..., "nl": ...}`."""


def language_finder(texts: Iterable[Text]) -> Callable[[str | None], str]:
    """Which of the languages of these texts a device gets, by its locale.

    Its own, its own without the region, English, the first. "" for all devices where no text has languages.
    """
    offered = {language: None for text in texts if not isinstance(text, str) for language in text}
    if not offered:
        return lambda _locale: ""
    lowered = {language.lower(): language for language in offered}
    fall_back = lowered.get("en", next(iter(offered)))

    def find(locale: str | None) -> str:
        wanted = (locale or "").lower().replace("_", "-")
        return lowered.get(wanted) or lowered.get(wanted.partition("-")[0]) or fall_back

    return find


def text_in(text: Text, language: str) -> str:
    """A text in this language, else in English, else in the first there is."""
    if isinstance(text, str):
        return text
    return text.get(language) or text.get("en") or next(iter(text.values()), "")
