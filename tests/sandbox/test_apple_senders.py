"""Who may send to iPhones: provider tokens and client certificates, as strictly as Apple looks at them."""

from pathlib import Path
from typing import Any

import pytest

from gateway.sandbox import Rule, Sandbox
from sandbox.actors import Clock
from sandbox.app_senders import BUNDLE, DEVELOPMENT, PRODUCTION, AppleSender, unsigned
from sandbox.raw_http2 import RawHttp2

HOUR = 3600
MINUTE = 60


@pytest.fixture
def device(sandbox: Sandbox) -> str:
    (token,) = sandbox.phones.mint(1, "apns", BUNDLE)
    return token


async def said(apple: AppleSender, device: str, provider_token: str | None, line: RawHttp2 | None = None) -> str | None:
    """The reason that a push with this provider token gets; None when it is accepted."""
    authorization = None if provider_token is None else f"bearer {provider_token}"
    return (await apple.send(line or await apple.line(), device, authorization=authorization)).reason


async def test_without_a_token_nobody_sends(apple: AppleSender, device: str) -> None:
    """403 and a word."""
    answer = await apple.send(await apple.line(), device, authorization=None)
    assert (answer.status, answer.reason) == (403, "MissingProviderToken")


@pytest.mark.parametrize(
    "spoil",
    [
        {"kid": "SHORT"},
        {"kid": "AAAAAAAAAA"},
        {"iss": "AAAAAAAAAA"},
        {"iss": "short"},
    ],
    ids=["key-id-too-short", "unknown-key", "other-team", "team-too-short"],
)
async def test_a_token_that_names_the_wrong_thing_is_invalid(
    apple: AppleSender, device: str, spoil: dict[str, Any]
) -> None:
    """Key and team must be those of the key."""
    assert await said(apple, device, apple.token(**spoil)) == "InvalidProviderToken"


