"""How much of everything a run measures."""

from typing import Final

import msgspec


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Messages, rounds and seconds of each part; the defaults are those of a full run, of about 30 minutes."""

    recipients: int = 1_000_000
    """Of the campaigns, of planning and of the store."""
    rounds: int = 1
    """Campaigns of each kind."""
    turns: int = 3
    """Campaigns with `fast`, plain and composed by turns, since their ratio is what counts."""
    plan_rounds: int = 3
    ahead_s: float = 45.0
    """How long before its due time the scheduled campaign is there."""
    accept_s: float = 20.0
    warm_up_s: float = 5.0
    persons: int = 20_000
    single_rate: float = 50.0
    """Single messages offered a second while their latency is measured."""
    idle_s: float = 30.0
    beside_s: float = 60.0
    """The load client's time beside a campaign; what lies outside of the campaign does not count."""
    part_messages: int = 2_000
    part_rounds: int = 5
    peer_messages: int = 12_000
    peer_rounds: int = 5
    soak_recipients: int = 10_000
    minutes: float = 30.0
    connections: int = 32
    rate: float = 1_000.0
    """Single sends offered a second in the paced run."""


FULL: Final = Sizes()
QUICK: Final = Sizes(
    recipients=20_000, turns=1, plan_rounds=1, ahead_s=4.0, accept_s=3.0, warm_up_s=1.0, persons=500, single_rate=40.0,
    idle_s=4.0, beside_s=8.0, part_messages=500, part_rounds=1, peer_messages=1_000, peer_rounds=1,
    soak_recipients=500, minutes=0.5,
)  # fmt: skip
HELP: Final = {
    "recipients": "of a campaign",
    "rounds": "campaigns of each kind",
    "turns": "campaigns with fast, plain and composed by turns",
    "ahead_s": "seconds between a scheduled campaign's call and its due time",
    "minutes": "of the soak",
    "connections": "of the load client of single sends",
    "rate": "single sends offered a second in the paced run",
    "single_rate": "single messages a second while their latency is measured",
}
"""What the less obvious ones are."""
