"""What a page needs to know of its app."""

from collections.abc import Mapping
from typing import Any

import msgspec


class SdkTopic(msgspec.Struct, frozen=True):
    """A topic that visitors may follow."""

    slug: str
    name: str


class SdkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The public settings of an app. `killed`: the script undoes itself and asks nobody."""

    app: str
    killed: bool
    channels: Mapping[str, Mapping[str, Any]]
    link_hosts: list[str]
    topics: list[SdkTopic]
    receipts: list[str]
    worker_version: str
