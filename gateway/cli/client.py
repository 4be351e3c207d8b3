"""The gateway as the command line calls it: plain HTTP requests with an API key, one connection at a time.

`http.client` of the standard library: a verb makes a few calls one after the other, and starts in no time.
"""

import http.client
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from gateway import __version__
from gateway.model.limits import CLI_ANSWER_BYTES_MAX, CLI_ANSWER_S, CLI_PAGES_MAX

_OK_BELOW: Final = 300
_PIECE_BYTES: Final = 64 * 1024


class Refused(Exception):
    """The gateway said no, or was not there. `error` has the shape of the API's errors."""

    __match_args__ = ("error",)

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


class Gateway:
    """One gateway and one API key. `app` is sent along where a key of the installation needs it."""

    def __init__(self, url: str, key: str, *, app: str | None = None) -> None:
        """Nothing is connected or checked yet: a mistake in the verb's own words is named first."""
        self._url = url.rstrip("/")
        self._key = key
        self._app = app

    def call(
        self, method: str, path: str, body: Any = None, *, idempotency_key: str | None = None, **query: Any
    ) -> Any:
        """One request; what the answer's JSON says. Raises `Refused` for everything but a 2xx."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self._ask(method, path, query, headers, None if body is None else msgspec.json.encode(body))

    def upload(self, path: str, pieces: Iterable[bytes], *, media: str = "application/x-ndjson", **query: Any) -> Any:
        """A streamed body of lines; what the answer's JSON says."""
        return self._ask("POST", path, query, {"Content-Type": media}, pieces)

    def pages(self, path: str, *, rows_max: int | None = None, **query: Any) -> Iterator[Any]:
        """The rows of a list, page after page, at most `rows_max`."""
        given = 0
        for _ in range(CLI_PAGES_MAX):
            page = self.call("GET", path, **query)
            for row in page["data"]:
                if given == rows_max:
                    return
                yield row
                given += 1
            if page["next"] is None:
                return
            if page["next"] == query.get("after"):
                break
            query["after"] = page["next"]
        raise _refusal("answer_unreadable", "The gateway's list does not end.")

    def lines(self, path: str, **query: Any) -> Iterator[bytes]:
        """A streamed answer of newline-delimited JSON, in pieces."""
        connection, answer = self._answer("GET", path, query, {}, None)
        with closing(connection):
            if answer.status >= _OK_BELOW:
                _read(answer.status, answer.read(CLI_ANSWER_BYTES_MAX), self._url)
            try:
                while piece := answer.read(_PIECE_BYTES):
                    yield piece
            except (OSError, http.client.HTTPException) as fault:
                raise _refusal(
                    "answer_cut", "The gateway's answer was cut off; what was written is not all."
                ) from fault

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        headers: dict[str, str],
        body: bytes | Iterable[bytes] | None = None,
    ) -> Any:
        connection, answer = self._answer(method, path, query, headers, body)
        with closing(connection):
            try:
                content = answer.read(CLI_ANSWER_BYTES_MAX)
            except (OSError, http.client.HTTPException) as fault:
                raise self._unreachable(fault) from fault
        return _read(answer.status, content, self._url)

    def _answer(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        headers: dict[str, str],
        body: bytes | Iterable[bytes] | None,
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """The head of the answer; the caller reads its body and closes the connection."""
        connection = self._connection()
        asked = {name: value for name, value in {"app": self._app, **query}.items() if value is not None}
        prefix = urlsplit(self._url).path
        target = f"{prefix}{quote(path, safe='/%')}" + (f"?{urlencode(asked)}" if asked else "")
        sent = {
            "Authorization": f"Bearer {self._checked_key()}",
            "User-Agent": f"steeple-cli/{__version__}",
            "Accept": "application/json",
            **headers,
        }
        try:
            connection.request(method, target, body=body, headers=sent, encode_chunked=_is_stream(body))
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as fault:
            connection.close()
            raise self._unreachable(fault) from fault

    def _unreachable(self, fault: Exception) -> Refused:
        message = f"There is no gateway at {self._url} ({_reason(fault)}). Is `steeple serve` running?"
        return _refusal("gateway_unreachable", message)

    def _connection(self) -> http.client.HTTPConnection:
        host, port, is_tls = _place(self._url)
        if is_tls:
            return http.client.HTTPSConnection(host, port, timeout=CLI_ANSWER_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=CLI_ANSWER_S)

    def _checked_key(self) -> str:
        if not self._key:
            raise _refusal(
                "key_missing",
                "The gateway wants an API key: set STEEPLE_API_KEY, or make one with `steeple keys api create`.",
            )
        if not self._key.isascii() or any(char.isspace() for char in self._key):
            raise _refusal("key_invalid", "The API key has characters that no key has; was it pasted completely?")
        return self._key


def _place(url: str) -> tuple[str, int | None, bool]:
    """Host, port and whether TLS is spoken; refused for what is no address."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.hostname, parts.port, parts.scheme == "https"
    except ValueError:
        pass
    raise _refusal("gateway_invalid", f"`{url}` is not an address such as http://127.0.0.1:8080.")


def _is_stream(body: object) -> bool:
    return body is not None and not isinstance(body, bytes)


def _read(status: int, content: bytes, url: str) -> Any:
    try:
        said = msgspec.json.decode(content) if content else None
    except msgspec.DecodeError:
        said = None
        if status < _OK_BELOW:
            raise _refusal("answer_unreadable", f"What answers at {url} is not a gateway.") from None
    if status < _OK_BELOW:
        return said
    match said:
        case {"error": {"message": str(), "code": str(), **_rest} as error}:
            raise Refused(error)
        case _:
            raise _refusal("answer_unreadable", f"{url} answered {status}, and not as a gateway does.")


def _refusal(code: str, message: str) -> Refused:
    return Refused(
        {
            "type": "unavailable" if code == "gateway_unreachable" else "invalid_request",
            "code": code,
            "message": message,
        }
    )


def _reason(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror.lower()
    return str(fault).lower() or type(fault).__name__
