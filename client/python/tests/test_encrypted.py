"""A server behind TLS, and the certificates that the client trusts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lakeport
from encrypted import Encrypted, encrypted
from lakeport import LakeFSFileSystem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers import Server


@pytest.fixture(scope="module")
def tls(server: Server) -> Iterator[Encrypted]:
    with encrypted(server.url) as place:
        yield place


@pytest.fixture
def certificate(tls: Encrypted, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    tls.authority.cert_pem.write_to_path(str(path))
    return path


def test_configured_ca_certificate_is_trusted(tls: Encrypted, certificate: Path, repo: str) -> None:
    fs = LakeFSFileSystem(tls.url, ssl_ca_cert=str(certificate))
    data = bytes(range(256)) * 20_000
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.bin"), data)
    assert fs.cat(f"{repo}/main/a.bin") == data
    with lakeport.Client(tls.url, root_certificates=certificate.read_bytes()) as client:
        assert client.files(repo, "main").read("a.bin") == data


def test_unknown_certificate_is_rejected(tls: Encrypted, repo: str) -> None:
    with pytest.raises(ConnectionError) as raised:
        LakeFSFileSystem(tls.url, timeout=5).ls(f"{repo}/main/")
    assert "ertificate" in str(raised.value) or "handshake" in str(raised.value)


def test_certificate_must_match_the_server_name(tls: Encrypted, certificate: Path, repo: str) -> None:
    with pytest.raises(ConnectionError):
        LakeFSFileSystem(tls.url.replace("localhost", "127.0.0.1"), ssl_ca_cert=str(certificate), timeout=5).ls(f"{repo}/main/")


def test_plaintext_and_tls_endpoints_reject_each_other(tls: Encrypted, server: Server, certificate: Path, repo: str) -> None:
    for url in (tls.url.replace("grpcs", "grpc"), server.url.replace("grpc", "grpcs")):
        with pytest.raises(ConnectionError):
            LakeFSFileSystem(url, ssl_ca_cert=str(certificate), timeout=5).ls(f"{repo}/main/")