async def test_a_token_of_another_key_is_invalid(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """The signature counts, not the name."""
    other = sandbox.senders.make_key()
    assert await said(apple, device, apple.token(p8=other.p8)) == "InvalidProviderToken"


async def test_a_token_that_is_none_is_invalid(apple: AppleSender, device: str) -> None:
    """Nonsense, another scheme, no signature."""
    header, claims = {"alg": "none", "kid": apple.key.key_id}, {"iss": apple.key.team_id, "iat": int(apple.clock())}
    for text in ("x", "a.b.c", unsigned(header, claims, b""), unsigned({**header, "alg": "ES256"}, claims, b"\0" * 64)):
        assert await said(apple, device, text) == "InvalidProviderToken"
    answer = await apple.send(await apple.line(), device, authorization="basic dTpw")
    assert answer.reason == "InvalidProviderToken"


async def test_a_token_ends_after_an_hour(apple: AppleSender, device: str, clock: Clock) -> None:
    """Also on a connection where it was good before."""
    line, token = await apple.line(), apple.token()
    assert await said(apple, device, token, line) is None
    clock.advance(HOUR + 1)
    assert await said(apple, device, token, line) == "ExpiredProviderToken"


async def test_a_token_from_the_future_is_invalid(apple: AppleSender, device: str, clock: Clock) -> None:
    """A clock that is ten minutes ahead is found out."""
    assert await said(apple, device, apple.token(iat_s=clock() + 10 * MINUTE)) == "InvalidProviderToken"


async def test_a_team_renews_at_most_every_20_minutes(apple: AppleSender, device: str, clock: Clock) -> None:
    """A new token too soon is a 429 and spoils its connection; the old one goes on elsewhere; later it may be new."""
    first, second = apple.token(), apple.token()
    line = await apple.line()
    assert await said(apple, device, first, line) is None
    clock.advance(19 * MINUTE)
    assert await said(apple, device, second, line) == "TooManyProviderTokenUpdates"
    assert await said(apple, device, first, line) == "TooManyProviderTokenUpdates"
    assert await said(apple, device, first) is None
    clock.advance(2 * MINUTE)
    assert await said(apple, device, apple.token()) is None


async def test_a_connection_does_not_go_back_and_forth(apple: AppleSender, device: str, clock: Clock) -> None:
    """Two tokens of one team, both good, taken in turn on one connection."""
    first = apple.token()
    assert await said(apple, device, first) is None
    clock.advance(21 * MINUTE)
    second, line = apple.token(), await apple.line()
    assert await said(apple, device, second, line) is None
    assert await said(apple, device, first, line) is None
    assert await said(apple, device, second, line) == "TooManyProviderTokenUpdates"


async def test_a_token_that_a_fault_expired_may_be_renewed(apple: AppleSender, sandbox: Sandbox, device: str) -> None:
    """The sender is told to renew at once, so it may."""
    sandbox.order_faults(Rule(reason="ExpiredProviderToken", times=1))
    line = await apple.line()
    assert await said(apple, device, apple.token(), line) == "ExpiredProviderToken"
    assert await said(apple, device, apple.token(), line) is None


async def test_two_teams_never_share_a_connection(sandbox: Sandbox, apple: AppleSender, clock: Clock) -> None:
    """The second one is refused."""
    (open_app,) = sandbox.phones.mint(1, "apns", "example.open.app")
    other = AppleSender(sandbox, clock, sandbox.senders.make_key())
    line = await apple.line()
    headers = {"apns_topic": "example.open.app"}
    assert (await apple.send(line, open_app, **headers)).status == 200
    assert (await other.send(line, open_app, **headers)).reason == "InvalidProviderToken"
    assert (await other.send(await other.line(), open_app, **headers)).status == 200
    await other.close()


async def test_a_team_sends_to_its_own_apps_only(
    sandbox: Sandbox, clock: Clock, apple: AppleSender, device: str
) -> None:
    """Another team's app is no topic of ours."""
    other = AppleSender(sandbox, clock, sandbox.senders.make_key())
    assert (await other.send(await other.line(), device)).reason == "TopicDisallowed"
    await other.close()


async def test_a_revoked_key_is_refused(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """Also its tokens that were good before."""
    line, token = await apple.line(), apple.token()
    assert await said(apple, device, token, line) is None
    sandbox.senders.revoke_key(apple.key.key_id)
    assert await said(apple, device, token, line) == "InvalidProviderToken"


async def test_a_lenient_sandbox_takes_any_key(sandbox: Sandbox, clock: Clock, apple: AppleSender, device: str) -> None:
    """A key that it never saw; its id then belongs to that team."""
    stranger = Sandbox().senders.make_key()
    token = apple.token(p8=stranger.p8, kid=stranger.key_id)
    sandbox.senders.is_lenient = True
    assert await said(apple, device, token) is None
    clock.advance(21 * MINUTE)
    other = apple.token(p8=stranger.p8, kid=stranger.key_id, iss="AAAAAAAAAA")
    assert await said(apple, device, other) == "InvalidProviderToken"


async def test_a_key_of_ones_own_can_be_taught(sandbox: Sandbox, apple: AppleSender, device: str) -> None:
    """The p8 file of a real account."""
    own = Sandbox().senders.make_key()
    sandbox.senders.learn_key(own.key_id, own.team_id, own.p8, bundles=[BUNDLE])
    assert await said(apple, device, apple.token(p8=own.p8, kid=own.key_id, iss=own.team_id)) is None
    with pytest.raises(ValueError, match="PEM"):
        sandbox.senders.learn_key(own.key_id, own.team_id, "nonsense")


# --- client certificates ----------------------------------------------------------------------------------------------
def pem_of(sandbox: Sandbox, folder: Path, **options: tuple[str, ...]) -> tuple[Path, bytes]:
    """A certificate with its key in one file, and its fingerprint."""
    made = sandbox.senders.make_certificate(BUNDLE, **options)  # pyright: ignore[reportArgumentType] - names of environments
    path = folder / f"{made.fingerprint.hex()[:8]}.pem"
    path.write_text(made.certificate_pem + made.key_pem)
    return path, made.fingerprint


async def test_a_certificate_sends_without_token_and_topic(
    sandbox: Sandbox, apple: AppleSender, device: str, tmp_path: Path
) -> None:
    """The app stands in the certificate; its stream limit is raised as with a token."""
    path, _ = pem_of(sandbox, tmp_path)
    line = await apple.line(certificate=path)
    assert (await apple.send(line, device, authorization=None, apns_topic=None)).status == 200
    await line.until(lambda: line.limits == [1, 1000])
    other_app = await apple.send(line, device, authorization=None, apns_topic="example.other.app")
    assert other_app.reason == "TopicDisallowed"


async def test_a_certificate_is_for_its_environment(
    sandbox: Sandbox, apple: AppleSender, device: str, tmp_path: Path
) -> None:
    """One for development does nothing in production, and the other way round."""
    path, _ = pem_of(sandbox, tmp_path, environments=("sandbox",))
    (test_device,) = sandbox.phones.mint(1, "apns", BUNDLE, environment="sandbox")
    wrong = await apple.send(await apple.line(PRODUCTION, certificate=path), device, authorization=None)
    right = await apple.send(await apple.line(DEVELOPMENT, certificate=path), test_device, authorization=None)
    assert (wrong.status, wrong.reason, right.status) == (403, "BadCertificateEnvironment", 200)


async def test_a_revoked_certificate_is_bad(sandbox: Sandbox, apple: AppleSender, device: str, tmp_path: Path) -> None:
    """TLS still stands, the push does not."""
    path, fingerprint = pem_of(sandbox, tmp_path)
    sandbox.senders.revoke_certificate(fingerprint)
    assert (await apple.send(await apple.line(certificate=path), device, authorization=None)).reason == "BadCertificate"


async def test_a_certificate_of_somebody_else_ends_the_connection(
    sandbox: Sandbox, apple: AppleSender, device: str, tmp_path: Path
) -> None:
    """Another authority's: the handshake fails, nothing is taken."""
    async with Sandbox() as elsewhere:
        path, _ = pem_of(elsewhere, tmp_path)
    with pytest.raises((OSError, TimeoutError, AssertionError)):
        await apple.line(certificate=path)
    assert sandbox.ledger.counters["accepted"] == 0
