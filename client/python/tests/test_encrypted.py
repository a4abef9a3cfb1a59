"""A server behind TLS, and whose certificate is trusted."""

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


def test_a_certificate_that_is_named_is_trusted(tls: Encrypted, certificate: Path, repo: str) -> None:
    fs = LakeFSFileSystem(tls.url, ssl_ca_cert=str(certificate))
    data = bytes(range(256)) * 20_000
    with fs.transaction(repo, "main") as tx:
        fs.pipe(tx.path("a.bin"), data)
    assert fs.cat(f"{repo}/main/a.bin") == data
    with lakeport.Client(tls.url, root_certificates=certificate.read_bytes()) as client:
        assert client.files(repo, "main").read("a.bin") == data


def test_a_certificate_of_nobodys_is_not(tls: Encrypted, repo: str) -> None:
    with pytest.raises(ConnectionError) as told:
        LakeFSFileSystem(tls.url, timeout=5).ls(f"{repo}/main/")
    assert "ertificate" in str(told.value) or "handshake" in str(told.value)


def test_the_name_of_the_server_has_to_be_that_of_its_certificate(tls: Encrypted, certificate: Path, repo: str) -> None:
    with pytest.raises(ConnectionError):
        LakeFSFileSystem(tls.url.replace("localhost", "127.0.0.1"), ssl_ca_cert=str(certificate), timeout=5).ls(f"{repo}/main/")


def test_who_speaks_no_tls_is_not_heard(tls: Encrypted, server: Server, certificate: Path, repo: str) -> None:
    for url in (tls.url.replace("grpcs", "grpc"), server.url.replace("grpc", "grpcs")):
        with pytest.raises(ConnectionError):
            LakeFSFileSystem(url, ssl_ca_cert=str(certificate), timeout=5).ls(f"{repo}/main/")
