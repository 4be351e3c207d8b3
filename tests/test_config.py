"""Settings: which one holds, where it came from, and what is said about a wrong one."""

from pathlib import Path
from typing import Any

import pytest

from gateway.config import SECRET_SETTINGS, Settings, load, sources, split_bind
from gateway.model.errors import GatewayError

DSN = "postgresql://steeple:hunter2@db.internal/steeple"
KEY = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A steeple.toml in a folder with a space."""
    folder = tmp_path / "etc of shop"
    folder.mkdir()
    return folder / "steeple.toml"


def refusal(environ: dict[str, str], *, file: Path | None = None, given: dict[str, Any] | None = None) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        load(environ, file=file, given=given)
    assert refused.value.code == "setting_invalid"
    return refused.value


def test_command_line_over_environment_over_file_over_default(file: Path):
    """Four places, one order, setting by setting."""
    file.write_text("bind = '127.0.0.1:1'\nworkers = 2\nlease_s = 31\n")
    environ = {"STEEPLE_BIND": "127.0.0.1:2", "STEEPLE_WORKERS": "3"}

    settings, told = sources(environ, file=file, given={"bind": "127.0.0.1:3", "workers": None})

    assert (settings.bind, settings.workers, settings.lease_s, settings.log) == ("127.0.0.1:3", 3, 31, "json")
    origins = {source.name: source.origin for source in told}
    assert origins["bind"] == "command line"
    assert origins["workers"] == "environment"
    assert origins["lease_s"] == str(file)
    assert origins["log"] == "default"
    assert set(origins) == set(Settings.__struct_fields__)


def test_the_environment_names_the_file(file: Path):
    """A container brings its file wherever it likes."""
    file.write_text("workers = 5\n[providers.stub]\nspeed = 'slow'\n")

    settings = load({"STEEPLE_CONFIG": str(file)})

    assert settings.workers == 5
    assert settings.providers == {"stub": {"speed": "slow"}}


def test_no_file_at_all_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Everything has a default, and `steeple.toml` is looked for where we stand."""
    monkeypatch.chdir(tmp_path)
    assert load({}) == Settings()

    Path("steeple.toml").write_text("workers = 4\n")
    assert load({}).workers == 4


@pytest.mark.parametrize("by", ["environment", "command line"])
def test_a_file_that_was_named_has_to_be_there(tmp_path: Path, by: str):
    """A typing error in its path must not start a gateway with all defaults, on a database of its own."""
    missing = tmp_path / "stepple.toml"

    refused = refusal({"STEEPLE_CONFIG": str(missing)}) if by == "environment" else refusal({}, file=missing)

    assert "there is no such file" in refused.message
    assert str(missing) in refused.message


def test_an_empty_variable_is_as_good_as_none():
    """Compose files and unit files set variables to nothing."""
    assert load({"STEEPLE_WORKERS": "", "STEEPLE_BIND": "", "STEEPLE_CONFIG": ""}) == Settings()


def test_an_empty_variable_switches_the_metrics_off():
    """The setting's own word for "none"; several gateways on one machine need it."""
    assert load({"STEEPLE_METRICS_BIND": ""}).metrics_bind == ""
    assert load({}).metrics_bind


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("workers", "many", "expected `int`"),
        ("workers", "-1", "0 (one per core) or more"),
        ("sandbox", "perhaps", "expected `bool`"),
        ("log", "loud", "invalid enum value"),
        ("lease_s", "0", "at least 1"),
        ("rate_per_key", "0", "at least 1"),
        ("rate_public", "-3", "at least 1"),
        ("groups_in_flight", "0", "at least 1"),
        ("drain_s", "0", "at least 1"),
        ("born_claimed_lease_s", "0", "at least 1"),
        ("bind", "8080", "not of the form 127.0.0.1:8080"),
        ("bind", ":8080", "not of the form 127.0.0.1:8080"),
        ("bind", "127.0.0.1:http", "not of the form 127.0.0.1:8080"),
        ("bind", "127.0.0.1:65536", "not of the form 127.0.0.1:8080"),
        ("metrics_bind", "nowhere", "not of the form 127.0.0.1:8080"),
        ("public_url", "push.shop.example", "starts with https://"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, why: str):
    """Which setting, and what it should look like."""
    refused = refusal({f"STEEPLE_{name.upper()}": value})

    assert refused.param == name
    assert refused.message.startswith(f"Setting {name}: ")
    assert why in refused.message


