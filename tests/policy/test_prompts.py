"""From a prompt as its owner wants it to what pages get."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.model.errors import Invalid
from gateway.model.prompt import PagePrompt, Prompt, PromptExperiment, StoredPrompt
from gateway.policy.contrast import contrast_of
from gateway.policy.prompt_faults import check, experiment_s
from gateway.policy.prompts import begins_anew, in_language, page_prompt

_NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
_VARIANTS = [
    {"name": "plain"},
    {"name": "dark", "theme": {"scheme": "dark", "dark": {"text": "#eeeeee", "background": "#000000"}}},
]


def _prompt(**fields: Any) -> Prompt:
    return msgspec.convert(fields, Prompt)


def _page(prompt: Prompt, *, winner: int | None = None) -> PagePrompt:
    stored = StoredPrompt(
        slug="welcome", prompt=prompt, began_at=_NOW, decide_at=None, winner=winner, decided_by=None, decided_at=None,
        created_at=_NOW, changed_at=_NOW,
    )  # fmt: skip
    return page_prompt(stored, {"sale": "Sale"})


def test_a_variant_is_complete():
    """A page never looks anywhere else for what a variant leaves out, not even inside its dark colours."""
    theme = {"corner_px": 0, "dark": {"accent": "#a8c7fa", "accent_text": "#062e6f"}}
    plain, dark = _page(_prompt(texts={"nl": {"yes": "Ja"}}, theme=theme, variants=_VARIANTS)).variants
    assert (plain.theme.scheme, dark.theme.scheme, dark.theme.corner_px) == ("auto", "dark", 0)
    assert (dark.theme.dark.accent, dark.theme.dark.text) == ("#a8c7fa", "#eeeeee")
    assert (plain.theme.dark.text, dark.texts) == (None, plain.texts)


def test_an_empty_text_of_a_variant_takes_the_prompts_away():
    """A body of "" says nothing; a body that is left out says what the prompt does."""
    variants = [{"name": "a"}, {"name": "b", "texts": {"en": {"body": ""}}}]
    one, other = _page(_prompt(texts={"en": {"body": "Much"}}, variants=variants)).variants
    assert (one.texts["en"].body, other.texts["en"].body) == ("Much", "")


def test_the_winner_is_all_that_is_left():
    """Under its own name, so that what becomes of it is still counted."""
    assert [one.name for one in _page(_prompt(variants=_VARIANTS), winner=1).variants] == ["dark"]


def test_a_language_that_nobody_wrote_leaves_something_to_read():
    """English, else whatever there is; a prompt without any text stays without."""
    texts = {"nl": {"title": "Hoi"}, "fr": {"title": "Salut"}}
    assert list(in_language(_page(_prompt(texts=texts)), "ja", fall_back=None).variants[0].texts) == ["fr"]
    assert list(in_language(_page(_prompt(texts=texts)), "ja", fall_back="fr").variants[0].texts) == ["fr"]
    assert in_language(_page(_prompt()), "ja", fall_back="fr").variants[0].texts == {}


@pytest.mark.parametrize(
    ("change", "is_seen"),
    [
        ({"texts": {"en": {"title": "x"}}}, True),
        ({"theme": {"corner_px": 3}}, True),
        ({"kind": "bell"}, True),
        ({"variants": _VARIANTS}, True),
        ({"topics": [{"slug": "sale"}]}, True),
        ({"rules": {"page_views": 5}}, False),
        ({"is_active": False}, False),
        ({"priority": 5}, False),
        ({"back_off_days": [9]}, False),
    ],
)
def test_counting_begins_anew_when_visitors_see_something_else(change: dict[str, Any], is_seen: object):
    """And not when it is shown elsewhere, or more often."""
    assert begins_anew(_prompt(), _prompt(**change)) is is_seen


def test_contrast_is_as_wcag_has_it():
    """Known pairs: black on white, the same colour, and the grey that just passes."""
    assert contrast_of("#000000", "#ffffff") == pytest.approx(21)
    assert contrast_of("#123456", "#123456") == pytest.approx(1)
    assert contrast_of("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)


def test_a_variant_is_held_against_what_it_leaves_in_place():
    """Its text may be readable on its own and not on the prompt's background."""
    theme = {"text": "#000000", "background": "#ffffff"}
    with pytest.raises(Invalid) as fault:
        check(_prompt(theme=theme, variants=[{"name": "a"}, {"name": "b", "theme": {"text": "#eeeeee"}}]))
    assert fault.value.param == "variants[1].theme.text"


def test_languages_without_spaces_and_joined_signs_are_text():
    """Persian with its joiners, a family of several signs, lines in a body: all of it may be said."""
    persian, family = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\U0001f468\u200d\U0001f469"
    check(_prompt(texts={"fa": {"title": persian}, "zh-Hans": {"body": f"{family}\n2"}}))


def test_how_long_variants_are_tried():
    """As ISO 8601 writes it; by hand for as long as it takes."""
    assert experiment_s(PromptExperiment(winner="yes", after="P7D")) == 7 * 86_400
    assert experiment_s(PromptExperiment(winner="hand")) is None
