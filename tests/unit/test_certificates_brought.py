"""Certificates that somebody brings: what is taken, what is refused, and why."""

import datetime
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from appliance.state.faults import StateError
from appliance.state.fields import Secret
from appliance.system import certificate_facts, certificate_pairs, certificates
from appliance.system.certificate_check import Upload, check
from appliance.system.certificate_pairs import Pair

pytestmark = pytest.mark.row("D1")
HOST = "pbx.example.com"


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@dataclass(frozen=True)
class Made:
    """A certificate and its key as files."""

    crt: Path
    key: Path


class Authority:
    """A company's authority: root, an intermediate, and what it issues."""

    def __init__(self, folder):
        self.folder = folder
        self.root = self.issue("root", authority=True)
        self.middle = self.issue("middle", self.root, authority=True)

    def issue(self, name, by=None, *, authority=False, names=(HOST,), days=90, key=("ec",)):
        made = Made(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        kinds = {
            "ec": ("EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
            "ed": ("ED25519",),
            "rsa": ("RSA", "-pkeyopt", f"rsa_keygen_bits:{key[-1]}"),
        }
        openssl("genpkey", "-algorithm", *kinds[key[0]], "-out", made.key)
        extensions = self.folder / f"{name}.ext"
        alternatives = ",".join(f"DNS:{each}" for each in names)
        extensions.write_text(
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
            if authority
            else f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth\n"
        )
        request = self.folder / f"{name}.csr"
        openssl("req", "-new", "-key", made.key, "-subj", f"/CN={name}", "-out", request)
        signer = ("-signkey", made.key) if by is None else ("-CA", by.crt, "-CAkey", by.key)
        serial = () if by is None else ("-CAcreateserial",)
        openssl(
            *("x509", "-req", "-in", request, "-days", days, "-extfile", extensions),
            *(*signer, *serial, "-out", made.crt),
        )
        return made

    def expired(self, name):
        """One of the intermediate that ended yesterday: openssl writes none that is over."""
        made = self.issue(name, self.middle)
        over = x509.load_pem_x509_certificate(made.crt.read_bytes())
        day = datetime.timedelta(days=1)
        builder = x509.CertificateBuilder(
            over.issuer, over.subject, over.public_key(), over.serial_number,
            over.not_valid_before_utc - 30 * day, over.not_valid_before_utc - day,
            list(over.extensions),
        )  # fmt: skip
        key = serialization.load_pem_private_key(self.middle.key.read_bytes(), None)
        signed = builder.sign(key, hashes.SHA256())
        made.crt.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return made


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("company"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    certificates.ensure_authority(folder)
    return folder / "authority.crt"


@pytest.fixture(scope="module")
def server(company):
    return company.issue("server", company.middle)


def brought(company, made, *, chain=True, **parts):
    links = (company.middle.crt, company.root.crt) if chain else ()
    return Upload(
        made.crt.read_bytes(),
        parts.get("key", made.key.read_bytes()),
        b"".join(path.read_bytes() for path in links),
        Secret(parts.get("password", "")),
    )


def reason(upload, ours, names=(HOST,)):
    with pytest.raises(StateError) as refused:
        check(upload, names, ours)
    return refused.value.faults[0].message


def test_a_good_one_is_served_with_its_chain_but_without_the_root(company, server, ours):
    fit = check(brought(company, server), (HOST,), ours)
    assert fit.chain.count(b"BEGIN CERTIFICATE") == 2
    assert fit.facts.names == (HOST,)
    assert fit.facts.key == "EC P-256"
    assert not fit.facts.own


def test_the_order_in_the_file_does_not_matter(company, server, ours):
    paths = (company.root.crt, company.middle.crt, server.crt)
    mixed = b"".join(path.read_bytes() for path in paths)
    fit = check(Upload(mixed, server.key.read_bytes()), (HOST,), ours)
    assert fit.chain.startswith(server.crt.read_bytes())


def test_one_file_may_hold_key_and_certificates(company, server, ours):
    paths = (server.key, server.crt, company.middle.crt, company.root.crt)
    assert check(Upload(b"".join(p.read_bytes() for p in paths)), (HOST,), ours)


@pytest.mark.parametrize("old", [False, True], ids=["today's", "old"])
def test_pkcs12_is_opened_with_its_password(company, server, ours, tmp_path, old):
    bundle, links = tmp_path / "bundle.p12", tmp_path / "links"
    links.write_bytes(company.middle.crt.read_bytes() + company.root.crt.read_bytes())
    openssl(
        *("pkcs12", "-export", "-in", server.crt, "-inkey", server.key, "-certfile", links),
        *("-passout", "pass:città 7", "-out", bundle, *(["-legacy"] if old else [])),
    )
    upload = Upload(bundle.read_bytes(), password=Secret("città 7"))
    assert check(upload, (HOST,), ours).chain.count(b"BEGIN CERTIFICATE") == 2
    wrong = Upload(bundle.read_bytes(), password=Secret("wrong"))
    assert "password is wrong" in reason(wrong, ours)


def test_a_key_with_a_password_is_opened_and_kept_plain(company, server, ours, tmp_path):
    locked = tmp_path / "locked.key"
    openssl("pkey", "-in", server.key, "-aes256", "-passout", "pass:secret", "-out", locked)
    upload = brought(company, server, key=locked.read_bytes(), password="secret")
    assert b"ENCRYPTED" not in check(upload, (HOST,), ours).key
    assert "cannot be opened" in reason(brought(company, server, key=locked.read_bytes()), ours)


def test_a_key_that_does_not_fit_is_refused(company, server, ours):
    other = company.issue("other", company.middle)
    assert "does not belong" in reason(brought(company, server, key=other.key.read_bytes()), ours)


def test_a_missing_link_is_named(company, server, ours):
    assert "“middle” is missing" in reason(brought(company, server, chain=False), ours)


def test_another_hosts_certificate_is_refused_unless_that_is_meant(company, server, ours):
    said = reason(brought(company, server), ours, ("phone.example.org",))
    assert said == "does not hold the name phone.example.org"
    assert check(brought(company, server), (), ours)


def test_a_wildcard_covers_one_label(company, ours):
    made = company.issue("wild", company.middle, names=("*.example.com",))
    assert check(brought(company, made), (HOST,), ours)
    assert "does not hold" in reason(brought(company, made), ours, ("a.b.example.com",))


def test_an_expired_one_is_refused(company, ours):
    made = company.expired("late")
    assert reason(brought(company, made), ours) == "has expired"


def test_weak_and_unusual_keys_are_refused(company, ours):
    weak = company.issue("weak", company.middle, key=("rsa", 1024))
    assert "at least 2048 bits" in reason(brought(company, weak), ours)
    unusual = company.issue("unusual", company.middle, key=("ed",))
    assert "RSA or of an elliptic curve" in reason(brought(company, unusual), ours)
    strong = company.issue("strong", company.middle, key=("rsa", 2048))
    assert check(brought(company, strong), (HOST,), ours).facts.key == "RSA 2048"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x30\x82\x00",
        b"\x00" * 5000,
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"A" * 300_000,
    ],
    ids=["nothing", "text", "cut", "zeros", "no key", "no sense", "huge"],
)
def test_nonsense_is_refused_in_words(content, ours):
    assert reason(Upload(content), ours)


def test_a_certificate_of_an_authority_is_not_one_of_a_server(company, ours):
    upload = Upload(
        company.middle.crt.read_bytes() + company.root.crt.read_bytes(),
        company.middle.key.read_bytes(),
    )
    assert reason(upload, ours, ())


# ── keeping ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path):
    certificates.ensure_authority(tmp_path)
    certificates.ensure_server(tmp_path, "web", HOST, ["192.0.2.1"], 0)
    return tmp_path


def test_certificate_and_key_change_by_one_rename(folder, server, monkeypatch):
    before = (folder / "web.crt").read_bytes()
    pair = Pair(server.crt.read_bytes(), server.key.read_bytes(), "uploaded")

    def cut(*_arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(certificate_pairs, "put_in_force", cut)
        with pytest.raises(KeyboardInterrupt):
            certificate_pairs.install(folder, "web", pair, 0)
    assert (folder / "web.crt").read_bytes() == before
    certificate_pairs.install(folder, "web", pair, 0)
    assert (folder / "web.crt").read_bytes() == server.crt.read_bytes()
    assert (folder / "web.key").read_bytes() == server.key.read_bytes()


def test_keys_are_for_root_and_their_server_alone(folder):
    assert (folder / "web.key").stat().st_mode & 0o777 == 0o640
    assert (folder / "authority.key").stat().st_mode & 0o777 == 0o600


def test_files_of_an_older_version_become_a_pair(folder, server):
    for end in ("crt", "key", "pair"):
        (folder / f"web.{end}").unlink()
    (folder / "web.crt").write_text("old")
    (folder / "web.key").write_text("old")
    pair = Pair(server.crt.read_bytes(), server.key.read_bytes(), "uploaded")
    certificate_pairs.install(folder, "web", pair, 0)
    assert (folder / "web.key").read_bytes() == server.key.read_bytes()


def test_what_was_brought_survives_the_next_start_and_another_address(folder, server):
    pair = Pair(server.crt.read_bytes(), server.key.read_bytes(), "uploaded")
    certificate_pairs.install(folder, "web", pair, 0)
    certificates.ensure_server(folder, "web", "another", ["192.0.2.99"], 0)
    assert (folder / "web.crt").read_bytes() == server.crt.read_bytes()


def test_what_was_brought_and_has_expired_gives_way_to_our_own(folder, company):
    late = company.expired("gone")
    pair = Pair(late.crt.read_bytes(), late.key.read_bytes(), "uploaded")
    certificate_pairs.install(folder, "web", pair, 0)
    certificates.ensure_server(folder, "web", HOST, ["192.0.2.1"], 0)
    facts = certificate_facts.of_file(folder / "web.crt", folder / "authority.crt")
    assert facts.own
    assert certificate_pairs.source(folder, "web") == "own"


def test_a_machine_that_a_backup_was_restored_on_presents_what_was_presented(
    folder, server, tmp_path_factory
):
    pair = Pair(server.crt.read_bytes(), server.key.read_bytes(), "uploaded")
    certificate_pairs.install(folder, "web", pair, 0)
    blank = tmp_path_factory.mktemp("blank")
    certificates.ensure_authority(blank)
    certificates.ensure_server(blank, "web", "blank", ["192.0.2.9"], 0)
    for path in folder.rglob("*"):  # plain files alone, as a backup holds them
        if path.is_file() and not any(p.is_symlink() for p in (path, *path.parents)):
            target = blank / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    certificates.ensure_server(blank, "web", "blank", ["192.0.2.9"], 0)
    assert (blank / "web.crt").read_bytes() == server.crt.read_bytes()
    assert (blank / "web.key").read_bytes() == server.key.read_bytes()


def test_a_certificate_of_another_authority_than_ours_is_issued_anew(folder):
    for end in ("crt", "key"):
        (folder / f"authority.{end}").unlink()
    certificates.ensure_authority(folder)
    certificates.ensure_server(folder, "web", HOST, ["192.0.2.1"], 0)
    assert certificate_facts.of_file(folder / "web.crt", folder / "authority.crt").own


def test_pairs_that_nobody_presents_are_deleted(folder, server):
    for _ in range(3):
        pair = Pair(server.crt.read_bytes(), server.key.read_bytes(), "uploaded")
        certificate_pairs.install(folder, "web", pair, 0)
    certificate_pairs.tidy(folder)
    assert len(list((folder / "pairs").iterdir())) == 1


def test_our_own_certificate_says_what_it_is(folder):
    facts = certificate_facts.of_file(folder / "web.crt", folder / "authority.crt")
    assert {HOST, "localhost", "192.0.2.1", "::1"} <= set(facts.names)
    assert facts.own
    assert 395 < (facts.expires - facts.begins) / 86400 < 399
