"""The page behind a message's link, as it is served: the same for everybody, and nothing that leaks."""

import re
import string

import pytest

from gateway.api.preference_texts import accepted, language_of, texts
from tests.api.world import Shop


async def _get(shop: Shop, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    async with shop.session.get(shop.gateway.url + path, headers=headers) as answer:
        return answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.text()


async def test_the_page_trusts_nobody_and_remembers_nothing(shop: Shop):
    """Scripts and styles of this gateway alone, no frame around it, no referrer, no cookie, nothing in the markup."""
    status, headers, body = await _get(shop, "/preferences")
    assert status == 200
    parts = [part.strip().partition(" ") for part in headers["content-security-policy"].split(";")]
    policy = {name: value for name, _, value in parts}
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert (headers["referrer-policy"], "set-cookie" in headers) == ("no-referrer", False)
    assert not re.search(r"https?://|<script>|<style|\son\w+=", body)
    files = re.findall(r'(?:src|href)="([^":]+)"', body)
    assert files == ["preferences/page.css", "sdk/v1/preferences.js", "preferences/page.js"]
    assert [(await _get(shop, f"/{file}"))[0] for file in (files[0], files[2])] == [200, 200]
    assert (await _get(shop, "/preferences/texts.json"))[0] == 404


@pytest.mark.parametrize(
    ("path", "header", "language", "direction"),
    [
        ("/preferences", "nl-BE,en;q=0.5", "nl", "ltr"),
        ("/preferences", "xx, he;q=0.2, pl;q=0.9", "pl", "ltr"),
        ("/preferences", "ar;q=nonsense", "en", "ltr"),
        ("/preferences", "", "en", "ltr"),
        ("/preferences?language=ar", "nl", "ar", "rtl"),
        ("/preferences?language=<b>", "nl", "nl", "ltr"),
    ],
)
async def test_it_speaks_the_visitor_s_language(shop: Shop, path: str, header: str, language: str, direction: str):
    """What went wrong is told in words that they read, also before anything is known of them."""
    _, headers, body = await _get(shop, path, **({"Accept-Language": header} if header else {}))
    assert f'<html lang="{language}" dir="{direction}">' in body
    assert texts()[language]["lost"] in body
    assert (headers["content-language"], headers["vary"]) == (language, "Accept-Language")


def test_every_language_says_all_of_it():
    """Ten languages and more; each has the same words with the same places in them."""
    english = texts()["en"]
    places = {
        name: {field for _, field, _, _ in string.Formatter().parse(text) if field} for name, text in english.items()
    }
    assert len(texts()) >= 10
    for language, words in texts().items():
        assert words.keys() == english.keys(), language
        for name, text in words.items():
            assert text.strip(), (language, name)
            assert {field for _, field, _, _ in string.Formatter().parse(text) if field} == places[name], (
                language,
                name,
            )


def _places(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def test_a_header_without_end_is_read_so_far():
    """A hostile Accept-Language costs nothing."""
    assert len(accepted("nl," * 100_000)) <= 20
    assert language_of([None, "", "zz-ZZ", "PT_br"]) == "pt"
