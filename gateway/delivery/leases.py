"""How often a lease is renewed: three times in its life, and at least every ten seconds."""

from typing import Final

_RENEW_EVERY_S: Final = 10.0


def renewal_s(lease_s: int) -> float:
    """Seconds between two renewals of leases of this length."""
    return min(_RENEW_EVERY_S, lease_s / 3)
