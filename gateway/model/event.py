"""What a device reports back of a message."""

from enum import IntEnum


class ReceiptKind(IntEnum):
    """Numbers are for ever: they are stored, and are bits of a receipt token (1 << kind)."""

    SHOWN = 0
    CLICKED = 1
    CLOSED = 2
