"""Bodies of requests: read within a bound and a time, then decoded into a struct.

Compressed bodies are refused: 50 kB of gzip become 50 MB at our cost. A body is JSON whatever its type says, as long as
that is JSON or plain text (what a page may send without a preflight); form and multipart bodies are not read at all.
"""

import asyncio
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http_exceptions import HttpProcessingError

from gateway.api.faults import unreadable
from gateway.model.errors import GatewayError, Invalid
from gateway.model.limits import BODY_READ_S
from gateway.model.misfit import wrong

T = TypeVar("T")

_TYPES: Final = ("application/json", "text/plain", "application/x-ndjson", "application/octet-stream",
          "text/csv")  # fmt: skip
_NUL: Final = b"\\u0000"
_ANY_JSON: Final = msgspec.json.Decoder(msgspec.Raw)


def check_head(request: web.Request, size_max: int | None) -> None:
    """Refuses by the headers alone what is compressed, of a foreign type, or too large (None: nothing is)."""
    headers = request.headers
    if "Content-Encoding" in headers:
        raise GatewayError("encoding_unsupported", "Send the body without Content-Encoding.", status=415)
    declared = headers.get("Content-Type")
    if declared is not None and not declared.lower().startswith(_TYPES):
        raise GatewayError("media_type_unsupported", "Send the body as application/json.", status=415)
    length = request.content_length
    if size_max is not None and length is not None and length > size_max:
        raise too_large(size_max)


def too_large(size_max: int) -> GatewayError:
    """The 413 that names the bound."""
    return GatewayError("body_too_large", f"The body is larger than {size_max} bytes.", status=413)


async def read_body(request: web.BaseRequest, size_max: int, *, within_s: float = BODY_READ_S) -> bytes:
    """The whole body. Most are complete when their headers are, and then nothing is waited for."""
    content = request.content
    if content.is_eof():
        body = content.read_nowait(-1)
        if len(body) > size_max:
            raise too_large(size_max)
        return body
    try:
        async with asyncio.timeout(within_s):
            return await _read_slowly(content, size_max)
    except TimeoutError:
        raise GatewayError("body_too_slow", f"The body was not complete after {within_s:.0f} s.", status=408) from None
    except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError):
        raise GatewayError(
            "http_unreadable", "The body breaks off or is not framed as HTTP demands.", status=400
        ) from None


async def _read_slowly(content: Any, size_max: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        part = await content.readany()
        if not part:
            return b"".join(parts)
        parts.append(part)
        size += len(part)
        if size > size_max:
            raise too_large(size_max)


def decode(body: bytes, decoder: "msgspec.json.Decoder[T]", *, prefix: str = "", is_final: bool = True) -> T:
    """The struct in these bytes. Raises `GatewayError`: 400 where they are no JSON, 422 where it does not fit.

    prefix: put before the path of a fault (`messages[3]`). is_final: False where parts of it are decoded, and checked,
    on their own.
    """
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as fault:
        _check_readable(body)
        raise wrong(fault, decoder.type, prefix=prefix) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise unreadable(fault) from None
    if is_final and _NUL in body:
        _refuse_nul(body, prefix)
    return value


def _check_readable(body: bytes) -> None:
    """Raises the 400: a fault of a field may have been found before the place where the body stops being JSON."""
    try:
        _ANY_JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise unreadable(fault) from None


def _refuse_nul(body: bytes, prefix: str) -> None:
    """Postgres holds no NUL in text or JSON. The bytes may also be an escaped backslash before `u0000`, so look."""
    found: list[tuple[str, object]] = [(prefix.rstrip("."), msgspec.json.decode(body))]
    while found:
        path, value = found.pop()
        if isinstance(value, str) and "\0" in value:
            text = "A text holds the character U+0000, which cannot be stored."
            raise Invalid("field_invalid", text, param=path or None)
        if isinstance(value, dict):
            found += [(path, name) for name in value]
            found += [(f"{path}.{name}" if path else str(name), one) for name, one in value.items()]
        elif isinstance(value, list):
            found += [(f"{path}[{at}]", one) for at, one in enumerate(value)]
