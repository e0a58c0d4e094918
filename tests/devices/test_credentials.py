"""What mosquitto is given to read, and that it reads it so."""

from __future__ import annotations

import hashlib
import time

import pytest

from devices.credentials import (
    hash_password,
    new_password,
    new_token,
    render_acl_file,
    render_password_file,
    token_digest,
    verify_password,
)
from devices.errors import CredentialError, NameRuleError

# Made by mosquitto_passwd 2.0.21 (-b) for the password "shirako to tarako".
FROM_MOSQUITTO_PASSWD = (
    "$7$101$5b4t13CGHOejZEU7$"
    "jXHciKDdtM1Q3iqrVecOXFErKz/rZtnbJyhXc9Umh4KgdRN08F2PkubXfDaG1bG6CjVG87qiQvW3RQmv7tV6tw=="
)


def test_a_password_fits_its_own_hash_only() -> None:
    password = new_password()
    line = hash_password(password)
    assert line.startswith("$7$101$")
    assert verify_password(password, line)
    assert not verify_password(password + "x", line)
    assert hash_password(password) != line, "each hash has a salt of its own"


def test_a_line_of_mosquitto_passwd_is_understood() -> None:
    assert verify_password("shirako to tarako", FROM_MOSQUITTO_PASSWD)
    assert not verify_password("shirako", FROM_MOSQUITTO_PASSWD)


def test_passwords_are_long_and_need_no_quoting() -> None:
    passwords = {new_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(len(p) == 32 and p.replace("-", "").replace("_", "").isalnum() for p in passwords)


@pytest.mark.parametrize(
    "line", ["", "secret", "$6$a$b", "$7$101$x", "$7$0$YQ==$YQ==", "$7$101$Y$YQ==", "$7$1$$YQ=="]
)
def test_a_line_that_is_no_hash_is_refused(line: str) -> None:
    with pytest.raises(CredentialError):
        verify_password("x", line)
    with pytest.raises(CredentialError):
        render_password_file({"farm-1": line})


def test_the_password_file_is_sorted() -> None:
    first, second = hash_password("a"), hash_password("b")
    assert render_password_file({"farm-2": second, "farm-1": first}) == f"farm-1:{first}\nfarm-2:{second}\n"


@pytest.mark.parametrize("name", ["a:b", "a\nb", "", "user name"])
def test_a_name_cannot_break_the_files(name: str) -> None:
    with pytest.raises(NameRuleError):
        render_password_file({name: hash_password("a")})
    with pytest.raises(NameRuleError):
        render_acl_file([name])


def test_the_acl_gives_gateways_all_and_devices_their_own() -> None:
    assert render_acl_file(["chiiki-gateway"]).splitlines() == [
        "user chiiki-gateway",
        "topic read chiiki/v1/+/up/#",
        "topic write chiiki/v1/+/down/#",
        "",
        "# A device writes below its own topic and reads what is sent to it; %u is its user name.",
        "pattern write chiiki/v1/%u/up/#",
        "pattern read chiiki/v1/%u/down/#",
    ]


def test_a_thousand_accounts_are_rendered_at_once() -> None:
    line = hash_password("a")
    started = time.perf_counter()
    text = render_password_file({f"farm-{n}": line for n in range(1000)})
    assert text.count("\n") == 1000
    assert time.perf_counter() - started < 0.5


def test_tokens_are_random_and_digested_with_sha256() -> None:
    token = new_token()
    assert token.startswith("ck_")
    assert len(token) == 3 + 43
    assert token_digest(token) == hashlib.sha256(token.encode()).digest()
    assert new_token() != token
