"""Bodies that are too large, too deep, compressed, or no JSON: refused at once, and the next call is served."""

import gzip
import json
import time

import pytest

from tests.api.world import Shop, ask

_DEEP = b"[" * 100_000 + b"]" * 100_000


def _send(shop: Shop, raw: bytes, **headers: str):
    given = {"Authorization": f"Bearer {shop.key}", "Content-Type": "application/json", **headers}
    return ask(shop.session, "POST", f"{shop.gateway.url}/v1/messages", raw=raw, headers=given)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[1, 2",
        b"\xff\xfe",
        b'{"title": "\xff", "audience": {"all": true}}',
        b'{"title": "\\ud800", "audience": {"all": true}}',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"NaN",
        b"title=x&audience=all",
        b'{"titel": "x", "audience"',
        _DEEP,
        b'{"audience": {"all": true}, "data": {"x": ' + _DEEP + b"}}",
    ],
    ids=lambda raw: repr(raw[:24]),
)
async def test_what_is_no_json_is_a_400(shop: Shop, raw: bytes):
    """Unreadable is told apart from wrong."""
    answer = await _send(shop, raw)
    assert (answer.status, answer.code) == (400, "json_unreadable"), answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b"5",
        b'"x"',
        b"[]",
        b'{"title": "x", "audience": {"all": true}, "data": {"x": ' + b"9" * 50_000 + b"}}",
        b'{"title": "x", "audience": {"all": true}, "data": {"x": 1e999}}',
        b'{"title": "x", "audience": {"all": true}, "ttl": ' + b"9" * 5_000 + b"}",
        b'{"title": "a\\u0000b", "audience": {"all": true}}',
        b'{"title": "x", "audience": {"all": true}, "data": {"a\\u0000": 1}}',
    ],
    ids=lambda raw: repr(raw[:60]),
)
async def test_json_that_cannot_be_kept_is_a_422(shop: Shop, raw: bytes):
    """Numbers beyond all bounds, NUL characters, a list where an object belongs."""
    answer = await _send(shop, raw)
    assert (answer.status, answer.code) == (422, "field_invalid"), answer.text


async def test_a_backslash_before_u0000_is_only_text(shop: Shop):
    """An escaped backslash followed by those letters is no NUL."""
    answer = await _send(shop, b'{"title": "C:\\\\u0000", "audience": {"all": true}}')
    assert answer.status == 202


async def test_a_hundred_thousand_keys_cost_little(shop: Shop):
    """A body full of fields is refused in a moment."""
    many = {f"{n:x}": 0 for n in range(100_000)}
    raw = json.dumps(many, separators=(",", ":")).encode()
    began = time.perf_counter()
    answer = await _send(shop, raw)
    assert (answer.status, answer.code) == (422, "field_unknown")
    order = {"title": "x", "audience": {"all": True}, "data": many}
    data = json.dumps(order, separators=(",", ":")).encode()
    assert (await _send(shop, data)).param == "data"
    assert time.perf_counter() - began < 2


async def test_a_compressed_body_is_refused_unread(shop: Shop):
    """50 kB that would become 50 MB are not unpacked."""
    bomb = gzip.compress(b" " * 50_000_000)
    began = time.perf_counter()
    answer = await _send(shop, bomb, **{"Content-Encoding": "gzip"})
    assert (answer.status, answer.code) == (415, "encoding_unsupported")
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("media", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/xml"])
async def test_other_media_types_are_refused(shop: Shop, media: str):
    """Forms are never parsed."""
    answer = await _send(shop, b"x", **{"Content-Type": media})
    assert (answer.status, answer.code) == (415, "media_type_unsupported")


async def test_json_as_plain_text_is_read(shop: Shop):
    """What a page may send without a preflight."""
    answer = await _send(
        shop, b'{"title": "x", "audience": {"all": true}}', **{"Content-Type": "text/plain;charset=UTF-8"}
    )
    assert answer.status == 202


@pytest.mark.parametrize(
    ("path", "size_max"),
    [("/v1/messages", 1024 * 1024), ("/v1/topics", 64 * 1024), ("/v1/messages/batch", 16 * 1024 * 1024)],
)
async def test_a_body_beyond_the_bound_is_a_413(shop: Shop, path: str, size_max: int):
    """By its declared length, and by what comes where none is declared."""
    headers = {"Authorization": f"Bearer {shop.key}", "Content-Type": "application/json"}
    declared = await ask(shop.session, "POST", shop.gateway.url + path, raw=b" " * (size_max + 1), headers=headers)
    assert (declared.status, declared.code) == (413, "body_too_large")

    async def pieces():
        for _ in range(size_max // 65_536 + 2):
            yield b" " * 65_536

    async with shop.session.post(shop.gateway.url + path, data=pieces(), headers=headers) as chunked:
        assert chunked.status == 413
        assert (await chunked.json())["error"]["code"] == "body_too_large"


async def test_a_body_in_chunks_is_read_whole(shop: Shop):
    """Chunked transfer is what some clients do."""

    async def pieces():
        yield b'{"title": "x", '
        yield b'"audience": {"all": true}}'

    headers = {"Authorization": f"Bearer {shop.key}", "Content-Type": "application/json"}
    async with shop.session.post(f"{shop.gateway.url}/v1/messages", data=pieces(), headers=headers) as answer:
        assert answer.status == 202
