"""The hours of a preview as a chart of text, and whom what holds in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.table import Table

from gateway.cli.answer import table

_BAR_CHARS: Final = 30
_BLOCKS: Final = " ▏▎▍▌▋▊▉"
_FULL: Final = "█"
_ZONES_NAMED: Final = 3
_REASONS: Final[Mapping[str, str]] = {
    "local_time": "wait for the local hour",
    "best_time": "wait for the hour when they are usually there",
    "quiet": "wait for the end of their night",
    "throttled": "wait for their turn at this rate",
}
_NEVER: Final[Mapping[str, str]] = {
    "quiet": "are left out: it is night where they are",
    "late": "are left out: their hour has passed",
    "expired": "would not get it: it is over before their turn comes",
}


def hours_chart(hours: Sequence[Mapping[str, Any]]) -> Table:
    """A bar for each hour in which something goes out."""
    most = max(hour["count"] for hour in hours)
    rows = [(_hour(hour["at"]), hour["count"], bar(hour["count"], most), _zones(hour["zones"])) for hour in hours]
    return table(("hour (UTC)", "devices", "", "where"), rows)


def bar(count: int, most: int) -> str:
    """As long as `count` is of `most`, in eighths of a character; whoever is there is seen."""
    eighths = max(1, round(count * _BAR_CHARS * 8 / most))
    return _FULL * (eighths // 8) + _BLOCKS[eighths % 8].strip()


def held_in_words(answer: Mapping[str, Any]) -> list[str]:
    """A sentence for each reason, and one for what lies beyond the hours that are told."""
    texts = [_held(reason, held["count"], held["until"]) for reason, held in answer["held"].items()]
    if answer["later"]:
        texts.append(f"{answer['later']:,} go out later than these hours.")
    return texts


def _held(reason: str, count: int, until: str | None) -> str:
    if until is None:
        return f"{count:,} {_NEVER.get(reason, reason)}."
    return f"{count:,} {_REASONS.get(reason, reason)}, the last until {_hour(until)} UTC."


def _hour(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%a %d %b %H:%M}"


def _zones(zones: Mapping[str, int]) -> str:
    """The largest, and how many more there are."""
    named = [f"{zone} {count:,}" for zone, count in list(zones.items())[:_ZONES_NAMED]]
    more = len(zones) - len(named)
    return ", ".join([*named, *([f"{more} more"] if more > 0 else [])])
