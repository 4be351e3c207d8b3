"""Templates on the wire: what of a message they may hold follows from the message itself."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.api.schema.messages import PROVIDERS, SendRequest
from gateway.model.limits import TEMPLATE_NAME_CHARS_MAX

FIELDS: Final = (
    "title", "body", "url", "deep_link", "icon", "image", "badge", "actions", "data", "tag", "collapse_key", "ttl",
    "urgency", "silent", "require_interaction", "badge_count", "sound", "utm", "variables", *PROVIDERS,
)  # fmt: skip
"""What a message says. Whom it is for and when belongs to each message."""

TemplateContent: Final = msgspec.defstruct(
    "TemplateContent",
    [
        (field.name, field.type | UnsetType, UNSET)
        for field in msgspec.structs.fields(SendRequest)
        if field.name in FIELDS
    ],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    module=__name__,
    namespace={"__doc__": "Fields of a message; those that are left out are the message's own matter."},
)

_Name = Annotated[str, Meta(min_length=1, max_length=TEMPLATE_NAME_CHARS_MAX)]


class TemplateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new template."""

    name: Annotated[_Name, Meta(description="For people; one of its kind in the app.")]
    content: TemplateContent  # type: ignore[valid-type]  # made from the message's fields
    app: Annotated[str, Meta(description="May be left out: the key knows its app.")] | None = None


class TemplateChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change of a template; `content` replaces all of it. What is left out stays."""

    name: _Name | None = None
    content: TemplateContent | None = None  # type: ignore[valid-type]  # made from the message's fields


class TemplateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A template."""

    id: str
    name: str
    content: dict[str, Any]
    created_at: datetime
    changed_at: datetime


class TemplatePage(msgspec.Struct, frozen=True):
    """Templates in the order of their names."""

    data: list[TemplateAnswer]
    next: str | None
