"""Writes the pages of docs/reference that are generated from the code, or checks that they are up to date.

python scripts/reference.py            writes them
python scripts/reference.py --check    exits with 1, naming the pages that differ
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from prometheus_client import Counter

ROOT: Final = Path(__file__).resolve().parents[1]
_FOLDER: Final = ROOT / "docs" / "reference"
sys.path.insert(0, str(ROOT))

from gateway.api.reference import pages as http_pages  # noqa: E402 - the checkout's own package, wherever it is installed
from gateway.api.sdk_files import SdkFiles  # noqa: E402 - as above
from gateway.cli.command import steeple  # noqa: E402 - as above
from gateway.config import PREFIX, SECRET_SETTINGS, Settings  # noqa: E402 - as above
from gateway.model.delivery import REASONS, Code, state_of  # noqa: E402 - as above
from gateway.telemetry import REGISTRY  # noqa: E402 - as above

_HEAD: Final = "This page is written from the code by `make docs`.\n"

_SETTINGS_HEAD: Final = f"""# Settings

{_HEAD}
A setting is an environment variable, or the same name in lower case in `steeple.toml` (in the folder where the gateway
starts, or the file that `STEEPLE_CONFIG` names). Options of the command line come first, then the environment, then the
file. `steeple serve --print-config` shows what holds and where it came from.

Where nothing is said, data lies in `/var/lib/steeple` (root) or `~/.local/share/steeple` (everybody else).
"""
_CLI_HEAD: Final = f"""# Command line

{_HEAD}
Every verb takes `--help` and `--json` (one JSON value on standard output, for programs); without it a person gets a
sentence or a table. Refusals are one sentence on standard error, with `--json` an object in the shape of the API's
errors. The exit code is 0 when it is done, 1 when it was refused or failed, 2 when the command was written wrongly.

`send`, `messages`, `import` and `export` talk to a running gateway over HTTP (`--gateway`, `STEEPLE_URL`) with an API
key (`--key`, `STEEPLE_API_KEY`). `app`, `keys`, `migrate` and `doctor` work on the database, whether the gateway runs
or not.
"""
_METRICS_HEAD: Final = f"""# Metrics

{_HEAD}
Prometheus text, merged over all processes, at `/metrics` of the supervisor's own listener (`STEEPLE_METRICS_BIND`), and
of one process at `/metrics/{{process}}`. Apps are no label: there is no bound to how many there are.
"""
_OUTCOMES_HEAD: Final = f"""# What becomes of a recipient

{_HEAD}
`counts` of a message count recipients by state; `failed_by` and `skipped_by` by reason. The number is what the store
keeps, one byte each.
"""

_INTEGRITY_HEAD: Final = f"""# Hashes of the SDK's files

