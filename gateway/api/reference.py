"""The reference pages of `docs/reference`, written from the URL table and the list of error codes.

`python -m gateway.api.reference` writes them; a test compares them with what the code says.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.api.examples import EXAMPLES
from gateway.api.openapi import operation_id
from gateway.api.route import Route
from gateway.api.routes import ROUTES
from gateway.model.errors import ERROR_CODES, STATUS_OF_TYPE

_FOLDER: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "reference"
_WHO: Final = {"none": "anybody", "public": "a page of the app", "device": "the device, or a key", "key": "a key"}

_HTTP_HEAD: Final = """\
# HTTP interface

This page is written from the code by `python -m gateway.api.reference`. A running gateway serves the same with every
field, bound and a `curl` line at `/docs`, and as OpenAPI 3.1 at `/openapi.json`.

## Rules for all calls

- **Keys.** `Authorization: Bearer stpl_sk_...`. A key belongs to one app, so `app` may be left out; naming another app
  is a 404. Scopes are `send`, `read` and `manage`; `admin` is the installation's, includes the others, and names the
  app in each call.
- **Devices** prove a change with the secret that they got when they enrolled, sent in the same header. Pages are held
  to the app's exact origins.
- **Bodies** are JSON in UTF-8, at most 64 KiB on public routes, 1 MiB for a message, 16 MiB for a batch; compressed
  bodies are refused. An unknown field is a 422 that names it.
- **Idempotency-Key** goes with every POST that makes something (marked *once* below). The same key with the same body
  is done once and answered the same for 7 days, with `Idempotent-Replayed: true`; with another body it is a 409, and
  while the first call is under way a 409 with Retry-After. Only answers of success are kept. An answer with a secret in
  it (a new API key, a new app) is kept sealed with the master key. A call that died half-way can be repeated after
  60 s; a message is stored together with its key, so it cannot die half-way. Enrolling and importing need no key: an
  address is one device, however often it comes.
- **Rates.** 2,000 requests a second for a key, 20 for an address and app on public routes with a burst of five times
  that; `STEEPLE_RATE_PER_KEY` and `STEEPLE_RATE_PUBLIC` change them. They are counted by each API process. Beyond: 429.
- **Lists** are pages `{"data": [...], "next": "..."}`; give `next` as `?after=`. 429 and 503 carry Retry-After.
- **X-Request-Id** is on every answer: yours if you sent a plain one (up to 64 letters, digits, `.`, `_`, `:`, `-`).
- **Receipts.** A click or a close says that the notification was on the screen, so it counts as shown too. Tokens that
  are forged, foreign or older than 30 days are ignored without a fault.
- **Progress** is Server-Sent Events: `progress` with the message as `GET /v1/messages/{id}` shows it, at most two a
  second, and `end`.

## Calls
"""

_ERRORS_HEAD: Final = """\
# Error codes

This page is written from the code by `python -m gateway.api.reference`.

Every refusal has one shape:

```json
{"error": {"type": "invalid_request", "code": "field_invalid", "message": "Expected text, got a whole number.",
           "param": "title", "doc_url": "https://push.shop.example/docs#errors-field_invalid", "request_id": "req_..."}}
```

Branch on `code`, show or log `message`; `param` is the dotted path of the field at fault, or null. 400 means that the
request could not be read, 422 that it could and is wrong.

"""


def http_page(routes: Sequence[Route]) -> str:
    """`docs/reference/http.md`."""
    groups = dict.fromkeys(route.group for route in routes if route.is_documented)
    return _HTTP_HEAD + "".join(_group(group, routes) for group in groups)


def _group(group: str, routes: Sequence[Route]) -> str:
    lines = [f"\n### {group}\n\n", "| call | does | who |\n", "|---|---|---|\n"]
    lines += [_row(route) for route in routes if route.is_documented and route.group == group]
    return "".join(lines)


def _row(route: Route) -> str:
    once = " *once*" if route.replay != "no" else ""
    example = " (example in `/docs`)" if (route.method, route.path) in EXAMPLES else ""
    scope = f" with `{route.auth.scope}`" if route.auth.scope else ""
    who = f"{_WHO[route.auth.kind]}{', or a key' if route.auth.kind == 'public' and scope else ''}{scope}"
    query = "".join(f"<br>`?{one.name}=` {one.text}" for one in route.query if one.name != "app" or one.is_needed)
    return f"| `{route.method} {route.path}` | {route.summary}{once}{example}{query} | {who} |\n"


def errors_page() -> str:
    """`docs/reference/errors.md`."""
    types = "".join(f"| `{kind}` | {status} |\n" for kind, status in STATUS_OF_TYPE.items())
    codes = "".join(f'| <a id="errors-{code}"></a>`{code}` | {words} |\n' for code, words in ERROR_CODES.items())
    return (
        f"{_ERRORS_HEAD}| type | usual status |\n|---|---|\n{types}\n"
        "An `invalid_request` may also be 400 (unreadable), 405, 408, 413 or 415.\n\n"
        f"| code | means |\n|---|---|\n{codes}"
    )


def pages() -> dict[Path, str]:
    """Every generated page and its text."""
    assert len({operation_id(route) for route in ROUTES}) == len(ROUTES)
    return {_FOLDER / "http.md": http_page(ROUTES), _FOLDER / "errors.md": errors_page()}


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
