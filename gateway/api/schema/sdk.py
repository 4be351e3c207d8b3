"""What a page needs to know of its app."""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.model.prompt import PagePrompt


class SdkTopic(msgspec.Struct, frozen=True):
    """A topic that visitors may follow."""

    slug: str
    name: str


class SdkPreferences(msgspec.Struct, frozen=True):
    """Where the preference page is: with a message's token behind `#`, it shows what that device is sent."""

    url: str


class SdkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The public settings of an app. `killed`: the script undoes itself and asks nobody.

    prompts: the active ones, the first to be tried first. language: whose texts those get who find none in their own.
    """

    app: str
    killed: bool
    channels: Mapping[str, Mapping[str, Any]]
    link_hosts: list[str]
    topics: list[SdkTopic]
    receipts: list[str]
    language: str | None
    prompts: list[PagePrompt]
    preferences: SdkPreferences
    worker_version: str
