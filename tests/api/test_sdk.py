"""What pages load from the gateway."""

import re

from gateway.api.sdk_files import SdkFiles
from tests.api.world import Shop


async def test_a_page_learns_what_it_needs(shop: Shop):
    """The key to subscribe with, its id, the topics, the hosts that links may lead to; no secret and no contact."""
    await shop.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    answer = await shop.page("GET", f"/v1/sdk/config?app={shop.id}")
    assert answer.status == 200
    channel = answer.body["channels"]["webpush"]
    assert len(channel["vapid_public_key"]) == 87
    assert channel["vapid_key_id"].startswith("key_")
    assert answer.body["topics"] == [{"slug": "sale", "name": "Sales"}]
    assert answer.body["link_hosts"] == ["push.example", "shop.example"]
    assert answer.body["receipts"] == ["shown", "clicked", "closed"]
    assert answer.body["killed"] is False
    assert "mailto" not in answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=60"


async def test_a_page_that_asks_again_is_told_only_what_is_new(shop: Shop):
    """While nothing has changed the answer is a 304 without a body, readable by the page; a change shows at once."""
    path = f"/v1/sdk/config?app={shop.id}"
    first = await shop.page("GET", path)
    known = {"If-None-Match": first.headers["ETag"]}
    again = await shop.page("GET", path, headers=known)
    assert (again.status, again.text, again.headers["ETag"]) == (304, "", first.headers["ETag"])
    assert again.headers["Access-Control-Allow-Origin"] == first.headers["Access-Control-Allow-Origin"]
    assert (again.headers["Cache-Control"], again.headers["Vary"]) == (first.headers["Cache-Control"], "Origin")
    await shop.call("POST", "/v1/topics", {"slug": "sale", "name": "Sales"})
    changed = await shop.page("GET", path, headers=known)
    assert (changed.status, changed.body["topics"]) == (200, [{"slug": "sale", "name": "Sales"}])


async def test_the_config_names_its_app(shop: Shop):
    """Without an app, or with one that does not exist, there is none."""
    assert (await shop.page("GET", "/v1/sdk/config")).param == "app"
    assert (await shop.page("GET", "/v1/sdk/config?app=app_0000000000000")).status == 404
    assert (await shop.page("GET", "/v1/sdk/config?app=nonsense")).status == 404


async def test_the_newest_script_is_served_to_any_page(shop: Shop):
    """Readable by every origin, kept for an hour, asked for again by its tag."""
    answer = await shop.page("GET", "/sdk/v1/steeple.js", headers={"Origin": "https://anybody.example"})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.text.startswith("/*! Steeple 9.8.7")
    again = await shop.page("GET", "/sdk/v1/steeple.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.text) == (304, "")


async def test_a_version_is_for_ever(shop: Shop):
    """Under its number a file never changes; other numbers are not there."""
    fixed = await shop.page("GET", "/sdk/9.8.7/worker.js")
    assert (fixed.status, fixed.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert (await shop.page("GET", "/sdk/9.8.6/worker.js")).status == 404
    assert (await shop.page("GET", "/sdk/v1/other.js")).status == 404


async def test_what_the_script_loads_later_is_served_as_well(shop: Shop):
    """Every built file of the folder, and nothing else that lies there."""
    assert (await shop.page("GET", "/sdk/9.8.7/attic.js")).text.endswith("self.z=1;\n")
    assert (await shop.page("GET", "/sdk/v1/attic.js")).status == 200
    assert (await shop.page("GET", "/sdk/v1/Notes.js")).status == 404
    assert (await shop.page("GET", "/sdk/v1/..%2Fattic.js")).status == 404


async def test_what_prompts_say_is_served_as_json(shop: Shop):
    """A page that speaks Dutch fetches the Dutch words, from any origin, and keeps them."""
    answer = await shop.page("GET", "/sdk/9.8.7/words-nl.json", headers={"Origin": "https://anybody.example"})
    assert answer.body["yes"] == "Ja"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"].endswith("immutable")


async def test_prompts_can_be_looked_at(shop: Shop):
    """The page for it loads nothing from outside, and its own files are all there are."""
    page = await shop.page("GET", "/preview")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for name, media in (("preview.js", "text/javascript"), ("preview.css", "text/css")):
        assert f"/preview/{name}" in page.text
        file = await shop.page("GET", f"/preview/{name}")
        assert file.headers["Content-Type"].startswith(media)
        assert not re.search(r"https?://", file.text)
        again = await shop.page("GET", f"/preview/{name}", headers={"If-None-Match": file.headers["ETag"]})
        assert again.status == 304
    assert (await shop.page("GET", "/preview/preview.html")).status == 404
    assert (await shop.page("GET", "/preview/docs.js")).status == 404


async def test_a_script_goes_out_zipped_or_plain(shop: Shop):
    """Whoever takes gzip gets it; caches keep both apart."""
    async with shop.session.get(f"{shop.gateway.url}/sdk/v1/worker.js", headers={"Accept-Encoding": "gzip"}) as zipped:
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert zipped.headers["Vary"] == "Accept-Encoding"
        assert (await zipped.text()).endswith("self.y=1;\n")
    async with shop.session.get(
        f"{shop.gateway.url}/sdk/v1/worker.js", headers={"Accept-Encoding": "identity"}
    ) as plain:
        assert "Content-Encoding" not in plain.headers


def test_an_unbuilt_sdk_stops_nothing(tmp_path) -> None:
    """A checkout without a built script serves everything else."""
    files = SdkFiles(tmp_path)
    assert (files.rolling, files.fixed) == ({}, {})


def test_a_page_that_pins_a_version_outlives_the_upgrade(tmp_path) -> None:
    """After an upgrade the old version's files are still there, byte for byte; only the rolling ones are new."""
    for folder, version, text in (
        ("", "1.2.0", "new"),
        ("releases/1.1.0", "1.1.0", "old"),
        ("releases/1.0.0", "", "?"),
    ):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "steeple.js").write_text(f"/*! Steeple {version} | MIT */\n{text}")
    (tmp_path / "releases" / "1.1.0" / "attic.js").write_text("/*! Steeple 1.1.0 | MIT */\ngone since")

    files = SdkFiles(tmp_path)

    assert list(files.rolling) == ["steeple.js"]
    assert files.rolling["steeple.js"].body.endswith(b"new")
    assert files.fixed["1.2.0", "steeple.js"] is files.rolling["steeple.js"]
    assert files.fixed["1.1.0", "steeple.js"].body.endswith(b"old")
    assert sorted(files.fixed) == [("1.1.0", "attic.js"), ("1.1.0", "steeple.js"), ("1.2.0", "steeple.js")]


def test_of_a_released_version_the_release_is_served(tmp_path) -> None:
    """Whoever builds on after a release without a new number changes no page that pinned it."""
    for folder, text in (("", "built on"), ("releases/1.1.0", "released")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "steeple.js").write_text(f"/*! Steeple 1.1.0 | MIT */\n{text}")

    assert SdkFiles(tmp_path).fixed["1.1.0", "steeple.js"].body.endswith(b"released")
