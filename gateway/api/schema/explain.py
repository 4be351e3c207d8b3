"""Why somebody is in an audience, on the wire."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.schema.messages import AudienceRequest
from gateway.policy.explaining import Condition


class ExplainRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An audience, and a person or a device to hold against it."""

    audience: AudienceRequest
    user: Annotated[str, Meta(description="The shop's own id: each device of this person.")] | None = None
    subscription: Annotated[str, Meta(description="`sub_...`: this device.")] | None = None
    app: str | None = None


class DeviceExplained(msgspec.Struct, frozen=True, kw_only=True):
    """One device: is it active, is it in, and each selector, group and condition with its result."""

    subscription: str
    is_active: bool
    is_in: bool
    conditions: list[Condition]


class ExplainAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether any of the devices is in, and each of them; none where the person has no device."""

    is_in: bool
    devices: list[DeviceExplained]
