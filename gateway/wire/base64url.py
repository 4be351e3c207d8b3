"""Base64url as web standards write it: unpadded (RFC 4648 section 5, RFC 7515 section 2)."""

import base64
import re
from typing import Final

_TEXT: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)


def encode_base64url(data: bytes) -> str:
    """The text of `data`, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """The bytes of `text`, padded or not.

    Raises:
        ValueError: another character, or a length that no bytes have.
    """
    bare = text.rstrip("=")
    if _TEXT.fullmatch(text) is None or len(bare) % 4 == 1:
        raise ValueError("The text is not base64url.")
    return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
