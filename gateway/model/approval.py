"""Messages to more people than one person may decide about wait until somebody approves them."""

from datetime import datetime

import msgspec


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of an approval, as stored with the message.

    audience: devices counted when it was asked for. ordered_by: who sent the message; None where the gateway itself
    noticed, at planning, that the audience had grown. by, at: who approved it, and when.
    """

    audience: int
    ordered_by: str | None = None
    by: str | None = None
    at: datetime | None = None
