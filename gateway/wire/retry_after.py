"""Retry-After, RFC 9110 section 10.2.3: seconds, or a date."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.model.limits import RETRY_AFTER_S_MAX

_DIGITS_MAX = 9


def retry_after_s(text: str | None, *, now_s: float) -> float | None:
    """How many seconds to wait, 0..3600, or None where the header is absent or makes no sense.

    `now_s` is Unix time. Negative waits and dates gone by mean at once.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.removeprefix("-").isdigit():
        seconds = float(text[: _DIGITS_MAX + 1])
    else:
        try:
            at = parsedate_to_datetime(text)
            seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_s
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), float(RETRY_AFTER_S_MAX))


def http_date(at_s: float) -> str:
    """Unix time as an HTTP date, for tests and services that answer with one."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
