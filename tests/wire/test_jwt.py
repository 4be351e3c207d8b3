"""Tokens that others verify: PyJWT reads what we sign, and wrong keys are refused in words."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.wire.jwt import Algorithm, SigningKey, read_signing_key, sign_jwt

CLAIMS = {"iss": "TEAM123456", "iat": 1_800_000_000, "scope": "https://push.example/é"}
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


def pem_of(key: Any, form: str = "PKCS8", password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), encryption)


@pytest.mark.parametrize(("key", "algorithm"), [(EC_KEY, "ES256"), (RSA_KEY, "RS256")])
def test_another_implementation_verifies_our_token(key: SigningKey, algorithm: Algorithm):
    """Apple and Google take it: the signature fits, and header and claims are what was said."""
    for _ in range(40):  # r or s of an ES256 signature is short now and then
        token = sign_jwt({"kid": "KEY1234567"}, CLAIMS, key)

        assert jwt.decode(token, key.public_key(), algorithms=[algorithm], options={"verify_iat": False}) == CLAIMS
        assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": "KEY1234567", "typ": "JWT"}
        assert "=" not in token


def test_a_changed_token_is_no_token():
    """The signature covers header and claims."""
    head, claims, signature = sign_jwt({}, CLAIMS, EC_KEY).split(".")

    for changed in (f"{head}.{claims[:-2]}AA.{signature}", f"{head}.{claims}.{signature[:-4]}AAAA"):
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(changed, EC_KEY.public_key(), algorithms=["ES256"], options={"verify_iat": False})


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
@pytest.mark.parametrize(("key", "algorithm"), [(EC_KEY, "ES256"), (RSA_KEY, "RS256")])
def test_keys_are_read_from_pem(key: SigningKey, algorithm: Any, form: str):
    """The files that Apple and Google hand out, and what older tools made of them."""
    assert read_signing_key(pem_of(key, form), algorithm).private_numbers() == key.private_numbers()  # pyright: ignore[reportAttributeAccessIssue] - either kind has them


@pytest.mark.parametrize(
    ("pem", "algorithm", "words"),
    [
        (b"", "ES256", "no unencrypted private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "RS256", "no unencrypted private key"),
        (pem_of(EC_KEY, password=b"x"), "ES256", "no unencrypted private key"),
        (pem_of(RSA_KEY), "ES256", "P-256"),
        (pem_of(ec.generate_private_key(ec.SECP384R1())), "ES256", "P-256"),
        (pem_of(EC_KEY), "RS256", "RSA"),
        (pem_of(rsa.generate_private_key(65537, 1024)), "RS256", "2048"),  # noqa: S505 - that is the point
    ],
    ids=["nothing", "damaged", "encrypted", "RSA for ES256", "P-384", "P-256 for RS256", "1,024 bits"],
)
def test_a_wrong_key_is_refused_in_words(pem: bytes, algorithm: Any, words: str):
    """At once, with what is wrong with it, and without a line of it."""
    with pytest.raises(ValueError, match=words) as refused:
        read_signing_key(pem, algorithm)

    assert not any(line.decode() in str(refused.value) for line in pem.splitlines() if line)
