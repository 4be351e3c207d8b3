"""`/v1/coupons`: pools of codes, what comes into them, and what became of it."""

import random
from http import HTTPStatus
from typing import Final

from aiohttp import web

from gateway.api import bodies
from gateway.api.answers import json_answer, no_content
from gateway.api.call import Call, decoder_of
from gateway.api.schema.coupons import (
    GenerateRequest,
    MessageShareAnswer,
    PoolAnswer,
    PoolChange,
    PoolPage,
    PoolReportAnswer,
    PoolRequest,
    RedeemAnswer,
    RedeemRequest,
    StockAnswer,
)
from gateway.api.transfers import pieces
from gateway.coupons import pools, redeem, stock
from gateway.coupons.pools import PoolReport
from gateway.coupons.stock import StockReport
from gateway.model.app import App
from gateway.model.coupon import Pool
from gateway.model.ids import to_text
from gateway.store import coupon_pools

_NEW: Final = decoder_of(PoolRequest)
_CHANGE: Final = decoder_of(PoolChange)
_GENERATE: Final = decoder_of(GenerateRequest)
_REDEEM: Final = decoder_of(RedeemRequest)
_DICE: Final = random.SystemRandom()


async def page(call: Call) -> web.Response:
    """GET /v1/coupons"""
    app = await call.app_for(call.query("app"))
    found = await coupon_pools.list_of_app(call.services.database, app_id=app.id)
    return json_answer(PoolPage([_shown(pool) for pool in found], None))


async def create(call: Call) -> web.Response:
    """POST /v1/coupons"""
    wanted: PoolRequest = call.decode(_NEW)
    app = await call.app_for(wanted.app)
    made = await pools.create(
        call.services.database,
        app,
        slug=wanted.pool,
        name=wanted.name,
        expires_at=wanted.expires_at,
        low_at=wanted.low_at,
        now=call.now(),
    )
    return json_answer(_shown(made), status=HTTPStatus.CREATED)


async def show(call: Call) -> web.Response:
    """GET /v1/coupons/{pool}"""
    app, slug = await _named(call)
    return json_answer(_reported(await pools.report(call.services.database, app, slug)))


async def change(call: Call) -> web.Response:
    """PATCH /v1/coupons/{pool}"""
    wanted: PoolChange = call.decode(_CHANGE)
    app, slug = await _named(call)
    changed = await pools.change(
        call.services.database,
        app,
        slug,
        name=wanted.name,
        expires_at=wanted.expires_at,
        low_at=wanted.low_at,
    )
    return json_answer(_shown(changed))


async def delete(call: Call) -> web.Response:
    """DELETE /v1/coupons/{pool}"""
    app, slug = await _named(call)
    await pools.delete(call.services.database, app, slug)
    return no_content()


async def load(call: Call) -> web.Response:
    """POST /v1/coupons/{pool}/codes"""
    app, slug = await _named(call)
    bodies.check_head(call.request, None)
    db = call.services.database
    pool = await pools.get(db, app, slug)
    return json_answer(_stocked(await stock.load(db, app, pool, stock.lines_of(pieces(call.request)))))


async def generate(call: Call) -> web.Response:
    """POST /v1/coupons/{pool}/generate"""
    wanted: GenerateRequest = call.decode(_GENERATE)
    app, slug = await _named(call)
    db = call.services.database
    pool = await pools.get(db, app, slug)
    made = await stock.generate(db, app, pool, pattern=wanted.pattern, codes=wanted.count, choose=_DICE.choice)
    return json_answer(_stocked(made), status=HTTPStatus.CREATED)


async def use(call: Call) -> web.Response:
    """POST /v1/coupons/{pool}/redeem"""
    wanted: RedeemRequest = call.decode(_REDEEM)
    app, slug = await _named(call)
    used = await redeem.redeem(call.services.database, app, slug, wanted.code, at=call.now())
    message = None if used.message_id is None else to_text("msg", used.message_id)
    return json_answer(RedeemAnswer(code=used.code, message=message))


async def _named(call: Call) -> tuple[App, str]:
    return await call.app_for(call.query("app")), call.request.match_info["pool"]


def _shown(pool: Pool) -> PoolAnswer:
    return PoolAnswer(
        pool=pool.slug,
        name=pool.name,
        expires_at=pool.expires_at,
        low_at=pool.low_at,
        is_low=pool.low_told_at is not None,
        created_at=pool.created_at,
    )


def _reported(report: PoolReport) -> PoolReportAnswer:
    pool = report.pool
    return PoolReportAnswer(
        pool=pool.slug,
        name=pool.name,
        expires_at=pool.expires_at,
        low_at=pool.low_at,
        is_low=pool.low_told_at is not None,
        created_at=pool.created_at,
        codes=report.codes,
        left=report.left,
        expired=report.expired,
        given=report.given,
        redeemed=report.redeemed,
        messages=[
            MessageShareAnswer(
                message=to_text("msg", one.message_id), given=one.given, sent=one.sent, redeemed=one.redeemed
            )
            for one in report.messages
        ],
    )


def _stocked(report: StockReport) -> StockAnswer:
    return StockAnswer(imported=report.imported, known=report.known, rejected=report.rejected, errors=report.errors)
