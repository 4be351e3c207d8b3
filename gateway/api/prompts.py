"""`/v1/prompts`: how a site asks its visitors."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.opt_ins import PromptWinnerRequest
from gateway.api.schema.prompts import PromptAnswer, PromptChange, PromptPage, PromptRequest
from gateway.model.errors import Invalid, NotFound
from gateway.model.prompt import Prompt, StoredPrompt
from gateway.model.slug import SLUG
from gateway.store import prompts as store
from gateway.subscribers import prompt_winners, prompts

_NEW: Final = decoder_of(PromptRequest)
_CHANGE: Final = decoder_of(PromptChange)
_WINNER: Final = decoder_of(PromptWinnerRequest)


async def page(call: Call) -> web.Response:
    """GET /v1/prompts"""
    app = await call.app_for(call.query("app"))
    return json_answer(
        PromptPage([_shown(one) for one in await store.all_of_app(call.services.database, app.id)], None)
    )


async def create(call: Call) -> web.Response:
    """POST /v1/prompts"""
    wanted: PromptRequest = call.decode(_NEW)
    app = await call.app_for(wanted.app)
    if SLUG.fullmatch(wanted.slug) is None:
        raise Invalid("field_invalid", "A slug has lower-case letters, digits, `.`, `-` and `_`.", param="slug")
    prompt = Prompt(**_fields(wanted))
    return json_answer(
        _shown(await prompts.create(call.services.database, app, wanted.slug, prompt)), status=HTTPStatus.CREATED
    )


async def show(call: Call) -> web.Response:
    """GET /v1/prompts/{slug}"""
    app = await call.app_for(call.query("app"))
    return json_answer(_shown(await prompts.get(call.services.database, app, _slug(call))))


async def change(call: Call) -> web.Response:
    """PATCH /v1/prompts/{slug}"""
    wanted: Any = call.decode(_CHANGE)
    app = await call.app_for(call.query("app"))
    fields = {name: value for name, value in _fields(wanted).items() if value is not msgspec.UNSET}
    return json_answer(_shown(await prompts.change(call.services.database, app, _slug(call), fields)))


async def choose(call: Call) -> web.Response:
    """POST /v1/prompts/{slug}/winner"""
    wanted: PromptWinnerRequest = call.decode(_WINNER)
    app = await call.app_for(call.query("app"))
    return json_answer(_shown(await prompt_winners.choose(call.services.database, app, _slug(call), wanted.variant)))


async def delete(call: Call) -> web.Response:
    """DELETE /v1/prompts/{slug}"""
    app = await call.app_for(call.query("app"))
    if not await store.delete(call.services.database, app.id, _slug(call)):
        raise NotFound("prompt")
    return no_content()


def _slug(call: Call) -> str:
    slug = call.request.match_info["slug"]
    if SLUG.fullmatch(slug) is None:
        raise NotFound("prompt")
    return slug


def _fields(wanted: msgspec.Struct) -> dict[str, Any]:
    return {name: getattr(wanted, name) for name in Prompt.__struct_fields__}


def _shown(one: StoredPrompt) -> PromptAnswer:
    return PromptAnswer(
        **_fields(one.prompt),
        slug=one.slug,
        began_at=one.began_at,
        decide_at=one.decide_at,
        winner=None if one.winner is None else one.prompt.variants[one.winner].name,
        decided_by=one.decided_by,
        decided_at=one.decided_at,
        created_at=one.created_at,
        changed_at=one.changed_at,
    )
