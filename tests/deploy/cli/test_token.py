from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from devices.credentials import token_digest
from store.errors import StoreMissing

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_token_is_shown_once_and_kept_as_its_digest(
    ask: Callable[..., Any], tell: Callable[..., str], database_url: str
) -> None:
    said = ask("token", "add", "--role", "staff", "--lab", "kaga", "--label", "事務所")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT digest FROM tokens").fetchall() == [(token_digest(said["token"]),)]
    listed = tell("token", "list")
    assert said["token"] not in listed
    assert said["token"][:8] in listed
    assert "事務所" in listed


def test_the_table_shows_the_token_whole(tell: Callable[..., str]) -> None:
    said = tell("token", "add", "--role", "operator")
    assert next(word for word in said.split() if word.startswith("ck_")).isprintable()
    assert "not shown again" in said


def test_revoke_and_expiry(ask: Callable[..., Any], tell: Callable[..., str]) -> None:
    number = ask("token", "add", "--role", "operator", "--days", "2")["id"]
    tell("token", "revoke", number)
    (token,) = ask("token", "list")
    assert token["revoked_at"] is not None
    expires = datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=1.9) < expires < timedelta(days=2.1)


@pytest.mark.parametrize("argv", [["--role", "operator", "--lab", "kaga"], ["--role", "viewer"]])
def test_operators_have_no_lab_and_others_have_one(
    command: Callable[..., int], argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command("token", "add", *argv)
    assert "needs --lab LAB" in capsys.readouterr().err


def test_what_cannot_be_is_told(command: Callable[..., int]) -> None:
    with pytest.raises(StoreMissing, match="no token '7'"):
        command("token", "revoke", 7)
    with pytest.raises(SystemExit, match="2"):
        command("token", "add", "--role", "operator", "--days", "-1")
