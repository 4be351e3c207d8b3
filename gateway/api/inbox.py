"""The inbox in the page: read and marked as read by a device or a visitor, or by the shop's server for them."""

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.devices import VISITOR_PREFIX, enter
from gateway.api.schema.inbox import InboxAction, InboxEntry, InboxPage, ReadRequest
from gateway.api.subscriptions import device_number
from gateway.api.visitors import visitor_number
from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.ids import from_text, to_text
from gateway.model.limits import INBOX_POLL_S
from gateway.sending.inbox import Entry, Look, Page, Place
from gateway.sending.inbox_reader import Reader, reader_of_device, reader_of_visitor_row, speaking
from gateway.subscribers.preferences import check_language
from gateway.subscribers.secret import authorised

_READ: Final = decoder_of(ReadRequest)
_CURSOR: Final = re.compile(r"(?P<at>\d{1,17})\.(?P<id>msg_[0-9a-z]{13})", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


async def of_device(call: Call) -> web.Response:
    """GET /v1/subscriptions/{id}/inbox"""
    app, reader = await _device(call)
    return await _answer(call, app, speaking(reader, check_language(call.query("language"))))


async def of_visitor(call: Call) -> web.Response:
    """GET /v1/visitors/{id}/inbox"""
    app, reader = await _visitor(call)
    return await _answer(call, app, reader)


async def mark_of_device(call: Call) -> web.Response:
    """POST /v1/subscriptions/{id}/inbox/read"""
    app, reader = await _device(call)
    await call.gate.inboxes.mark(app, reader, _messages(call.decode(_READ)), now=call.now())
    return no_content()


async def mark_of_visitor(call: Call) -> web.Response:
    """POST /v1/visitors/{id}/inbox/read"""
    app, reader = await _visitor(call)
    await call.gate.inboxes.mark(app, reader, _messages(call.decode(_READ)), now=call.now())
    return no_content()


async def _device(call: Call) -> tuple[App, Reader]:
    app, secret = await enter(call)
    db = call.services.database
    found = await authorised(db, app, device_number(call, secret), secret)
    return app, await reader_of_device(db, app, found.id)


async def _visitor(call: Call) -> tuple[App, Reader]:
    app, secret = await enter(call, prefix=VISITOR_PREFIX)
    found = await call.gate.visitors.authorised(app, visitor_number(call, secret), secret)
    if secret is not None:
        found = await call.gate.visitors.see(app, found, language=call.query("language"), now=call.now())
    return app, await reader_of_visitor_row(call.services.database, app, found, channel=_channel(call))


def _channel(call: Call) -> str:
    """What a browser would have enrolled with."""
    return next((name for name, one in call.services.transports.items() if one.page_fields), "")


def _messages(wanted: ReadRequest) -> tuple[int, ...] | None:
    """The ids; None for everything. Raises 422."""
    if wanted.everything == bool(wanted.messages):
        raise Invalid("field_invalid", "Name messages, or say `all`.", param="messages")
    numbers = [from_text("msg", one) for one in wanted.messages]
    for at, number in enumerate(numbers):
        if number is None:
            raise Invalid("field_invalid", "Expected a message's id, `msg_...`.", param=f"messages[{at}]")
    return None if wanted.everything else tuple(one for one in numbers if one is not None)


async def _answer(call: Call, app: App, reader: Reader) -> web.Response:
    limit, after = call.page_limit(), _after(call)
    look = await call.gate.inboxes.look(app, reader, now=call.now())
    etag = f'"{look.version.hex()}.{limit}"'
    if call.request.headers.get("If-None-Match") == etag:
        answer = web.Response(status=HTTPStatus.NOT_MODIFIED)
    else:
        answer = json_answer(_shown(look, await call.gate.inboxes.page(look, after=after, limit=limit)))
    answer.headers["ETag"] = etag
    # Kept by this browser alone, and asked for each time: a second page view costs a 304.
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _shown(look: Look, page: Page) -> InboxPage:
    return InboxPage(
        data=[_entry(one) for one in page.entries],
        unread=page.unread,
        link_hosts=sorted(look.app.allowed_hosts),
        poll=INBOX_POLL_S,
        next=None if page.following is None else _cursor(page.following),
    )


def _entry(entry: Entry) -> InboxEntry:
    said = entry.said
    return InboxEntry(
        id=to_text("msg", entry.id),
        title=said.title,
        body=said.body,
        url=said.url,
        icon=said.icon,
        image=said.image,
        actions=[InboxAction(id=one.id, title=one.title, url=one.url) for one in said.actions],
        data=said.data,
        category=entry.category,
        at=entry.at,
        until=entry.until,
        read=entry.is_read,
        banner=entry.is_banner,
    )


def _cursor(place: Place) -> str:
    at, number = place
    return f"{(at - _EPOCH) // _MICROSECOND}.{to_text('msg', number)}"


def _after(call: Call) -> Place | None:
    text = call.cursor()
    if text is None:
        return None
    found = _CURSOR.fullmatch(text)
    number = None if found is None else from_text("msg", found["id"])
    if found is None or number is None:
        raise Invalid("field_invalid", "Give the `next` of the page before, unchanged.", param="after")
    return _EPOCH + int(found["at"]) * _MICROSECOND, number
