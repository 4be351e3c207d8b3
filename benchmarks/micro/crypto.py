"""What encryption for one browser costs: with `cryptography` alone, with the extra `fast`, with a key made ahead."""

from collections.abc import Callable, Sequence
from typing import Final

from benchmarks.micro.clock import each
from gateway.wire import ece
from gateway.wire.ecdh import IN_USE

ENCRYPT: Final = "encrypt, cryptography alone"
AGREE: Final = "of which key and agreement"
ENCRYPT_FAST: Final = "encrypt, with `fast`"
AGREE_FAST: Final = "of which key and agreement, with `fast`"
SEAL: Final = "encrypt, key made ahead"

Receiver = tuple[bytes, bytes]
"""Point and secret of a browser."""


def measure(receivers: Sequence[Receiver], payload: bytes) -> dict[str, float]:
    """Microseconds of CPU per message by step, one round; `fast` only where it is fit for use."""
    found = {ENCRYPT: each(_encryption(payload), receivers), AGREE: each(_agree, receivers)}
    agreements = [_agree(receiver) for receiver in receivers]
    if IN_USE.use("auto") != "cryptography":
        found[ENCRYPT_FAST] = each(_encryption(payload), receivers)
        found[AGREE_FAST] = each(_agree, receivers)
        found[SEAL] = each(lambda agreement: ece.seal(payload, agreement), agreements)
    IN_USE.use("off")
    found.setdefault(SEAL, each(lambda agreement: ece.seal(payload, agreement), agreements))
    return found


def _encryption(payload: bytes) -> Callable[[Receiver], bytes]:
    return lambda receiver: ece.encrypt(payload, p256dh=receiver[0], auth=receiver[1])


def _agree(receiver: Receiver) -> ece.Agreement:
    return ece.agree(*receiver)
