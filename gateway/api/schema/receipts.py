"""Receipts on the wire."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.model.limits import ACTION_ID_CHARS_MAX, RECEIPT_TOKEN_CHARS_MAX, RECEIPTS_PER_REQUEST_MAX

KindWord = Literal["shown", "clicked", "closed"]


class ReceiptRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one notification; the token came in its payload."""

    token: Annotated[str, Meta(max_length=RECEIPT_TOKEN_CHARS_MAX)]
    kind: KindWord
    at: Annotated[datetime, Meta(tz=True)] | None = None
    action: Annotated[str, Meta(max_length=ACTION_ID_CHARS_MAX, description="The button that was clicked.")] = ""


class ReceiptsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 20 receipts at once."""

    receipts: Annotated[list[ReceiptRequest], Meta(max_length=RECEIPTS_PER_REQUEST_MAX)]


class ReceiptsAnswer(msgspec.Struct, frozen=True):
    """How many were genuine. The others are ignored: sending them again changes nothing."""

    accepted: int
