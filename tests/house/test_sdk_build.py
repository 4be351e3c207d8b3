"""The SDK's committed files: within budget, what the sources build to, and free of what a strict CSP forbids."""

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

import gateway
from scripts.node import has_tools, node

SDK = Path(__file__).parents[2] / "sdk-js"
PACKAGE = json.loads((SDK / "package.json").read_text(encoding="utf-8"))
BUNDLES = sorted(path.name for path in (SDK / "dist").glob("*.js"))
WORDS = sorted(path.name for path in (SDK / "dist").glob("words-*.json"))


def bundle(name: str) -> bytes:
    return (SDK / "dist" / name).read_bytes()


@pytest.mark.parametrize("name", BUNDLES)
def test_a_shop_page_pays_no_more_than_the_promised_bytes(name: str):
    """The page script and the worker stay within the sizes that the docs promise."""
    zipped = len(gzip.compress(bundle(name), compresslevel=9, mtime=0))
    assert zipped <= PACKAGE["gzipBudgetBytes"][name]


@pytest.mark.parametrize("name", WORDS)
def test_a_language_costs_little(name: str):
    """What prompts say in one language is less than 2 kB on its way."""
    assert len(gzip.compress(bundle(name), compresslevel=9, mtime=0)) <= 2048


def test_the_budgets_are_the_promised_ones():
    """8 kB for the page, 6 kB for the worker and for each room: raising them is a decision, not a side effect."""
    rooms = dict.fromkeys(BUNDLES, 6 * 1024)
    onesignal = {"onesignal.js": 12 * 1024, "onesignal-worker.js": 6656}
    assert PACKAGE["gzipBudgetBytes"] == {**rooms, "steeple.js": 8 * 1024, "steeple.mjs": 8 * 1024, **onesignal}


@pytest.mark.parametrize("name", BUNDLES)
def test_the_bundles_run_under_a_strict_policy(name: str):
    """No eval, no inline style, no markup written, no foreign address: nothing that a strict CSP would stop."""
    text = bundle(name).decode("ascii")
    assert not re.search(r"\beval\(|new Function|innerHTML|document\.write|\.style\b|sourceMappingURL", text)
    assert not re.findall(r"https?://[^\"'`]*\.[a-z]{2,}", text)


@pytest.mark.parametrize("name", ["worker.js", "onesignal-worker.js"])
def test_the_worker_never_stands_between_a_shop_and_its_visitors(name: str):
    """A service worker without a fetch listener cannot slow down or break a page."""
    text = bundle(name).decode("ascii")
    assert '"notificationclick"' in text
    assert not re.search(r"[\"'`]fetch[\"'`]", text)


@pytest.mark.parametrize("name", BUNDLES)
def test_the_bundles_name_the_version_they_belong_to(name: str):
    """Gateway, package and built files carry one version."""
    assert PACKAGE["version"] == gateway.__version__
    assert bundle(name).startswith(f"/*! Steeple {gateway.__version__} | MIT */".encode())


def test_the_lock_file_names_no_registry():
    """Whoever builds the SDK uses their own registry, not the one of whoever locked it."""
    lock = json.loads((SDK / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    assert "omit-lockfile-registry-resolved=true" in (SDK / ".npmrc").read_text(encoding="utf-8").split()


def test_the_sdk_brings_no_foreign_code_along():
    """Tools and what bindings are tested with are installed, and nothing of them ends up in a shop's page."""
    assert "dependencies" not in PACKAGE
    assert sorted(PACKAGE["devDependencies"]) == [
        "@capacitor/core", "@capacitor/push-notifications", "@types/react", "axe-core", "esbuild", "jquery", "react",
        "react-test-renderer", "typescript", "vue",
    ]  # fmt: skip
    assert PACKAGE["peerDependenciesMeta"] == {name: {"optional": True} for name in PACKAGE["peerDependencies"]}


needs_tools = pytest.mark.skipif(
    node() is None or not has_tools(),
    reason="needs Node.js and the SDK's tools: make test-deps",
)


def build(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """`node build.mjs` with these options, ended."""
    words = [str(node()), "build.mjs", *(str(option) for option in options)]
    return subprocess.run(words, cwd=SDK, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the sources build to, and a release of it."""
    folder = tmp_path_factory.mktemp("built")
    built = build("--out", folder, "--release")
    assert built.returncode == 0, built.stderr
    return folder


@needs_tools
def test_the_committed_files_are_what_the_sources_build_to(released: Path):
    """Anybody can build the very bytes that shops are served, and check them against the repository's."""
    fresh = {path.name: path.read_bytes() for path in released.iterdir() if path.is_file()}
    assert fresh == {name: bundle(name) for name in ("steeple.mjs", *BUNDLES, *WORDS)}, "npm run build"


@needs_tools
def test_a_release_is_kept_once(released: Path):
    """What pages fetch by version is laid aside when it is released; a second release of the version is refused."""
    kept = {path.name: path.read_bytes() for path in (released / "releases" / PACKAGE["version"]).iterdir()}

    assert kept == {name: bundle(name) for name in (*BUNDLES, *WORDS)}
    again = build("--out", released, "--release")
    assert again.returncode != 0
    assert "was released already" in again.stderr


def changed_since_release(dist: Path, version: str) -> list[str]:
    """Released files that are not what they say, or of this version and not what is built now."""
    return [
        f"{file.parent.name}/{file.name}"
        for file in sorted(dist.glob("releases/*/*"))
        if f"Steeple {file.parent.name}".encode() not in file.read_bytes()[:40]
        or (file.parent.name == version and file.read_bytes() != (dist / file.name).read_bytes())
    ]


def test_what_was_released_stays_as_it_was():
    """A page that pins a version by its hash goes on working: a released version is never built again."""
    assert changed_since_release(SDK / "dist", PACKAGE["version"]) == []


def test_a_change_of_a_released_file_is_seen(tmp_path: Path):
    """Negative control: another version's file, and a build that differs from its release."""
    for folder, text in (("", "b"), ("releases/1.0.0", "a"), ("releases/0.9.0", "a")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "steeple.js").write_text(f"/*! Steeple 1.0.0 | MIT */\n{text}")

    assert changed_since_release(tmp_path, "1.0.0") == ["0.9.0/steeple.js", "1.0.0/steeple.js"]