{_HEAD}
For pages that pin a version of the page script (Subresource Integrity). A version's files never change, and the gateway
goes on serving them after an upgrade. What is loaded later (rooms, words of prompts) belongs to the same version; the
rooms are held by hashes inside the pinned script. A worker cannot be pinned: browsers know no integrity for
`importScripts`.
"""


def field_texts(source: str, class_name: str) -> dict[str, str]:
    """Field -> the string below it, for a class whose fields are documented so."""
    (body,) = [
        node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == class_name
    ]
    texts: dict[str, str] = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                texts[name] = " ".join(words.split())
            case _:
                pass
    return texts


def settings_page() -> str:
    """Every setting."""
    texts = field_texts((ROOT / "gateway" / "config.py").read_text(encoding="utf-8"), "Settings")
    rows = [
        (f"`{PREFIX}{field.name.upper()}`", f"`{field.name}`", _default(field), texts[field.name] + _secret(field.name))
        for field in msgspec.structs.fields(Settings)
        if field.name != "providers"
    ]
    providers = (
        f"`[providers.<name>]` in `steeple.toml`: {texts['providers'].lower()} Each provider checks its own table."
    )
    return _page(_SETTINGS_HEAD, *_table(("variable", "in steeple.toml", "default", "means"), rows), "", providers)


def _default(field: Any) -> str:
    return "" if field.default in {"", msgspec.NODEFAULT} else f"`{str(field.default).lower()}`"


def _secret(name: str) -> str:
    return " Secret: never shown." if name in SECRET_SETTINGS else ""


def cli_page() -> str:
    """Every verb with its options."""
    lines: list[str] = []
    for words, verb in _verbs(steeple, ["steeple"]):
        lines += ["", f"## {' '.join(words)}", "", *_verb_lines(words, verb)]
    return _page(_CLI_HEAD.rstrip("\n"), *lines)


def _verbs(group: click.Group, words: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    context = click.Context(group, info_name=words[-1])
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        assert verb is not None
        if isinstance(verb, click.Group):
            yield from _verbs(verb, [*words, name])
        else:
            yield [*words, name], verb


def _verb_lines(words: Sequence[str], verb: click.Command) -> Iterator[str]:
    context = click.Context(verb, info_name=" ".join(words))
    yield " ".join((verb.help or "").split())
    yield ""
    yield "```"
    yield " ".join([*words, *verb.collect_usage_pieces(context)])
    yield "```"
    rows = [
        (f"`{record[0]}`", record[1])
        for option in verb.get_params(context)
        if not {"--help", "--json"}.intersection(option.opts)
        and (record := option.get_help_record(context)) is not None
    ]
    if rows:
        yield ""
        yield from _table(("option", "means"), rows)


def metrics_page() -> str:
    """Every metric."""
    rows: list[tuple[str, ...]] = []
    for collector in sorted(_collectors(), key=lambda one: one.describe()[0].name):
        (described,) = collector.describe()
        name = described.name + ("_total" if isinstance(collector, Counter) else "")
        labels = ", ".join(f"`{label}`" for label in collector._labelnames)  # noqa: SLF001 - no public name  # pyright: ignore[reportPrivateUsage] - as before
        rows.append((f"`{name}`", described.type, labels, described.documentation))
    return _page(_METRICS_HEAD, *_table(("metric", "type", "labels", "counts"), rows))


def _collectors() -> list[Any]:
    # The registry lists samples, and a metric with labels has none before it was used.
    return list(REGISTRY._collector_to_names)  # noqa: SLF001 - as above  # pyright: ignore[reportPrivateUsage] - as above


def outcomes_page() -> str:
    """What can become of a recipient."""
    rows = [(f"`{state_of(code)}`", f"`{REASONS[code]}`" if code in REASONS else "", str(int(code))) for code in Code]
    return _page(_OUTCOMES_HEAD, *_table(("counted as", "reason", "number"), rows))


def integrity_page() -> str:
    """The hash of every script that pages fetch by version, the newest version first."""
    fixed = SdkFiles(ROOT / "sdk-js" / "dist").fixed
    versions = sorted({version for version, _ in fixed}, key=_by_number, reverse=True)
    tag = (
        f'<script src="https://push.shop.example/sdk/{versions[0]}/steeple.js" data-app="app_..." defer\n'
        f'  integrity="{fixed[versions[0], "steeple.js"].integrity}" crossorigin="anonymous"></script>'
    )
    lines = ["```html", tag, "```"]
    for version in versions:
        scripts = sorted(name for held, name in fixed if held == version and name.endswith(".js"))
        rows = [(f"`/sdk/{version}/{name}`", f"`{fixed[version, name].integrity}`") for name in scripts]
        lines += ["", f"## {version}", "", *_table(("file", "integrity"), rows)]
    return _page(_INTEGRITY_HEAD, *lines)


def _by_number(version: str) -> list[int]:
    return [int(part) for part in version.partition("-")[0].split(".")]


def _page(*lines: str) -> str:
    return "\n".join([*lines, ""])


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in row)} |"


def pages() -> dict[Path, str]:
    """Every generated page of docs/reference and its text."""
    own = {
        "settings.md": settings_page,
        "cli.md": cli_page,
        "metrics.md": metrics_page,
        "outcomes.md": outcomes_page,
        "integrity.md": integrity_page,
    }
    return {**{_FOLDER / name: make() for name, make in own.items()}, **http_pages()}


def main(arguments: Sequence[str]) -> int:
    """Writes, or with `--check` compares."""
    made = pages()
    if "--check" in arguments:
        old = [path.name for path, text in made.items() if not _holds(path, text)]
        for name in old:
            print(f"docs/reference/{name} is not what the code says: run `make docs`.", file=sys.stderr)
        return 1 if old else 0
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


def _holds(page: Path, text: str) -> bool:
    return page.is_file() and page.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
