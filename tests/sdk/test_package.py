"""The npm package: what is in it, and that a project which installs it can import and type-check it."""

import json
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from scripts.node import SDK, has_tools, node, npm
from tests.house.tree import ROOT

WAIT_S: Final = 60
TSC: Final = (node(), SDK / "node_modules" / "typescript" / "bin" / "tsc")
PEERS: Final = ("react", "vue", "@types/react", "csstype", "@vue/shared")
"""What a project that uses the package has installed beside it."""

pytestmark = pytest.mark.skipif(
    node() is None or npm() is None or not has_tools(), reason="needs Node.js and the SDK's tools: make test-deps"
)


def run(words: Sequence[object], folder: Path) -> str:
    """What the command prints; fails with what it complains about."""
    done = subprocess.run(
        [str(word) for word in words], cwd=folder, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the package installed as npm packs it."""
    folder = tmp_path_factory.mktemp("project")
    program = npm()
    assert program is not None
    run([*program, "pack", "--silent", "--pack-destination", folder], SDK)
    (packed,) = folder.glob("*.tgz")
    installed = folder / "node_modules" / "@steeple" / "sdk-js"
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    installed.parent.mkdir(parents=True)
    shutil.move(folder / "package", installed)
    for peer in PEERS:
        (folder / "node_modules" / peer).parent.mkdir(exist_ok=True)
        (folder / "node_modules" / peer).symlink_to(SDK / "node_modules" / peer)
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def test_the_package_holds_what_is_used_and_nothing_else(project: Path):
    """Built files, types and bindings; no source, no test, no former release, no tool."""
    installed = project / "node_modules" / "@steeple" / "sdk-js"
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}

    built = {f"dist/{path.name}" for path in (SDK / "dist").iterdir() if path.suffix in {".js", ".mjs"}}
    assert {"dist/steeple.js", "dist/steeple.mjs", "dist/worker.js", "dist/onesignal.js"} <= built
    assert files == {
        *built,
        "LICENSE", "README.md", "package.json", "bindings/live.js", "types/index.d.ts",
        "device/index.js", "device/index.d.ts", "device/app.js", "device/app.d.ts",
        "react/index.js", "react/index.d.ts", "vue/index.js", "vue/index.d.ts",
    }  # fmt: skip


def test_every_entry_of_the_package_can_be_imported(project: Path):
    """The names that the manual imports are there, on a server too."""
    (project / "use.js").write_text(
        "import { startSteeple, VERSION } from '@steeple/sdk-js';\n"
        "import { useSteeple as inReact } from '@steeple/sdk-js/react';\n"
        "import { useSteeple as inVue } from '@steeple/sdk-js/vue';\n"
        "import { createDevice } from '@steeple/sdk-js/device';\n"
        "import { createApp } from '@steeple/sdk-js/device/app';\n"
        "const steeple = startSteeple({ gateway: 'https://push.shop.example', app: 'app_1' });\n"
        "const { reason } = await steeple.state();\n"
        "const kinds = [inReact, inVue, createDevice, createApp].map((one) => typeof one);\n"
        "console.log(JSON.stringify([VERSION, reason, ...kinds]));\n"
    )

    said = json.loads(run([node(), "use.js"], project))

    version = json.loads((SDK / "package.json").read_text(encoding="utf-8"))["version"]
    assert said == [version, "unsupported", *["function"] * 4]


def test_the_types_of_the_package_fit_how_shops_use_it(project: Path):
    """The compiler takes every call as the manual writes it, and refuses the mistakes that types are there to catch."""
    for name in ("usage.ts", "tsconfig.json"):
        shutil.copy(SDK / "test" / "types" / name, project)

    run([*TSC, "--project", project], project)


@pytest.mark.parametrize("name", ["capacitor", "expo"])
def test_a_plugin_fits_the_types_of_the_libraries_it_stands_on(name: str, tmp_path: Path):
    """Capacitor's own push plugin, React, what is declared of expo-notifications; what is built has its types."""
    run([*TSC, "--project", ROOT / "plugins" / name, "--outDir", tmp_path], ROOT)

    assert {"index.js", "index.d.ts"} <= {path.name for path in tmp_path.iterdir()}
