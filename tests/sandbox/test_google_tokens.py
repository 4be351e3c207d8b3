"""Access tokens for service accounts: the grant is signed, short-lived, for the right endpoint and scope."""

import jwt
import pytest

from gateway.sandbox import Rule, Sandbox
from sandbox.actors import Clock
from sandbox.app_senders import GoogleSender
from sandbox.raw_http2 import Answer

HOUR = 3600
MINUTE = 60


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]


async def test_an_account_gets_a_token(sandbox: Sandbox, google: GoogleSender) -> None:
    """For 3,599 seconds; it is counted how often it was asked."""
    answer = await google.ask()
    assert answer.status == 200
    assert answer.json["token_type"] == "Bearer"
    assert answer.json["expires_in"] == 3599
    assert sandbox.accounts.asked_count == 1


async def test_the_account_is_a_file_as_googles(google: GoogleSender) -> None:
    """Every field that a client library reads."""
    account = google.account
    assert account["type"] == "service_account"
    assert account["client_email"].endswith(f"@{google.project}.iam.gserviceaccount.com")
    assert account["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert account["token_uri"] == "https://oauth2.googleapis.com/token"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "nobody@nowhere.iam.gserviceaccount.com"},
        {"aud": "https://example.org/token"},
        {"exp": 0},
        {"iat": 0},
        {"private_key": "another"},
    ],
    ids=["unknown-account", "other-endpoint", "over", "too-long", "other-key"],
)
async def test_a_wrong_assertion_is_an_invalid_grant(
    sandbox: Sandbox, google: GoogleSender, changes: dict[str, str]
) -> None:
    """400 with a sentence."""
    if "private_key" in changes:
        changes = {"private_key": sandbox.accounts.make()["private_key"]}
    answer = await google.ask(google.assertion(**changes))
    assert refusal(answer) == (400, "invalid_grant")
    assert answer.json["error_description"]


async def test_another_signature_is_an_invalid_grant(google: GoogleSender) -> None:
    """Not RS256, and nonsense."""
    hmac = jwt.encode({"iss": google.account["client_email"], "aud": "x", "iat": 0, "exp": 1}, "k" * 32)
    for assertion in (hmac, "nonsense", "a.b.c"):
        assert refusal(await google.ask(assertion)) == (400, "invalid_grant")


async def test_a_clock_may_be_off_by_minutes_only(google: GoogleSender, clock: Clock) -> None:
    """Four minutes pass, ten do not, in both directions."""
    now_s = int(clock())
    for off_s, status in ((4 * MINUTE, 200), (-4 * MINUTE - HOUR, 200), (10 * MINUTE, 400), (-10 * MINUTE - HOUR, 400)):
        answer = await google.ask(google.assertion(iat=now_s + off_s, exp=now_s + off_s + HOUR))
        assert answer.status == status


async def test_a_grant_asks_for_the_right_things(google: GoogleSender) -> None:
    """Scope, grant type and assertion each have an error of their own."""
    assert refusal(await google.ask(google.assertion(scope="https://example.org/other"))) == (400, "invalid_scope")
    assert refusal(await google.ask(grant_type="password")) == (400, "unsupported_grant_type")
    assert refusal(await google.ask("")) == (400, "invalid_request")


async def test_a_disabled_account_gets_nothing(sandbox: Sandbox, google: GoogleSender) -> None:
    """And what it had is worth nothing."""
    token = await google.token()
    sandbox.accounts.disable(google.account["client_email"])
    assert refusal(await google.ask()) == (400, "invalid_grant")
    answer = await google.send(await google.line(), {"token": "x"}, token=token)
    assert answer.status == 401


async def test_a_token_ends(google: GoogleSender, clock: Clock, sandbox: Sandbox) -> None:
    """After its time, or when it is revoked."""
    (device,) = sandbox.phones.mint(1, "fcm", google.project)
    line, token = await google.line(), await google.token()
    assert (await google.send(line, {"token": device}, token=token)).status == 200
    clock.advance(HOUR)
    assert (await google.send(line, {"token": device}, token=token)).json["error"]["status"] == "UNAUTHENTICATED"
    newer = (await google.ask()).json["access_token"]
    assert sandbox.accounts.revoke_tokens(google.project) == 2
    assert (await google.send(line, {"token": device}, token=newer)).status == 401


async def test_only_rules_that_name_it_strike_the_token_endpoint(sandbox: Sandbox, google: GoogleSender) -> None:
    """A storm over all pushes is none over their logins."""
    sandbox.order_faults(Rule(status=503))
    assert (await google.ask()).status == 200
    sandbox.order_faults(Rule(host="oauth2.googleapis.com", status=503, retry_after_s=5))
    answer = await google.ask()
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert sandbox.accounts.asked_count == 2
