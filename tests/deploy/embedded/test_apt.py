"""What the machine's apt is asked and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.embedded import apt
from deploy.embedded.provision import needed
from deploy.errors import Offline, ProvisionError

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = (
    "http://elsewhere.example/node\tnodistro\tnodistro\tOther\tPackages\n"
    "http://mirror.example/debian\toldstable\tbookworm\tDebian\tDEP-11\n"
    "http://mirror.example/debian\toldstable-updates\tbookworm-updates\tDebian\tPackages\n"
    "http://mirror.example/debian\toldstable\tbookworm\tDebian\tPackages\n"
    "http://mirror.example/security\toldstable-security\tbookworm-security\tDebian\tPackages\n"
)


def test_the_mirrors_are_those_of_the_machine() -> None:
    assert apt.parse_mirrors(TARGETS) == [
        ("http://mirror.example/debian", "trixie"),
        ("http://mirror.example/security", "trixie-security"),
    ]


def test_without_a_security_mirror_the_main_one_does() -> None:
    lines = TARGETS.splitlines(keepends=True)[:-1]
    assert apt.parse_mirrors("".join(lines)) == [("http://mirror.example/debian", "trixie")]


def test_a_machine_without_mirror_is_told_what_to_do() -> None:
    with pytest.raises(ProvisionError, match="apt-get update"):
        apt.parse_mirrors(TARGETS.splitlines()[0])


def test_what_would_be_downloaded() -> None:
    said = (
        "'http://m.example/p/libc6_2.41-12_amd64.deb' libc6_2.41-12_amd64.deb 2846580 MD5Sum:55\n"
        "'http://m.example/p/libcap2_2.75_amd64.deb' libcap2_1%3a2.75-10+b3_amd64.deb 28988 SHA256:87\n"
        "'http://m.example/p/perl_5_amd64.deb' perl_5.40_amd64.deb 267736 SHA256:fe\n"
    )
    packages = apt.parse_uris(said)
    assert packages[1] == apt.Package("libcap2", "1:2.75-10+b3", 28988)
    assert [package.name for package in needed(packages)] == ["libc6", "libcap2"]


@pytest.mark.parametrize(
    ("line", "fraction"),
    [
        ("dlstatus:1:20.5000:Retrieving file 1 of 9", 0.205),
        ("dlstatus:9:100.0:x", 1.0),
        ("pmstatus:x:1:y", None),
        ("dlstatus:1:?:y", None),
    ],
)
def test_progress(line: str, fraction: float | None) -> None:
    assert apt.parse_progress(line) == fraction


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("E: Failed to fetch http://m/x  Could not resolve 'm'", Offline, "check the network"),
        ("W: GPG error: x\nE: The repository 'x' is not signed.", ProvisionError, "debian-archive-keyring"),
        ("E: Write error - write (28: No space left on device)", ProvisionError, "CHIIKI_CACHE_DIR"),
        ("E: Unable to locate package mosquitto", ProvisionError, "trixie"),
        ("E: something new", ProvisionError, "something new"),
        ("", ProvisionError, "apt failed"),
    ],
)
def test_failures_are_one_line_that_says_what_to_do(said: str, kind: type[Exception], words: str) -> None:
    error = apt.explain(said)
    assert type(error) is kind
    assert words in str(error)
    assert "\n" not in str(error)


def test_without_apt_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProvisionError, match=r"apt-get and dpkg not found.*CHIIKI_DATABASE_URL"):
        apt.Apt(tmp_path)


def test_without_the_keyring_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "KEYRINGS", (tmp_path / "keyring.gpg",))
    with pytest.raises(ProvisionError, match="install the package debian-archive-keyring"):
        apt.Apt(tmp_path)


def test_a_mirror_that_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt, "parse_mirrors", lambda _: [("http://127.0.0.1:9/debian", "trixie")])
    monkeypatch.setattr(apt, "CONFIGURATION", apt.CONFIGURATION + 'Acquire::Retries "0";\n')
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Offline, match="check the network and start again"):
        apt.Apt(tmp_path).update(lambda _: None)


def test_the_system_stays_untouched(tmp_path: Path) -> None:
    own = apt.Apt(tmp_path)
    configuration = (tmp_path / "apt.conf").read_text()
    for setting in ("Dir::State::lists", "Dir::State::status", "Dir::Cache", "Dir::Etc::sourcelist"):
        assert f'{setting} "{tmp_path}' in configuration
    assert "#clear APT::Update::Post-Invoke;" in configuration
    assert own.architecture in ("amd64", "arm64")
    assert (tmp_path / "status").read_text() == ""
