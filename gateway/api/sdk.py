"""What pages load: the app's public settings, and the script and worker files.

The files may be loaded from any page, by their nature: they are the same for everybody and hold nothing of any app. So
they alone are sent with `Access-Control-Allow-Origin: *`, which a script with an integrity hash needs.
"""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

import gateway
from gateway.api.answers import json_answer
from gateway.api.call import Call
from gateway.api.schema.sdk import SdkConfig, SdkPreferences, SdkTopic
from gateway.api.sdk_files import SdkFile
from gateway.model.app import App
from gateway.model.errors import Invalid, NotFound
from gateway.model.event import ReceiptKind
from gateway.model.ids import to_text
from gateway.model.limits import LANGUAGE_CHARS_MAX
from gateway.store import topics
from gateway.subscribers import prompts

_ROLLING: Final = "public, max-age=3600"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"


async def config(call: Call) -> web.Response:
    """GET /v1/sdk/config"""
    app = await call.enter_app(call.query("app"))
    db, locale = call.services.database, call.query("language")
    if locale is not None and len(locale) > LANGUAGE_CHARS_MAX:
        raise Invalid("field_invalid", "A language is a tag such as `nl` or `pt-BR`.", param="language")
    offered = await topics.list_of_app(db, app.id)
    names = {one.slug: one.name for one in offered}
    answer = json_answer(
        SdkConfig(
            app=to_text("app", app.public_id),
            killed=app.own.sdk_killed,
            channels=await _channels(call, app),
            # Ours with them: a message may lead to the preference page.
            link_hosts=sorted(app.allowed_hosts | {urlsplit(call.gate.url).netloc}),
            topics=[SdkTopic(one.slug, one.name) for one in offered],
            receipts=[kind.name.lower() for kind in ReceiptKind],
            language=app.own.language,
            prompts=await prompts.of_pages(db, app, names, locale=locale),
            preferences=SdkPreferences(url=f"{call.gate.url}/preferences"),
            worker_version=gateway.__version__,
        )
    )
    return _validated(call, answer)


def _validated(call: Call, answer: web.Response) -> web.Response:
    """The same, or a 304: of most who ask again nothing has changed."""
    assert isinstance(answer.body, bytes)
    headers = {"ETag": f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"', "Cache-Control": "public, max-age=60"}
    if call.request.headers.get("If-None-Match") == headers["ETag"]:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    answer.headers.update(headers)
    return answer


async def rolling_file(call: Call) -> web.Response:
    """GET /sdk/v1/{file}"""
    return _answer(call, call.gate.sdk.rolling.get(call.request.match_info["file"]), _ROLLING)


async def fixed_file(call: Call) -> web.Response:
    """GET /sdk/{version}/{file}"""
    place = (call.request.match_info["version"], call.request.match_info["file"])
    return _answer(call, call.gate.sdk.fixed.get(place), _IMMUTABLE)


async def _channels(call: Call, app: App) -> Mapping[str, Mapping[str, Any]]:
    """For each provider that pages enrol with, what they need of the key that new subscriptions are made with."""
    channels: dict[str, dict[str, Any]] = {}
    for name, provider in call.services.transports.items():
        current = await call.services.keyring.current_credential(app.id, name) if provider.page_fields else None
        if current is not None:
            shown = {field: current.public[field] for field in sorted(provider.page_fields)}
            channels[name] = {**shown, "vapid_key_id": to_text("key", current.public_id)}
    return channels


def _answer(call: Call, file: SdkFile | None, cache: str) -> web.Response:
    if file is None:
        raise NotFound("file")
    headers = {
        "ETag": file.etag,
        "Cache-Control": cache,
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if call.request.headers.get("If-None-Match") == file.etag:
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = file.media
    if "gzip" in call.request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=file.zipped, headers=headers)
    return web.Response(body=file.body, headers=headers)
