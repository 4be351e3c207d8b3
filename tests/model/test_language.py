"""A message in several languages: everybody reads one that they understand, if there is one."""

import pytest

from gateway.model.language import language_finder, text_in

GREETING = {"en": "Hello", "nl": "Hallo", "pt-BR": "Oi"}


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("nl", "nl"),
        ("nl-BE", "nl"),
        ("NL_be", "nl"),
        ("pt-br", "pt-BR"),
        ("pt-PT", "en"),
        ("de", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_a_device_gets_its_own_language_or_english(locale: str | None, language: str):
    """With the region or without it, whatever the spelling."""
    assert language_finder([GREETING, "Always the same"])(locale) == language


def test_a_language_is_found_however_many_locales_there_are():
    """Devices may say what they like: only so much of it is remembered, and the answer stays right."""
    find = language_finder([GREETING])

    assert {find(f"nl-{number}") for number in range(3000)} == {"nl"}
    assert find("nl-2999") == "nl"


def test_without_english_the_first_language_is_read():
    """A shop need not write English. First by name, since a database of JSON keeps no other order."""
    assert language_finder(["x", {"nl": "Hallo", "fr": "Bonjour"}])("de") == "fr"
    assert text_in({"nl": "Hallo", "fr": "Bonjour"}, "de") == "Bonjour"


def test_a_text_without_languages_is_the_same_for_all():
    """No language is made up."""
    assert language_finder(["x", ""])("nl") == ""
    assert text_in("x", "nl") == "x"


@pytest.mark.parametrize(
    ("text", "words"),
    [(GREETING, "Hallo"), ({"en": "Hello", "fr": "Bonjour"}, "Hello"), ({"fr": "Bonjour"}, "Bonjour"), ({}, "")],
)
def test_a_text_that_lacks_the_language_is_read_in_another(text: dict[str, str], words: str):
    """Title and body need not have the same languages."""
    assert text_in(text, "nl") == words
