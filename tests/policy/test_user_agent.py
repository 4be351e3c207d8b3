"""Browsers and systems, by what they call themselves."""

import pytest

from gateway.policy.user_agent import browser_of, system_of


@pytest.mark.parametrize(
    ("agent", "browser"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/148.0.0.0 Safari/537.36", "chrome"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0", "edge"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/148.0 Mobile Safari/537.36 EdgA/148.0", "edge"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "safari"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) CriOS/148.0 Mobile Safari", "safari"),
        ("Mozilla/5.0 (Linux; Android 14) SamsungBrowser/27.0 Chrome/125.0 Mobile Safari/537.36", "samsung"),
        ("Mozilla/5.0 (X11) Chrome/148.0 Safari/537.36 OPR/120.0", "opera"),
        ("curl/8.5", "other"),
        ("", "other"),
    ],
)  # fmt: skip
def test_browsers_are_known_by_what_they_call_themselves(agent: str, browser: str):
    """Most of them also call themselves Chrome; on iOS all are Safari underneath."""
    assert browser_of(agent) == browser


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/148.0.0.0 Safari/537.36", "linux"),
        ("Mozilla/5.0 (X11; CrOS x86_64 16000) AppleWebKit/537.36 Chrome/148.0.0.0 Safari/537.36", "linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/148.0.0.0 Safari/537.36", "windows"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0", "android"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/148.0 Mobile Safari/537.36", "android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15", "macos"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) CriOS/148.0 Mobile Safari", "ios"),
        ("curl/8.5", None),
        ("x" * 400 + "Android", None),
    ],
)
def test_systems_are_known_by_what_browsers_say(agent: str, system: str | None):
    """Android also says Linux, and an iPhone that it is like a Mac; what is too long is not read."""
    assert system_of(agent) == system
