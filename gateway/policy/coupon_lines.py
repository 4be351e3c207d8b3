"""One line of a list of codes, in any of the forms that shops export: plain text, CSV, or JSON."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from gateway.model.coupon import NewCode
from gateway.model.errors import Invalid
from gateway.model.limits import COUPON_CODE_CHARS_MAX, COUPON_LINE_CHARS_MAX
from gateway.policy.coupon_pattern import is_code
from gateway.policy.separators import separator_of


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    expires_at: datetime | None = None


_DECODER: Final = msgspec.json.Decoder(_Row)
_HEADINGS: Final = frozenset({"code", "codes", "coupon", "coupon_code", "voucher", "voucher_code", "discount_code"})
_DATE_CHARS: Final = len("2026-12-31")


def read_line(line: bytes, *, number: int) -> NewCode | None:
    """The code on this line, with the time that it expires at if it says one; None for an empty line or a heading.

    Raises `Invalid` with what is wrong with it.
    """
    text = _text(line).strip()
    if number == 1:
        text = text.removeprefix("\ufeff")
    if not text or (number == 1 and _is_heading(text)):
        return None
    code, expires_at = _json(text) if text.startswith("{") else _cells(text)
    if not is_code(code):
        raise Invalid(
            "field_invalid",
            f"A code has 1 to {COUPON_CODE_CHARS_MAX} printable characters, no spaces, commas, semicolons or quotes.",
            param="code",
        )
    return NewCode(code, expires_at)


def _is_heading(text: str) -> bool:
    return text.split(separator_of(text), maxsplit=1)[0].strip('" ').lower().replace(" ", "_") in _HEADINGS


def _text(line: bytes) -> str:
    if len(line) > COUPON_LINE_CHARS_MAX:
        raise Invalid("field_invalid", f"A line has at most {COUPON_LINE_CHARS_MAX} bytes.")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("field_invalid", "The line is not UTF-8.") from None


def _json(text: str) -> tuple[str, datetime | None]:
    try:
        row = _DECODER.decode(text)
    except msgspec.DecodeError as fault:
        raise Invalid("field_invalid", f'Expected {{"code": "...", "expires_at": "..."}}: {fault}.') from None
    return row.code, _zoned(row.expires_at)


def _cells(text: str) -> tuple[str, datetime | None]:
    separator = separator_of(text)
    code, _, rest = text.partition(separator)
    said = rest.partition(separator)[0].strip().strip('"')
    try:
        at = datetime.fromisoformat(said) if said else None
        if len(said) == _DATE_CHARS and at is not None:
            at += timedelta(days=1)  # "valid until the 31st" includes that day
    except (ValueError, OverflowError):
        raise Invalid(
            "field_invalid", "Expected a time such as 2026-12-31T23:59:59Z behind the code.", param="expires_at"
        ) from None
    return code.strip().strip('"'), _zoned(at)


def _zoned(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at