def test_the_source_of_a_wrong_value_is_named(file: Path):
    """So that the operator opens the right file."""
    file.write_text("workers = 'many'\n")

    assert str(file) in refusal({}, file=file).message
    assert "environment" in refusal({"STEEPLE_WORKERS": "many"}).message
    assert "command line" in refusal({}, given={"workers": "many"}).message


def test_a_misspelt_setting_of_the_file_is_refused(file: Path):
    """A setting that does not exist does nothing, so it is an error to write it."""
    file.write_text("worker = 3\n")

    assert refusal({}, file=file).message == f"Setting worker: there is no such setting ({file})."


@pytest.mark.parametrize("content", [b"workers = \n", b"\xff\xfe", b"[providers\n"])
def test_a_file_that_is_no_toml_is_refused(file: Path, content: bytes):
    """With its name, and where it breaks off."""
    file.write_bytes(content)

    assert f"Setting {file}: the file cannot be read" in refusal({}, file=file).message


@pytest.mark.parametrize("bind", ["0.0.0.0:8080", "[::]:8080", "10.0.0.5:8080", "push.shop.example:8080"])
def test_a_rehearsal_never_listens_to_the_world(bind: str):
    """A sandbox permits http and loopback targets: whoever reached it could reach what lies behind."""
    refused = refusal({"STEEPLE_SANDBOX": "1", "STEEPLE_BIND": bind})

    assert refused.param == "sandbox"
    assert load({"STEEPLE_BIND": bind}).bind == bind


@pytest.mark.parametrize("bind", ["127.0.0.1:1", "localhost:1", "[::1]:1", "127.9.9.9:1"])
def test_a_rehearsal_on_this_machine_is_fine(bind: str):
    """Loopback in all its spellings."""
    assert load({"STEEPLE_SANDBOX": "true", "STEEPLE_BIND": bind}).sandbox is True


def test_hosts_are_redirected_in_a_rehearsal_only():
    """Elsewhere it would be a way around the guard."""
    resolve = {"STEEPLE_EGRESS_RESOLVE": "push.example:443=127.0.0.1:9"}

    assert refusal(resolve).param == "egress_resolve"
    assert load({**resolve, "STEEPLE_SANDBOX": "1"}).egress_resolve == resolve["STEEPLE_EGRESS_RESOLVE"]


def test_secrets_are_never_shown(file: Path):
    """`--print-config` is pasted into issues, and tracebacks hold the settings' repr."""
    file.write_text(f"master_key = '{KEY}'\n[providers.stub]\npassword = 'provider-secret'\n")

    settings, told = sources({"STEEPLE_DATABASE_URL": DSN}, file=file)
    shown = {source.name: source.value for source in told}

    assert (settings.database_url, settings.master_key) == (DSN, KEY)
    assert {shown[name] for name in SECRET_SETTINGS} == {"(set)"}
    assert shown["providers"] == "stub"
    for text in (str(told), repr(settings), str(settings)):
        assert not [secret for secret in ("hunter2", KEY, "provider-secret") if secret in text]
    assert dict.fromkeys(SECRET_SETTINGS, "") == {
        source.name: source.value for source in sources({})[1] if source.name in SECRET_SETTINGS
    }


def test_a_wrong_secret_is_not_quoted(file: Path):
    """Neither is one that has the wrong type."""
    file.write_text("master_key = 918273645\n")

    assert "918273645" not in refusal({}, file=file).message


@pytest.mark.parametrize(
    ("text", "pair"), [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:1", ("::1", 1)), ("host:0", ("host", 0))]
)
def test_an_address_and_a_port(text: str, pair: tuple[str, int]):
    """With brackets around what has colons of its own."""
    assert split_bind(text, setting="bind") == pair


def test_how_browsers_reach_the_gateway():
    """Without a public URL: this machine, by a name that browsers hold to be safe."""
    assert load({}).url == "http://localhost:8080"
    assert load({"STEEPLE_PUBLIC_URL": "https://push.shop.example/"}).url == "https://push.shop.example"


def test_the_data_directory_in_force(tmp_path: Path):
    """The one that was named, else the one of this account."""
    assert load({"STEEPLE_DATA_DIR": str(tmp_path)}).data_path == tmp_path
    assert load({}).data_path.name == "steeple"
    assert load({"STEEPLE_WORKERS": "3"}).worker_count == 3
    assert load({}).worker_count >= 1
