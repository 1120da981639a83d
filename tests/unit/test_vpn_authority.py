"""The authority of the branch tunnels: what it signs, what it ends, what it never gives out."""

import subprocess
import time

import pytest

from appliance.apply.errors import Refused
from appliance.system import openssl
from appliance.system.vpn_authority import VpnAuthority, statement

pytestmark = pytest.mark.row("S5")


@pytest.fixture
def authority(tmp_path):
    made = VpnAuthority(tmp_path / "vpn", time.time)
    made.ensure()
    return made


def request_of(folder, *algorithm):
    algorithm = algorithm or ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    openssl.run("genpkey", "-algorithm", *algorithm, "-out", folder / "key")
    openssl.run(
        *("req", "-new", "-key", folder / "key", "-subj", "/CN=somebody-else/O=Nice Try"),
        *("-out", folder / "request"),
    )
    return (folder / "request").read_text()


def verified(authority, text, folder):
    (folder / "shown").write_text(text)
    chain = ("-CAfile", authority.authority, "-CRLfile", authority.revocations, "-crl_check")
    try:
        openssl.run("verify", "-purpose", "sslclient", *chain, folder / "shown")
    except subprocess.CalledProcessError as error:
        return error.stderr.decode()
    return "OK"


def test_a_router_that_makes_its_key_itself_gets_a_certificate_for_its_branch_alone(
    authority, tmp_path
):
    identity = authority.issue("parma", request_of(tmp_path))
    assert identity.key.reveal() == ""
    assert verified(authority, identity.certificate, tmp_path) == "OK"
    what = ("-subject", "-nameopt", "RFC2253", "-purpose")
    said = openssl.run("x509", "-in", tmp_path / "shown", "-noout", *what).decode()
    assert "subject=OU=1,CN=parma" in said
    assert "SSL server : No" in said
    assert "SSL client : Yes" in said


def test_each_delivery_is_a_generation_with_a_tls_crypt_key_of_its_own(authority):
    first, second, other = (authority.issue(name) for name in ("parma", "parma", "milano"))
    assert [i.record.generation for i in (first, second, other)] == [1, 2, 1]
    assert len({i.tls_crypt.reveal() for i in (first, second, other)}) == 3
    assert all("tls-crypt-v2 client key" in i.tls_crypt.reveal() for i in (first, second))
    assert "PRIVATE KEY" in first.key.reveal()


@pytest.mark.row("B5")
def test_a_spare_that_has_taken_over_ends_the_router_before_it(authority, tmp_path):
    former, spare = authority.issue("parma"), authority.issue("parma")
    bystander = authority.issue("milano")
    ended = authority.revoke("parma", below=2)
    assert [record.generation for record in ended] == [1]
    assert "certificate revoked" in verified(authority, former.certificate, tmp_path)
    assert verified(authority, spare.certificate, tmp_path) == "OK"
    assert verified(authority, bystander.certificate, tmp_path) == "OK"


def test_what_was_ended_stays_ended_when_the_machine_starts_again(authority, tmp_path):
    lost = authority.issue("parma")
    authority.revoke("parma")
    authority.revocations.unlink()
    VpnAuthority(tmp_path / "vpn", time.time).ensure()
    assert "certificate revoked" in verified(authority, lost.certificate, tmp_path)


def test_a_second_start_changes_neither_authority_nor_keys(authority, tmp_path):
    def held():
        names = ("authority.crt", "authority.key", "server.crt", "server.key", "tls-crypt-v2.key")
        return [(tmp_path / "vpn" / name).read_bytes() for name in names]

    before = held()
    authority.ensure()
    assert held() == before


def test_private_keys_are_for_root_alone_and_those_of_routers_are_not_kept(authority, tmp_path):
    key = authority.issue("parma").key.reveal()
    for path in (tmp_path / "vpn").iterdir():
        assert key not in path.read_text()
        if path.suffix == ".key" or path.name == "issued.json":
            assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text", ["", "x", "-----BEGIN CERTIFICATE REQUEST-----\n!\n", "A" * 9000, "\0"]
)
def test_what_is_no_request_is_refused(authority, text):
    with pytest.raises(Refused, match="no certificate request"):
        authority.issue("parma", text or " ")
    assert authority.records() == ()


def test_a_request_that_its_own_key_has_not_signed_is_refused(authority, tmp_path):
    lines = request_of(tmp_path).splitlines()
    # The signature stands at the end: another letter there makes it another one.
    lines[-2] = ("A" if lines[-2][0] != "A" else "B") + lines[-2][1:]
    with pytest.raises(Refused, match="not signed by its own key"):
        authority.issue("parma", "\n".join(lines) + "\n")


def test_a_request_with_another_kind_of_key_is_refused(authority, tmp_path):
    with pytest.raises(Refused, match="P-256"):
        authority.issue("parma", request_of(tmp_path, "RSA", "-pkeyopt", "rsa_keygen_bits:1024"))


def test_the_authority_vouches_for_the_web_servers_certificate(authority, tmp_path):
    voucher = authority.vouch(tmp_path / "vpn" / "server.crt")
    (tmp_path / "authority").write_text(voucher.authority)
    key = openssl.run("x509", "-in", tmp_path / "authority", "-noout", "-pubkey")
    (tmp_path / "public").write_bytes(key)
    (tmp_path / "signature.base64").write_text(voucher.signature + "\n")
    openssl.run(
        *("base64", "-d", "-A", "-in", tmp_path / "signature.base64"),
        *("-out", tmp_path / "signature"),
    )
    (tmp_path / "said").write_text(statement(voucher.web_sha256))
    check = ("dgst", "-sha256", "-verify", tmp_path / "public", "-signature")
    assert openssl.run(*check, tmp_path / "signature", tmp_path / "said") == b"Verified OK\n"
    (tmp_path / "said").write_text(statement("0" * 64))
    with pytest.raises(subprocess.CalledProcessError):
        openssl.run(*check, tmp_path / "signature", tmp_path / "said")
