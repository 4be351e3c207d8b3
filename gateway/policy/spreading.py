"""Over how long the devices of a message spread what they report of it.

A browser ends an idle worker, so the spread has a bound; what the gateway still cannot take is kept by the device and
comes with its next event or visit.
"""

from gateway.model.limits import RECEIPTS_PER_S_AIM, SPREAD_S_MAX, SPREAD_S_MIN


def spread_s(recipients: int) -> int:
    """Seconds; 0 where so few may report at once. Never less than what is worth a wait."""
    wanted_s = recipients // RECEIPTS_PER_S_AIM
    return 0 if wanted_s < SPREAD_S_MIN else min(wanted_s, SPREAD_S_MAX)
