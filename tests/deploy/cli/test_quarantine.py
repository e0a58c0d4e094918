from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from deploy.cli import quarantine
from deploy.errors import DeployError
from store.errors import StoreMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ADD_ROW = """
INSERT INTO quarantine (digest, device_id, topic, payload, reason, detail, readings, received_at, seen_at)
VALUES (sha256(%(payload)s), 0, 'chiiki/v1/north-1/up/readings', %(payload)s, %(reason)s, '直すこと', 1,
        now(), now())
RETURNING id
"""
BEAT = "INSERT INTO heartbeats VALUES ('gateway-1', 1, now(), now(), '{}')"
ANSWER = """
UPDATE requests SET state = %s, ended_at = now(), outcome = %s::jsonb
WHERE state = 'waiting' RETURNING argument
"""


@pytest.fixture
def rows(database_url: str) -> list[int]:
    payloads = [(b'{"at": 1}', "bad_time"), (b"\xff\x00", "bad_json"), (b"{", "bad_json")]
    with psycopg.connect(database_url) as connection:
        cursors = [connection.execute(ADD_ROW, {"payload": p, "reason": r}) for p, r in payloads]
        return [row[0] for cursor in cursors if (row := cursor.fetchone())]


@pytest.fixture
def gateway(database_url: str) -> Iterator[Callable[[str, dict[str, Any]], list[Any]]]:
    """A process that beats and answers every request as told; gives the arguments it saw."""
    stop, seen = threading.Event(), []
    answer: list[Any] = []

    def work() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(BEAT)
            beating.set()
            while not stop.wait(0.02):
                if answer:
                    seen.extend(row[0] for row in connection.execute(ANSWER, answer))

    def reply(state: str, outcome: dict[str, Any]) -> list[Any]:
        answer[:] = [state, json.dumps(outcome)]
        return seen

    beating = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    assert beating.wait(10)
    yield reply
    stop.set()
    thread.join()


def test_list_is_newest_first_and_pages(
    ask: Callable[..., Any], tell: Callable[..., str], rows: list[int]
) -> None:
    assert [row["id"] for row in ask("quarantine", "list")] == rows[::-1]
    assert [row["id"] for row in ask("quarantine", "list", "--before", rows[1])] == rows[:1]
    assert [row["id"] for row in ask("quarantine", "list", "--reason", "bad_time")] == rows[:1]
    assert ask("quarantine", "list", "--state", "replayed") == []
    text = tell("quarantine", "list", "--limit", 2)
    assert "直すこと" in text
    assert f"--before {rows[1]}" in text


def test_show_has_the_raw_message(
    ask: Callable[..., Any], tell: Callable[..., str], command: Callable[..., int], rows: list[int]
) -> None:
    assert base64.b64decode(ask("quarantine", "show", rows[1])["payload"]) == b"\xff\x00"
    assert 'payload: {"at": 1}' in tell("quarantine", "show", rows[0])
    assert "payload: ff 00" in tell("quarantine", "show", rows[1])
    with pytest.raises(StoreMissing, match="no quarantined message '0'"):
        command("quarantine", "show", 0)


def test_replay_waits_for_the_outcome(
    ask: Callable[..., Any],
    rows: list[int],
    gateway: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quarantine, "REQUEST_SIZE", 2)
    seen = gateway("done", {"committed": 1, "still": 1})
    assert ask("quarantine", "replay", "--all") == {"messages": 3, "committed": 2, "still": 2}
    assert [argument["ids"] for argument in seen] == [rows[:2], rows[2:]]
    assert ask("quarantine", "replay", rows[1]) == {"messages": 1, "committed": 1, "still": 1}
    assert ask("quarantine", "replay", "--all", "--reason", "nothing_like_it") == {"messages": 0}


def test_a_replay_that_fails_is_told(
    command: Callable[..., int], rows: list[int], gateway: Callable[..., list[Any]]
) -> None:
    gateway("failed", {"error": "the kind is gone"})
    with pytest.raises(DeployError, match="the replay failed: the kind is gone"):
        command("quarantine", "replay", rows[0])


def test_without_a_gateway_nothing_is_asked(
    command: Callable[..., int], rows: list[int], database_url: str
) -> None:
    with pytest.raises(DeployError, match="no gateway is running"):
        command("quarantine", "replay", "--all")
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (0,)


def test_a_gateway_that_does_not_answer_is_not_waited_for_without_end(
    command: Callable[..., int], rows: list[int], gateway: Callable[..., list[Any]]
) -> None:
    with pytest.raises(DeployError, match="no gateway has answered"):
        command("quarantine", "replay", rows[0], "--timeout", "0.3")


def test_replay_wants_ids_or_all(
    command: Callable[..., int], rows: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    for argv in ([], [rows[0], "--all"]):
        with pytest.raises(SystemExit, match="2"):
            command("quarantine", "replay", *argv)
        assert "--all" in capsys.readouterr().err
    with pytest.raises((StoreMissing, DeployError)):
        command("quarantine", "replay", 0)


def test_an_empty_quarantine_says_so(tell):
    assert tell("quarantine", "list").strip() == "none"


def test_a_limit_below_zero_is_refused_before_the_database_is_asked(command, capsys):
    with pytest.raises(SystemExit) as ending:
        command("quarantine", "list", "--limit", "-1")
    assert ending.value.code == 2
    assert "must be a whole number from 0, not -1" in capsys.readouterr().err
