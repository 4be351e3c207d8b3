"""Recalls on the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.api.schema.contents import Text
from gateway.api.schema.messages import ApprovalAnswer, StateWord


class RecallRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is shown in place of a message that was sent wrongly; nothing: it is closed."""

    title: Annotated[Text, Meta(description="As of a message; with it or a body the recall is a correction.")] = ""
    body: Annotated[Text, Meta(description="As of a message.")] = ""
    url: Annotated[str, Meta(description="Where a click leads; else to the front page.")] = ""


class RecallAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The recall: a message of its own, whose figures tell how far it has come."""

    id: str
    state: StateWord
    recalls: Annotated[str, Meta(description="The message that it takes back.")]
    stopped: Annotated[bool, Meta(description="Whether that one was stopped before it had gone out to everybody.")]
    created_at: datetime
    approval: Annotated[ApprovalAnswer | None, Meta(description="New words to many wait for one.")] = None
