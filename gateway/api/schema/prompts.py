"""Prompts on the wire."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.model.limits import SLUG_CHARS_MAX
from gateway.model.prompt import Prompt


class PromptRequest(Prompt, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new prompt: how the site asks its visitors, before the browser does. What is left out is as shown.

    priority: of several whose rules hold the highest shows itself. texts: plain text; what is left out is said in the
    script's own words. back_off_days: so long it rests after the first no, the second, and so on; the last one repeats.
    """

    slug: Annotated[
        str, Meta(max_length=SLUG_CHARS_MAX, description="Lower-case letters, digits, `.`, `-`, `_`; for good.")
    ]
    app: str | None = None


PromptChange: Final = msgspec.defstruct(
    "PromptChange",
    [(field.name, field.type | UnsetType, UNSET) for field in msgspec.structs.fields(Prompt)],
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    module=__name__,
    namespace={
        "__doc__": "What to change of a prompt: a field that is named replaces the one there was, what is left out "
        "stays. Where visitors see something else then, its variants are tried anew."
    },
)


class PromptAnswer(Prompt, frozen=True, kw_only=True):
    """A prompt, and what became of it.

    began_at: since when visitors see it as it is. decide_at: when the best variant is looked for. winner: the variant
    that everybody sees. decided_by: best, tie, hand; null while it is open.
    """

    slug: str
    began_at: datetime
    decide_at: datetime | None
    winner: str | None
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime
    changed_at: datetime


class PromptPage(msgspec.Struct, frozen=True):
    """Prompts by their slug."""

    data: list[PromptAnswer]
    next: str | None
