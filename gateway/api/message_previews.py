"""`POST /v1/messages/preview`: a message as one person would read it. Nothing is stored, nothing is sent."""

from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.api import bodies
from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.orders import order_of
from gateway.api.schema.messages import FindingAnswer, MessageFields, SendRequest, SpokenAnswer, SpokenPage
from gateway.api.templates import from_template
from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.ids import from_text, to_text
from gateway.model.message import Content
from gateway.model.subscriber import PLATFORM_NAMES
from gateway.policy.lint import Finding
from gateway.sending.spoken import Spoken, devices_of, spoken

_DECODER: Final = decoder_of(SendRequest)
_TO_ANYBODY: Final = msgspec.Raw(b'{"all":true}')
_SHOWN: Final = ("title", "body", "url", "deep_link", "icon", "image", "badge", "actions", "data")


async def show(call: Call) -> web.Response:
    """POST /v1/messages/preview"""
    body = _with_audience(call.body)
    request: MessageFields = bodies.decode(body, _DECODER)
    app = await call.app_for(request.app or call.query("app"))
    request = await from_template(call.services.database, app, request, body)
    order = order_of(request, app, call.now())
    user, device = call.query("user"), call.query("subscription")
    devices: list[Device] = []
    if user is not None or device is not None:
        devices = await devices_of(call.services.database, app, user=user, subscription=_number(device))
    seen = spoken(app, order.content, devices, transports=call.services.transports)
    return json_answer(SpokenPage([_answer(one) for one in seen]))


def finding_of(finding: Finding) -> FindingAnswer:
    """A finding as callers get it."""
    return FindingAnswer(
        platform=finding.platform or None, field=finding.field, code=finding.code, message=finding.message
    )


def _with_audience(body: bytes) -> bytes:
    """The request; whom a message is for need not be known to read it."""
    try:
        given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body  # whose fault it is, decoding it tells
    return body if "audience" in given else msgspec.json.encode({"audience": _TO_ANYBODY, **given})


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    number = from_text("sub", text)
    if number is None:
        raise Invalid("field_invalid", "Expected a subscription's id, `sub_...`.", param="subscription")
    return number


def _answer(one: Spoken) -> SpokenAnswer:
    return SpokenAnswer(
        subscription=None if one.subscription is None else to_text("sub", one.subscription),
        channel=one.channel,
        platform=PLATFORM_NAMES[one.platform],
        content=None if one.said is None else _content(one.said),
        skipped=one.skipped,
        payload_bytes=one.payload_bytes,
        payload_bytes_max=one.payload_bytes_max,
        lint=[finding_of(finding) for finding in one.findings],
    )


def _content(said: Content) -> dict[str, Any]:
    """The texts, in the one language that they are read in."""
    raw: dict[str, Any] = msgspec.to_builtins(said)
    return {name: _only(raw[name]) if name in ("title", "body") else raw[name] for name in _SHOWN if name in raw}


def _only(text: str | dict[str, str]) -> str:
    return text if isinstance(text, str) else next(iter(text.values()), "")
