"""What is wrong with a prompt beyond what its types say, as a refusal that names the field.

Texts reach visitors of a shop as plain text; characters that could turn the words around them are refused all the same.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NoReturn

from gateway.model.errors import Invalid
from gateway.model.limits import (
    LANGUAGE_CHARS_MAX,
    PROMPT_CONTRAST_MIN,
    PROMPT_EXPERIMENT_S_MAX,
    PROMPT_EXPERIMENT_S_MIN,
    PROMPT_PATTERN_STARS_MAX,
)
from gateway.model.period import parse_period
from gateway.model.prompt import Colours, Prompt, PromptExperiment, Rules, Theme, Words
from gateway.policy.contrast import contrast_of
from gateway.policy.prompts import merged_colours, merged_theme

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}")
_PATTERN: Final = re.compile(r"[/*][^\s?#\\]*")
_ICON: Final = re.compile(r"/[A-Za-z0-9._~%@-][A-Za-z0-9._~%@/-]*")
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of text: with them words read otherwise than they are written (Unicode TR 36)."""
_UNSEEN: Final = ("Cc", "Cs", "Co")
_PAIRS: Final = (("text", "background"), ("accent_text", "accent"))


def check(prompt: Prompt) -> None:
    """Raises `Invalid` with the path of the first fault."""
    _check_texts(prompt.texts, "texts")
    _check_topics(prompt)
    _check_rules(prompt.rules)
    _check_theme(prompt.theme, prompt.theme, "theme")
    _check_variants(prompt)
    _check_experiment(prompt)


def experiment_s(experiment: PromptExperiment) -> int | None:
    """How long variants are tried; None where the winner is chosen by hand. Raises `Invalid`."""
    if experiment.winner == "hand":
        if experiment.after:
            _refuse("What is chosen by hand has no time.", "experiment.after")
        return None
    period = parse_period(experiment.after)
    after_s = 0 if period is None or period.months else period.seconds
    if not PROMPT_EXPERIMENT_S_MIN <= after_s <= PROMPT_EXPERIMENT_S_MAX:
        _refuse("Say how long they are tried, PT1H to P90D, such as P7D.", "experiment.after")
    return after_s


def _check_texts(texts: Mapping[str, Words], param: str) -> None:
    _check_languages(texts, param)
    for language, words in texts.items():
        for field in Words.__struct_fields__:
            _check_text(getattr(words, field) or "", f"{param}.{language}.{field}")


def _check_languages(languages: Iterable[str], param: str) -> None:
    for language in languages:
        if len(language) > LANGUAGE_CHARS_MAX or _LANGUAGE.fullmatch(language) is None:
            _refuse("A language is a tag such as `nl` or `pt-BR` (RFC 5646).", param)


def _check_text(text: str, param: str) -> None:
    if any((char in _TURNING or unicodedata.category(char) in _UNSEEN) and char != "\n" for char in text):
        _refuse("A text holds a character that cannot be seen, or turns the text around.", param)


def _check_topics(prompt: Prompt) -> None:
    _check_names([topic.slug for topic in prompt.topics], "topics", "slug")
    for at, topic in enumerate(prompt.topics):
        param = f"topics[{at}].texts"
        _check_languages(topic.texts, param)
        for language, label in topic.texts.items():
            _check_text(label, f"{param}.{language}")


def _check_names(names: Sequence[str], param: str, field: str) -> None:
    for at, name in enumerate(names):
        if name in names[:at]:
            _refuse("It is named twice.", f"{param}[{at}].{field}")


def _check_rules(rules: Rules) -> None:
    for field in ("include", "exclude"):
        for at, pattern in enumerate(getattr(rules, field)):
            if _PATTERN.fullmatch(pattern) is None or not pattern.isprintable():
                _refuse("A pattern is of a path, such as `/sale/*`, without `?` and `#`.", f"rules.{field}[{at}]")
            if pattern.count("*") > PROMPT_PATTERN_STARS_MAX:
                _refuse(f"A pattern has at most {PROMPT_PATTERN_STARS_MAX} `*`.", f"rules.{field}[{at}]")


def _check_theme(given: Theme, whole: Theme, param: str) -> None:
    if given.icon is not None and _ICON.fullmatch(given.icon) is None:
        _refuse("An icon is a path on the shop's own site, such as `/logo.png`.", f"{param}.icon")
    _check_colours(whole, param)
    _check_colours(merged_colours(whole, whole.dark), f"{param}.dark")


def _check_colours(colours: Colours, param: str) -> None:
    for front, back in _PAIRS:
        one, other = getattr(colours, front), getattr(colours, back)
        if (one is None) is not (other is None):
            _refuse(f"Give {front} and {back} together, or neither.", f"{param}.{front if one is None else back}")
        if one is not None and contrast_of(one, other) < PROMPT_CONTRAST_MIN:
            _refuse(
                f"This is hard to read on {back}: a contrast of {contrast_of(one, other):.1f}, and WCAG asks for"
                f" {PROMPT_CONTRAST_MIN}.",
                f"{param}.{front}",
            )


def _check_variants(prompt: Prompt) -> None:
    if len(prompt.variants) == 1:
        _refuse("One variant is none: name two or more.", "variants")
    _check_names([variant.name for variant in prompt.variants], "variants", "name")
    for at, variant in enumerate(prompt.variants):
        param = f"variants[{at}]"
        if not variant.name.isprintable() or variant.name != variant.name.strip():
            _refuse("Each variant has a printable name.", f"{param}.name")
        _check_texts(variant.texts, f"{param}.texts")
        _check_theme(variant.theme, merged_theme(prompt.theme, variant.theme), f"{param}.theme")


def _check_experiment(prompt: Prompt) -> None:
    if prompt.experiment is None:
        return
    if not prompt.variants:
        _refuse("An experiment tries variants: name two or more.", "variants")
    experiment_s(prompt.experiment)


def _refuse(sentence: str, param: str) -> NoReturn:
    raise Invalid("field_invalid", sentence, param=param)
