"""Google's token endpoint and the service accounts that may use it: a signed assertion in, an access token out.

Sources: RFC 7523 sections 2.1 and 3 (the JWT bearer grant), RFC 6749 section 5; Google, "Using OAuth 2.0 for server to
server applications" (RS256, `iss`, `scope`, `aud`, `iat`, `exp` at most an hour later).
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.sandbox.exchange import Asked, Reply
from gateway.sandbox.google_errors import JSON, refuse_grant
from gateway.sandbox.limits import ACCOUNTS_MAX, PROVIDER_TOKENS_MAX
from gateway.wire.base64url import decode_base64url

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SCOPES: Final = frozenset(
    {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
)
"""Either is enough to send."""
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S: Final = 3_599
_ASSERTION_LIFE_S_MAX: Final = 3_600
_SKEW_S: Final = 300
"""How far the sender's clock may be off."""
_KEY_BITS: Final = 2_048


class Account(msgspec.Struct, eq=False):
    """A service account, as the endpoint knows it."""

    project: str
    email: str
    public: rsa.RSAPublicKey
    is_disabled: bool = False


class Access(msgspec.Struct, frozen=True):
    """What an access token stands for."""

    project: str
    email: str
    expires_at_s: float


class _Header(msgspec.Struct, frozen=True):
    alg: str


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    iat: int
    exp: int
    scope: str = ""


class _GrantInvalid(Exception):
    """Why an assertion is worth nothing."""


class GoogleAccounts:
    """The service accounts of one sandbox and their access tokens. `asked_count`: how often one was asked for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`life_s`: of an access token."""
        self.life_s: int = _LIFE_S
        self.asked_count = 0
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._tokens: OrderedDict[str, Access] = OrderedDict()

    def make(self, project: str | None = None) -> dict[str, Any]:
        """A fresh service account of a project (None: of a new one), as the JSON file that Google's console gives."""
        project = project or f"rehearsal-{secrets.token_hex(3)}"
        private = rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)
        email = f"sender-{secrets.token_hex(4)}@{project}.iam.gserviceaccount.com"
        self._remember(project, email, private.public_key())
        return {
            "type": "service_account",
            "project_id": project,
            "private_key_id": secrets.token_hex(20),
            "private_key": private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            "client_email": email,
            "client_id": str(secrets.randbelow(10**21)),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": TOKEN_URI,
            "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
            "client_x509_cert_url": f"https://www.googleapis.com/robot/v1/metadata/x509/{email.replace('@', '%40')}",
            "universe_domain": "googleapis.com",
        }

    def learn(self, account: Mapping[str, Any]) -> None:
        """Accept a service account that was made elsewhere, by its JSON file.

        Raises:
            ValueError: it is none.
        """
        try:
            private = load_pem_private_key(str(account["private_key"]).encode(), None)
            project, email = str(account["project_id"]), str(account["client_email"])
        except (KeyError, ValueError) as error:
            raise ValueError("This is not the JSON file of a service account.") from error
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("The private key of a service account is an RSA key.")  # noqa: TRY004 - a wrong text
        self._remember(project, email, private.public_key())

    def _remember(self, project: str, email: str, public: rsa.RSAPublicKey) -> None:
        if len(self._accounts) >= ACCOUNTS_MAX:
            raise ValueError(f"This sandbox knows {ACCOUNTS_MAX} accounts already.")
        self._accounts[email] = Account(project, email, public)

    def disable(self, email: str) -> None:
        """The account gets no more tokens, and those it has are worth nothing.

        Raises:
            ValueError: there is no such account.
        """
        account = self._accounts.get(email)
        if account is None:
            raise ValueError(f"There is no account {email}.")
        account.is_disabled = True
        self.revoke_tokens(account.project)

    def revoke_tokens(self, project: str | None = None) -> int:
        """Access tokens of a project (None: all) end before their time; says how many."""
        ended = [text for text, access in self._tokens.items() if project in {None, access.project}]
        for text in ended:
            del self._tokens[text]
        return len(ended)

    def access(self, authorization: str | None) -> Access | None:
        """What the token in this header stands for, if it is good now."""
        if authorization is None or not authorization.startswith("Bearer "):
            return None
        access = self._tokens.get(authorization[len("Bearer ") :])
        return access if access is not None and access.expires_at_s > self._clock() else None

    def token(self, asked: Asked) -> Reply:
        """Answer `POST /token`."""
        self.asked_count += 1
        if asked.method != "POST":
            return refuse_grant("invalid_request", "The token endpoint takes POST.", status=405)
        form = parse_qs(asked.body.decode("utf-8", "replace"))
        if form.get("grant_type") != [_GRANT]:
            return refuse_grant("unsupported_grant_type", "Invalid grant_type")
        if len(assertion := form.get("assertion", [])) != 1:
            return refuse_grant("invalid_request", "Missing required parameter: assertion")
        try:
            account, scope = self._check(assertion[0], asked.host)
        except _GrantInvalid as fault:
            return refuse_grant("invalid_grant", str(fault))
        if not SCOPES & set(scope.split()):
            return refuse_grant("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return self._give(account)

    def _give(self, account: Account) -> Reply:
        text = f"ya29.sandbox-{secrets.token_urlsafe(48)}"
        self._tokens[text] = Access(account.project, account.email, self._clock() + self.life_s)
        if len(self._tokens) > PROVIDER_TOKENS_MAX:
            self._tokens.popitem(last=False)
        body = {"access_token": text, "expires_in": self.life_s, "token_type": "Bearer"}
        return Reply(status=200, headers=JSON, body=msgspec.json.encode(body))

    def _check(self, assertion: str, host: str) -> tuple[Account, str]:
        """The account that signed this assertion, and the scope it asks for."""
        signed, _, signature = assertion.rpartition(".")
        head, _, body = signed.partition(".")
        try:
            header = msgspec.json.decode(decode_base64url(head), type=_Header)
            claims = msgspec.json.decode(decode_base64url(body), type=_Claims)
            raw = decode_base64url(signature)
        except (ValueError, msgspec.DecodeError) as error:
            raise _GrantInvalid("Invalid JWT: the assertion could not be read.") from error
        account = self._accounts.get(claims.iss)
        if account is None or account.is_disabled:
            raise _GrantInvalid("Invalid grant: account not found")
        if header.alg != "RS256" or not _is_signed(account.public, signed, raw):
            raise _GrantInvalid("Invalid JWT Signature.")
        self._check_times(claims)
        if claims.aud not in {TOKEN_URI, f"http://{host}/token", f"https://{host}/token"}:
            raise _GrantInvalid("Invalid JWT: the audience is not this endpoint.")
        return account, claims.scope

    def _check_times(self, claims: _Claims) -> None:
        now_s = self._clock()
        is_short = 0 < claims.exp - claims.iat <= _ASSERTION_LIFE_S_MAX
        if not is_short or claims.iat > now_s + _SKEW_S or claims.exp < now_s - _SKEW_S:
            raise _GrantInvalid(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim."
            )


def _is_signed(public: rsa.RSAPublicKey, signed: str, raw: bytes) -> bool:
    try:
        public.verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True
