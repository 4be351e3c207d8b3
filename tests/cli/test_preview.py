"""`steeple preview`: who would get it, in which hours, and who is held."""

import re
from typing import Any

import pytest

from gateway.cli.chart import bar, held_in_words, hours_chart
from tests.cli.terminal import Terminal

Demo = tuple[Terminal, dict[str, Any]]
_ZONES = {"Europe/Berlin": 600, "US": 300, "Asia/Tokyo": 90, "NZ": 10}
_HOURS = [
    {"at": "2026-06-10T12:00:00Z", "count": 1_000, "zones": _ZONES},
    {"at": "2026-06-10T13:00:00Z", "count": 1, "zones": {"Europe/Berlin": 1}},
]
_UNTIL = "2026-06-11T07:00:00Z"


def test_a_preview_shows_the_hours_and_sends_nothing(demo: Demo) -> None:
    """With the flags of `steeple send`; one bar, as all of it goes out at once."""
    terminal, _ = demo
    before = terminal("messages", "list", "--json").json
    said = terminal("preview", "--all", "--title", "Maybe", "--quiet", "ignore")
    assert said.code == 0, said.err
    assert re.search(r"Nothing was sent\. It would go to \d+ devices, from [-0-9]{10} [:0-9]{8} UTC on\.\n", said.out)
    assert "hour (UTC)" in said.out
    assert "█" * 30 in said.out
    answer = terminal("preview", "--all", "--title", "Maybe", "--quiet", "ignore", "--json").json
    assert (answer["dry_run"], sum(hour["count"] for hour in answer["by_hour"])) == (True, answer["audience"])
    assert terminal("messages", "list", "--json").json == before


def test_a_rate_and_an_end_are_told_in_words(demo: Demo) -> None:
    """Somebody has to wait for their turn: at one a minute, all but the first."""
    terminal, _ = demo
    said = terminal("preview", "--all", "--title", "Slow", "--per-minute", "1")
    assert "wait for their turn at this rate, the last until" in said.out


def test_a_preview_of_nobody_is_wrong_usage(demo: Demo) -> None:
    """As with `steeple send`."""
    terminal, _ = demo
    said = terminal("preview", "--title", "Maybe")
    assert (said.code, said.out) == (2, "")
    assert "Say to whom" in said.err


def test_a_refusal_says_which_text_is_wrong(demo: Demo) -> None:
    """A message has many texts, in several languages: the sentence alone would leave a developer searching."""
    terminal, _ = demo
    said = terminal("preview", "--all", "--title", "Hi", "--body", "{{ user.name | shout }}")
    assert (said.code, said.out) == (1, "")
    assert said.err == "steeple: body: The text cannot be read as Liquid: there is no filter shout\n"


@pytest.mark.parametrize(("count", "drawn"), [(1_000, "█" * 30), (500, "█" * 15), (1, "▏"), (20, "▋")])
def test_a_bar_is_as_long_as_its_share(count: int, drawn: str) -> None:
    """And never so short that nobody sees it."""
    assert bar(count, 1_000) == drawn


def test_a_chart_has_a_line_for_each_hour() -> None:
    """With the largest zones, and how many more there are."""
    shown = hours_chart(_HOURS)
    columns = [[str(cell) for cell in column.cells] for column in shown.columns]
    assert columns[0] == ["Wed 10 Jun 12:00", "Wed 10 Jun 13:00"]
    assert columns[3] == ["Europe/Berlin 600, US 300, Asia/Tokyo 90, 1 more", "Europe/Berlin 1"]


def test_whoever_is_held_is_told_in_words() -> None:
    """Until when, or that they never get it."""
    held = {"quiet": {"count": 1_200, "until": _UNTIL}, "expired": {"count": 3, "until": None}}
    assert held_in_words({"held": held, "later": 5}) == [
        "1,200 wait for the end of their night, the last until Thu 11 Jun 07:00 UTC.",
        "3 would not get it: it is over before their turn comes.",
        "5 go out later than these hours.",
    ]
    dropped = {"held": {"quiet": {"count": 2, "until": None}}, "later": 0}
    assert held_in_words(dropped) == ["2 are left out: it is night where they are."]
