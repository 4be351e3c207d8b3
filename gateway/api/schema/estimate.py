"""How many are in an audience, on the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.schema.messages import AudienceRequest


class EstimateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An audience, as a message has it."""

    audience: AudienceRequest
    app: str | None = None


class Margin(msgspec.Struct, frozen=True, kw_only=True):
    """How far off the totals may be: in 95 of 100 estimates they are not. 0 where they were counted."""

    devices: int
    people: int


class EstimateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many devices and people an audience has now. The parts of an estimate are rougher than its totals."""

    devices: int
    people: Annotated[int, Meta(description="Each person once; a device of nobody known counts as one.")]
    exact: Annotated[bool, Meta(description="Counted rather than estimated from a sample.")]
    margin: Margin
    per_channel: dict[str, int]
    per_timezone: dict[str, int]
    sampled: Annotated[int, Meta(description="Devices of the audience that were seen for it.")]
