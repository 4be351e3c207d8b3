"""The `inbox` of a request: whether and how long a message stays in the inbox of the page."""

from datetime import datetime, timedelta

from gateway.api.schema.messages import InboxRequest
from gateway.model.errors import Invalid
from gateway.model.inbox import Inbox
from gateway.model.limits import INBOX_DAYS


def inbox_of(asked: bool | InboxRequest, *, due_at: datetime) -> Inbox | None:  # noqa: FBT001 - as the field has it
    """What is asked for; None for a message that does not stay. Raises `Invalid` with the path of the fault."""
    if isinstance(asked, bool):
        return Inbox() if asked else None
    if asked.until is not None and asked.until <= due_at:
        raise Invalid("schedule_invalid", "It would be gone from the inbox before it is sent.", param="inbox.until")
    if asked.until is not None and asked.until > due_at + timedelta(days=INBOX_DAYS):
        raise Invalid("schedule_invalid", f"An inbox goes back {INBOX_DAYS} days at most.", param="inbox.until")
    return Inbox(until=asked.until, banner=asked.banner)
