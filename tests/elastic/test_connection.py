"""Whom otmon sends to, and whom it trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from elastic.node import certificates
from elastic_stub import Answer, Stub
from places import ROOT

from otmon.cli import main
from otmon.errors import OptionsError
from otmon.sinks import outbox
from otmon.sinks.elastic import connection
from otmon.sinks.elastic.connection import Server, connect, credentials, in_words
from otmon.sinks.elastic.sender import Sender
from otmon.sinks.outbox import Document
from otmon.state.site_file import SiteFile


@pytest.mark.parametrize("host", ["http://es.example:9200", "http://10.0.0.5:9200"])
def test_nothing_goes_unencrypted_over_a_network_unless_a_person_says_so(host):
    with pytest.raises(OptionsError, match="not be encrypted"):
        connect(Server((host,)))

    connect(Server((host,), allow_plaintext=True)).close()


@pytest.mark.parametrize("host", ["http://localhost:9200", "http://127.0.0.1:9", "http://[::1]:9"])
def test_this_machine_needs_no_encryption(host):
    connect(Server((host,))).close()


@pytest.mark.parametrize("host", ["es:9200", "ftp://es", "https://", "https://es:port"])
def test_what_is_no_address_is_refused(host):
    with pytest.raises(OptionsError, match="is no address"):
        connect(Server((host,)))


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(OptionsError) as refused:
        connect(Server(("https://kim:secret@es:9200",)))

    assert "secret" not in str(refused.value)


def test_a_ca_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(OptionsError, match=r"no\.crt"):
        connect(Server(("https://es:9200",), ca_file=tmp_path / "no.crt"))


def test_certificates_and_names_are_always_checked():
    context = connection.trust(None)

    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


def test_no_code_trusts_a_fingerprint_or_turns_checks_off():
    text = "".join(path.read_text("utf8") for path in (ROOT / "otmon").rglob("*.py"))

    assert [] == [w for w in ("ssl_assert_fingerprint", "verify_certs", "CERT_NONE") if w in text]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path):
    key = tmp_path / "key"
    key.write_text("abc\n")
    key.chmod(0o644)
    with pytest.raises(OptionsError, match="chmod 600"):
        credentials(key)

    key.chmod(0o600)
    assert ("abc", None) == credentials(key)


def test_a_key_comes_from_the_environment_where_there_is_no_file(monkeypatch):
    monkeypatch.setenv(connection.KEY_VARIABLE, "abc")

    assert ("abc", None) == credentials(None)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of two authorities of one name, each with a certificate of this machine."""
    folders = tmp_path_factory.mktemp("real"), tmp_path_factory.mktemp("forged")
    for folder in folders:
        certificates(folder)
    return folders


def spoken_to(tmp_path: Path, chain: str, key: Path, ca: Path) -> tuple[str, list[list[str]]]:
    """How a sender that trusts a CA is after it met a server with a chain; what was sent."""
    shown = tmp_path / "chain.crt"
    shown.write_text(chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, key)
    with Stub(context=context) as stub, SiteFile.open(tmp_path / "s", durable=False) as site:
        with site.transaction() as db:
            one = Document(0, "logs-otmon.alert-default", "create", "a", b'{"event":{"id":"a"}}')
            outbox.put(db, [one])
        sender = Sender(site, connect(Server((stub.url,), ca_file=ca, api_key="a2V5OmtleQ==")))
        sender.step()
        return sender.state, stub.requests


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "HTTPConnection(host='127.0.0.1', port=9): Failed to establish a new connection: "
            "[Errno 111] Connection refused",
            "Failed to establish a new connection: Connection refused",
        ),
        ("Connection timed out", "Connection timed out"),
    ],
)
def test_what_went_wrong_on_the_way_is_said_without_the_words_of_a_library(said, expected):
    assert expected == in_words(ConnectionError(said))


def test_a_forged_certificate_with_the_real_ca_appended_is_not_spoken_to(tmp_path, authorities):
    real, forged = authorities
    chain = (forged / "node.crt").read_text() + (real / "ca.crt").read_text()

    assert ("paused", []) == spoken_to(tmp_path, chain, forged / "node.key", real / "ca.crt")


def test_a_certificate_of_the_ca_is_spoken_to(tmp_path, authorities):
    real, _ = authorities
    chain = (real / "node.crt").read_text() + (real / "ca.crt").read_text()

    assert ("sending", [["a"]]) == spoken_to(tmp_path, chain, real / "node.key", real / "ca.crt")


@pytest.mark.parametrize("command", ["setup", "doctor"])
def test_a_command_can_name_the_ca_without_a_configuration(command, tmp_path, authorities, capsys):
    real, _ = authorities
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(real / "node.crt", real / "node.key")
    trusted = {}
    with Stub(context=shown) as stub:
        stub.others = {"/": Answer(status=401)}
        for given in ([], ["--elastic-ca", str(real / "ca.crt")]):
            with pytest.raises(SystemExit):
                main(["elastic", command, "--elastic", stub.url, *given])
            told = capsys.readouterr()
            trusted[bool(given)] = "CERTIFICATE_VERIFY_FAILED" not in told.out + told.err

    assert {False: False, True: True} == trusted
