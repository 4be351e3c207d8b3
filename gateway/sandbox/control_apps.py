"""The sandbox's own calls about apps: hand out keys and accounts, make phones and lose them, steer connections.

What is handed out has the form in which a gateway takes it: Apple's keys and certificates as JSON with the fields of
that credential, Google's as the file of a service account, phones as lines of an import.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, Protocol, cast

import msgspec
from msgspec import Meta

from gateway.sandbox.apple_senders import Senders
from gateway.sandbox.fcm import Quota
from gateway.sandbox.google_accounts import GoogleAccounts
from gateway.sandbox.http2 import Conduct
from gateway.sandbox.phone_tokens import Environment, Service
from gateway.sandbox.phones import Phones, Platform

_Name = Annotated[str, Meta(min_length=1, max_length=255)]
BOTH: Final[tuple[Environment, ...]] = ("production", "sandbox")


class AppsSteered(Protocol):
    """What the calls need of a sandbox."""

    apple_conduct: Conduct
    google_conduct: Conduct

    @property
    def phones(self) -> Phones:
        """Virtual phones."""
        ...

    @property
    def senders(self) -> Senders:
        """Who may send to Apple's."""
        ...

    @property
    def accounts(self) -> GoogleAccounts:
        """Who may send to Google's."""
        ...

    def set_quota(self, quota: Quota) -> None:
        """How much Google's service takes."""
        ...

    def limit_streams(self, limit: int) -> None:
        """On all HTTP/2 connections."""
        ...


class PhoneLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A minted phone, in the form that a gateway imports, one a line."""

    channel: Service
    token: str
    environment: Environment | None = None
    bundle_id: str | None = None
    user: str | None = None


class MintPhones(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of `POST /sandbox/mint` with `channel=apns` or `fcm`."""

    channel: Service
    n: int = 1
    bundle_id: _Name | None = None
    project: _Name | None = None
    environment: Environment = "production"
    prefix: str = ""
    user_prefix: str | None = None


class _NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bundle_ids: Annotated[list[_Name], Meta(min_length=1)]
    team_id: str | None = None


class _OwnKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_id: str
    team_id: str
    p8: str
    bundle_ids: list[_Name] = []


class _KeyId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key_id: str


class _NewCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bundle_id: _Name
    environments: tuple[Environment, ...] = BOTH


class _Project(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    project: _Name | None = None


class _Apple(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays."""

    lenient: bool | None = None
    renewal_s_min: Annotated[float, Meta(ge=0)] | None = None
    conduct: Conduct | None = None


class _Google(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays."""

    token_life_s: Annotated[int, Meta(ge=1)] | None = None
    quota: Quota | None = None
    conduct: Conduct | None = None


class _Streams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=0, le=100_000)]


class _NewPhone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    platform: Platform
    bundle_id: _Name | None = None
    project: _Name | None = None
    environment: Environment = "production"


class _PhoneId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str


