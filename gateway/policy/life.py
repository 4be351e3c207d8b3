"""How long a message lives: until when it may leave the gateway."""

from datetime import datetime

from gateway.model.limits import NOW_OR_NEVER_S
from gateway.model.message import Content
from gateway.model.schedule import Timing


def life_s(content: Content) -> int:
    """How long after its due time a message may leave the gateway."""
    return content.ttl_s or NOW_OR_NEVER_S


def life_from_s(content: Content, timing: Timing, due_at: datetime) -> int:
    """The same for a message that may say an end of its own."""
    if timing.until is None:
        return life_s(content)
    return max(1, min(life_s(content), int((timing.until - due_at).total_seconds())))
