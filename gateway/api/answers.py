"""Answers: JSON bytes, and the one shape in which every refusal goes out."""

from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from gateway.model.errors import GatewayError

JSON: Final = "application/json"
ENCODER: Final = msgspec.json.Encoder()


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong. `code` is for programs, `message` for people, `param` names the field at fault."""

    type: str
    code: str
    message: str
    param: str | None
    doc_url: str
    request_id: str


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer from 400 up."""

    error: ErrorBody


def json_answer(value: object, *, status: int = HTTPStatus.OK) -> web.Response:
    """`value` as JSON."""
    return json_bytes(ENCODER.encode(value), status=status)


def json_bytes(body: bytes, *, status: int = HTTPStatus.OK) -> web.Response:
    """JSON that is encoded already."""
    # Content-Type in the headers: aiohttp's content_type argument parses and joins it again for every answer.
    return web.Response(body=body, status=status, headers={"Content-Type": JSON})


def no_content() -> web.Response:
    """204."""
    return web.Response(status=HTTPStatus.NO_CONTENT)


def error_body(fault: GatewayError, *, request_id: str, url: str) -> ErrorBody:
    """The refusal as callers see it; `url` is the gateway's own public address."""
    return ErrorBody(
        type=fault.kind,
        code=fault.code,
        message=fault.message,
        param=fault.param,
        doc_url=f"{url}/docs#errors-{fault.code}",
        request_id=request_id,
    )


def error_answer(fault: GatewayError, *, request_id: str, url: str) -> web.Response:
    """The refusal as an answer, with Retry-After where it says when to come back."""
    answer = json_answer(ErrorAnswer(error_body(fault, request_id=request_id, url=url)), status=fault.status)
    if fault.retry_after_s is not None:
        answer.headers["Retry-After"] = str(fault.retry_after_s)
    elif fault.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        answer.headers["Retry-After"] = "1"
    if fault.status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def internal_fault() -> GatewayError:
    """What a caller hears of a fault of our own: nothing but that there was one."""
    return GatewayError(
        "internal", "The gateway made a mistake. Its log holds the reason under this request id.", kind="internal"
    )
