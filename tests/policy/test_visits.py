"""Who follows a link: people count, programs that look where it leads do not."""

import pytest

from gateway.policy.visits import is_persons

_BROWSERS = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Mozilla/5.0 (Linux; Android 15; CUBOT X70) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Mobile Safari/537",
    "Dalvik/2.1.0 (Linux; U; Android 15; Pixel 9 Build/AP4A)",
]
_PROGRAMS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0 A",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; bingbot/2.0; BingPreview/1.0b)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0 Safari/537.36",
    "Mozilla/5.0 (via ggpht.com GoogleImageProxy)",
    "python-requests/2.32",
    "curl/8.5.0",
    "",
]
_PHONE = {"User-Agent": _BROWSERS[0]}


@pytest.mark.parametrize("agent", _BROWSERS)
def test_a_browser_is_a_person(agent: str) -> None:
    """As browsers and apps name themselves, with and without what new ones say besides."""
    assert is_persons({"User-Agent": agent}, method="GET")
    told = {"User-Agent": agent, "Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"}
    assert is_persons(told, method="GET")


@pytest.mark.parametrize("agent", _PROGRAMS)
def test_a_program_that_names_itself_is_none(agent: str) -> None:
    """Previews in chats, scanners of mail, crawlers, and whoever does not say who it is."""
    assert not is_persons({"User-Agent": agent}, method="GET")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Purpose": "preview"},
        {"X-Moz": "prefetch"},
        {"Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Dest": "image", "Sec-Fetch-Mode": "no-cors"},
    ],
    ids=str,
)
def test_a_browser_that_looks_ahead_is_none(headers: dict[str, str]) -> None:
    """It fetches what nobody asked for yet, or not as a page."""
    assert is_persons(_PHONE, method="GET")
    assert not is_persons({**_PHONE, **headers}, method="GET")


def test_a_look_at_the_head_is_none() -> None:
    """HEAD asks what is there and opens nothing."""
    assert not is_persons(_PHONE, method="HEAD")
