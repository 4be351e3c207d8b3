"""`POST /v1/audience/estimate`: how many would it be?"""

import random
from asyncio import Semaphore
from typing import Final

from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.orders import audience_of
from gateway.api.schema.estimate import EstimateAnswer, EstimateRequest, Margin
from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.errors import GatewayError
from gateway.model.limits import EXACT_COUNTS_MAX
from gateway.sending.estimate import Estimate, estimate, exact
from gateway.sending.segments import check_names

_DECODER: Final = decoder_of(EstimateRequest)
_DICE: Final = random.SystemRandom()
_COUNTING: Final = Semaphore(EXACT_COUNTS_MAX)


async def audience(call: Call) -> web.Response:
    """POST /v1/audience/estimate"""
    request: EstimateRequest = call.decode(_DECODER)
    app = await call.app_for(request.app or call.query("app"))
    wanted = audience_of(request.audience)
    await check_names(call.services.database, app, wanted)
    return _answer(await counted(call, app, wanted))


async def counted(call: Call, app: App, wanted: Audience) -> Estimate:
    """A sample of the audience, or with `?exact=true` all of it; a few are counted at a time, others get a 503."""
    db = call.services.database
    if not call.flag("exact"):
        return await estimate(db, app, wanted, now=call.now(), dice=_DICE)
    if _COUNTING.locked():
        raise GatewayError(
            "overloaded", "Other audiences are being counted; ask for an estimate, or again.", kind="unavailable",
            retry_after_s=1,
        )  # fmt: skip
    async with _COUNTING:
        return await exact(db, app, wanted, now=call.now())


def _answer(found: Estimate) -> web.Response:
    return json_answer(
        EstimateAnswer(
            devices=found.devices.value,
            people=found.people.value,
            exact=found.is_exact,
            margin=Margin(devices=found.devices.margin, people=found.people.margin),
            per_channel=found.per_channel,
            per_timezone=found.per_timezone,
            sampled=found.sampled,
        )
    )
