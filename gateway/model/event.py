"""What a device reports back of a message."""

from enum import IntEnum
from typing import Final


class ReceiptKind(IntEnum):
    """Numbers are for ever: they are stored, and are bits of a receipt token (1 << kind)."""

    SHOWN = 0
    CLICKED = 1
    CLOSED = 2


ARM_STEP: Final = 16
"""Sums of reports are kept by `kind + ARM_STEP * arm`: one number says what, and on which variant of a message."""
