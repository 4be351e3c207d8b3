"""One line of an import, read and checked; one device, written as such a line. The two fit together.

A line is a JSON object of the fields of `ImportRow`; docs/reference/import-format.md describes them for shops.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import UNSET

from gateway.model.choices import OWN, choices_of
from gateway.model.errors import Invalid
from gateway.model.ids import from_text, to_text
from gateway.model.limits import IMPORT_LINE_BYTES_MAX
from gateway.model.subscriber import PLATFORM_NAMES, STATE_WORDS, Subscription, SubscriptionState
from gateway.store.transfer import ImportedDevice
from gateway.subscribers.choices import choices_said, choices_shown
from gateway.subscribers.enrol import address_hash
from gateway.subscribers.imports import decoded
from gateway.subscribers.preferences import (
    check_consent,
    check_country,
    check_external_id,
    check_language,
    check_platform,
    check_slugs,
    check_state,
    check_tags,
    check_timezone,
)
from gateway.subscribers.reach import key_for, keys_in_order
from gateway.subscribers.request import ImportRow
from gateway.transports.base import Credential, Transport

_DECODER: Final = msgspec.json.Decoder(ImportRow)
_CLOCKS_APART: Final = timedelta(days=1)
"""What another system's clock may be ahead of ours."""

_MAY_BE_LEFT_OUT: Final = (
    "wanted_id", "platform", "person", "topics", "attrs", "locale", "timezone", "country", "consent", "created_at",
)  # fmt: skip


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A device as its line has it, complete but for the numbers of its topics."""

    line: int
    device: ImportedDevice
    slugs: list[str] | None


class LineReader:
    """Reads the lines of one import into one app. `credentials` are the app's live ones."""

    def __init__(
        self,
        transports: Mapping[str, Transport],
        credentials: Sequence[Credential],
        *,
        address_key: bytes,
        now: datetime,
    ) -> None:
        self._transports = transports
        self._keys = {name: keys_in_order(credentials, name) for name in transports}
        self._address_key = address_key
        self._now = now

    def read(self, line: bytes, number: int) -> Draft:
        """The device that a line describes. Raises `GatewayError` with what is wrong with it."""
        row = decoded(line, _DECODER)
        provider = self._transports.get(row.channel)
        if provider is None:
            raise Invalid("channel_unknown", f"A channel is one of: {', '.join(self._transports)}.", param="channel")
        address = provider.address(row.address_fields())
        state = check_state(row.state)
        device = ImportedDevice(
            line=number,
            address_hash=address_hash(self._address_key, row.channel, address.unique),
            wanted_id=_wanted_id(row.id),
            provider=row.channel,
            credential_id=key_for(self._keys[row.channel], provider, address.wire, named=row.named_key).id,
            wire=address.wire,
            state=SubscriptionState.ACTIVE if state is None else state,
            platform=check_platform(row.platform),
            platform_unsaid=provider.platform,
            person=None if row.user is None else check_external_id(row.user),
            topics=None,
            attrs=_attrs(row, now=self._now),
            locale=check_language(row.language),
            timezone=check_timezone(row.timezone),
            country=check_country(row.country),
            consent=None if row.consent is None else _json(check_consent(row.consent, now=self._now)),
            created_at=self._checked_time(row.created_at),
        )
        return Draft(number, device, None if row.topics is None else check_slugs(row.topics))

    def _checked_time(self, at: datetime | None) -> datetime | None:
        if at is None:
            return None
        if at.tzinfo is None:
            raise Invalid("field_invalid", "A time needs its zone, such as 2026-12-01T09:00:00Z.", param="created_at")
        if at > self._now + _CLOCKS_APART:
            raise Invalid("field_invalid", "This time is yet to come.", param="created_at")
        return at


def _attrs(row: ImportRow, *, now: datetime) -> str | None:
    said: dict[str, Any] = {}
    if row.tags is not None:
        said["tags"] = check_tags(row.tags)
    if row.preferences is not UNSET:
        chosen = choices_said(row.preferences, now=now, within="preferences.")
        said[OWN] = {name: value for name, value in chosen.items() if value is not None}
    return _json(said) if said else None


def _wanted_id(text: str | None) -> int | None:
    if text is None:
        return None
    number = from_text("sub", text)
    if number is None:
        raise Invalid("field_invalid", "An id is `sub_` and 13 digits; leave it out to get a new one.", param="id")
    return number


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def overlay(earlier: ImportedDevice, later: ImportedDevice) -> ImportedDevice:
    """Two lines about one address: what the later one says holds, what it leaves out stays as it was said before."""
    said = {field: getattr(earlier, field) for field in _MAY_BE_LEFT_OUT if getattr(later, field) is None}
    if earlier.attrs is not None and later.attrs is not None:
        said["attrs"] = _json(msgspec.json.decode(earlier.attrs) | msgspec.json.decode(later.attrs))
    return msgspec.structs.replace(later, **said)


def line_of(
    subscription: Subscription,
    provider: Transport,
    *,
    topic_names: Mapping[int, str],
    credential_ids: Mapping[int, int],
    now: datetime,
) -> bytes:
    """The device as a line that an import reads, without the end of the line."""
    chosen = msgspec.to_builtins(choices_shown(choices_of({OWN: subscription.own}, None), now=now))
    credential_id = credential_ids.get(subscription.credential_id)
    said = {
        "id": to_text("sub", subscription.id),
        "channel": subscription.provider,
        **provider.describe(subscription.wire),
        "vapid_key_id" if provider.page_fields else "key_id": (
            None if credential_id is None else to_text("key", credential_id)
        ),
        "user": subscription.person,
        "topics": sorted(topic_names[number] for number in subscription.topics if number in topic_names) or None,
        "tags": subscription.tags or None,
        "preferences": {name: value for name, value in chosen.items() if value} or None,
        "language": subscription.locale,
        "timezone": subscription.timezone,
        "country": subscription.country,
        "platform": PLATFORM_NAMES.get(subscription.platform) if subscription.platform else None,
        "consent": subscription.consent,
        "state": STATE_WORDS[subscription.state],
        "created_at": subscription.created_at,
    }
    return msgspec.json.encode({name: value for name, value in said.items() if value is not None})


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines in a stream of pieces cut anywhere, without their ends.

    A line that is too long comes cut down to a length that `LineReader` refuses, so that memory stays bounded.
    """
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        rest = rest[: IMPORT_LINE_BYTES_MAX + 1]
    if rest:
        yield rest