class _Online(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    online: bool


class _Forgotten(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: str
    reason: str = "Unregistered"
    at: float | None = None


def phone_lines(sandbox: AppsSteered, query: MintPhones) -> Iterator[PhoneLine]:
    """Phones as they are made.

    Raises:
        ValueError: a bound is broken, or the app is not named.
    """
    owner = _owner(query.channel, query.bundle_id, query.project)
    tokens = sandbox.phones.mint(query.n, query.channel, owner, environment=query.environment, prefix=query.prefix)
    is_apple = query.channel == "apns"
    return (
        PhoneLine(
            channel=query.channel,
            token=token,
            environment=query.environment if is_apple else None,
            bundle_id=owner if is_apple else None,
            user=None if query.user_prefix is None else f"{query.user_prefix}{index}",
        )
        for index, token in enumerate(tokens)
    )


def _owner(channel: Service, bundle_id: str | None, project: str | None) -> str:
    owner, what = (bundle_id, "bundle_id") if channel == "apns" else (project, "project")
    if owner is None:
        raise ValueError(f"{what} says whose app it is.")
    return owner


def _make_key(sandbox: AppsSteered, asked: _NewKey) -> object:
    key = sandbox.senders.make_key(asked.team_id, bundles=asked.bundle_ids)
    return {"p8": key.p8, "key_id": key.key_id, "team_id": key.team_id, "bundle_ids": asked.bundle_ids}


def _learn_key(sandbox: AppsSteered, asked: _OwnKey) -> object:
    sandbox.senders.learn_key(asked.key_id, asked.team_id, asked.p8, bundles=asked.bundle_ids)
    return {"key_id": asked.key_id}


def _revoke_key(sandbox: AppsSteered, asked: _KeyId) -> object:
    sandbox.senders.revoke_key(asked.key_id)
    return {"revoked": asked.key_id}


def _make_certificate(sandbox: AppsSteered, asked: _NewCertificate) -> object:
    made = sandbox.senders.make_certificate(asked.bundle_id, environments=asked.environments)
    return {"certificate": made.certificate_pem, "key": made.key_pem}


def _set_apple(sandbox: AppsSteered, asked: _Apple) -> object:
    if asked.lenient is not None:
        sandbox.senders.is_lenient = asked.lenient
    if asked.renewal_s_min is not None:
        sandbox.senders.renewal_s_min = asked.renewal_s_min
    if asked.conduct is not None:
        sandbox.apple_conduct = asked.conduct
    return asked


def _make_account(sandbox: AppsSteered, asked: _Project) -> object:
    return sandbox.accounts.make(asked.project)


def _learn_account(sandbox: AppsSteered, asked: dict[str, Any]) -> object:
    sandbox.accounts.learn(asked)
    return {"client_email": asked["client_email"]}


def _revoke_tokens(sandbox: AppsSteered, asked: _Project) -> object:
    return {"revoked": sandbox.accounts.revoke_tokens(asked.project)}


def _set_google(sandbox: AppsSteered, asked: _Google) -> object:
    if asked.token_life_s is not None:
        sandbox.accounts.life_s = asked.token_life_s
    if asked.quota is not None:
        sandbox.set_quota(asked.quota)
    if asked.conduct is not None:
        sandbox.google_conduct = asked.conduct
    return asked


def _limit_streams(sandbox: AppsSteered, asked: _Streams) -> object:
    sandbox.limit_streams(asked.limit)
    return asked


def _make_phone(sandbox: AppsSteered, asked: _NewPhone) -> object:
    owner = _owner("apns" if asked.platform == "ios" else "fcm", asked.bundle_id, asked.project)
    return sandbox.phones.make(asked.platform, owner, environment=asked.environment).describe()


def _list_phones(sandbox: AppsSteered, _asked: None) -> object:
    return [phone.describe() for phone in sandbox.phones.all()]


def _set_online(sandbox: AppsSteered, asked: _Online) -> object:
    phone = sandbox.phones.get(asked.id)
    sandbox.phones.set_online(phone, is_online=asked.online)
    return phone.describe()


def _uninstall(sandbox: AppsSteered, asked: _PhoneId) -> object:
    phone = sandbox.phones.get(asked.id)
    sandbox.phones.uninstall(phone)
    return phone.describe()


def _register_again(sandbox: AppsSteered, asked: _PhoneId) -> object:
    phone = sandbox.phones.get(asked.id)
    sandbox.phones.register_again(phone)
    return phone.describe()


def _forget_token(sandbox: AppsSteered, asked: _Forgotten) -> object:
    sandbox.phones.forget_token(asked.token, asked.reason, at_s=asked.at)
    return {"forgotten": 1}


class AppCall(msgspec.Struct, frozen=True):
    """One call: what its body is (None: it has none), and what it does."""

    body: Any
    act: Callable[[AppsSteered, Any], object]


def _call(body: Any, act: Any) -> AppCall:
    return AppCall(body, cast("Callable[[AppsSteered, Any], object]", act))


APP_CALLS: Final = {
    ("POST", "/apns/keys"): _call(_NewKey, _make_key),
    ("PUT", "/apns/keys"): _call(_OwnKey, _learn_key),
    ("POST", "/apns/keys/revoke"): _call(_KeyId, _revoke_key),
    ("POST", "/apns/certificates"): _call(_NewCertificate, _make_certificate),
    ("PUT", "/apns"): _call(_Apple, _set_apple),
    ("POST", "/fcm/accounts"): _call(_Project, _make_account),
    ("PUT", "/fcm/accounts"): _call(dict[str, Any], _learn_account),
    ("POST", "/fcm/tokens/revoke"): _call(_Project, _revoke_tokens),
    ("PUT", "/fcm"): _call(_Google, _set_google),
    ("POST", "/streams"): _call(_Streams, _limit_streams),
    ("GET", "/phones"): _call(None, _list_phones),
    ("POST", "/phones"): _call(_NewPhone, _make_phone),
    ("POST", "/phones/online"): _call(_Online, _set_online),
    ("POST", "/phones/uninstall"): _call(_PhoneId, _uninstall),
    ("POST", "/phones/register"): _call(_PhoneId, _register_again),
    ("POST", "/tokens/forget"): _call(_Forgotten, _forget_token),
}
"""Method and path behind `/sandbox`."""
