"""The file: whole or refused, and never believed for what it says of itself."""

import json
import subprocess
import tarfile

import pytest

from appliance.system.backup.errors import BadBackup, TooNew, WrongCode
from appliance.system.backup.read import about_of, unpack
from appliance.system.backup.recovery_code import keys_of, new_code
from appliance.system.backup.write import make
from tests.support.backups import GROUPS, KEYS, forged, known, signed

pytestmark = pytest.mark.row("N12")


@pytest.fixture
def opens(layout, tmp_path):
    """Unpack a backup somewhere."""

    def unpacked(file, keys=KEYS):
        return unpack(file, keys, known(layout), tmp_path / "content")

    return unpacked


def renamed(member, name):
    def change(members):
        for header, _content in members:
            if header.name.startswith(member):
                header.name = name
        return members

    return change


def test_a_backup_unpacks_to_what_its_manifest_says(backup, opens, tmp_path):
    manifest = opens(backup)
    names = {member.name for member in manifest.members}
    assert "voicemail/default/215/INBOX/msg0000.wav" in names
    assert "state/secrets/portal-data" in names
    assert "asterisk/moh/waltz/piece.wav" in names
    assert "portal/portal.sqlite3" in names
    music = tmp_path / "content/asterisk/moh/waltz/piece.wav"
    assert music.read_bytes() == b"music"


def test_what_belongs_to_one_machine_only_is_left_out(backup, opens):
    names = {member.name for member in opens(backup).members}
    assert not [name for name in names if "first-boot" in name or "setup-code" in name]
    assert not [name for name in names if "captures" in name]
    assert not [name for name in names if "/tmp/" in name or "/root/" in name]


def test_nothing_of_it_can_be_read_without_the_code(backup):
    content = backup.read_bytes()
    for text in (b"a secret of this machine", b"authority", b"RIFF", b"old-pbx", b"msg0000"):
        assert text not in content


def test_age_and_tar_alone_open_it(backup, tmp_path):
    identity = tmp_path / "identity"
    identity.write_text(KEYS.identity.reveal())
    plain = subprocess.run(["age", "-d", "-i", identity, backup], capture_output=True, check=True)
    listed = subprocess.run(["tar", "-tz"], input=plain.stdout, capture_output=True, check=True)
    assert listed.stdout.startswith(b"about.json\n")


def test_another_code_is_refused_by_its_name(backup, opens):
    with pytest.raises(WrongCode, match="another recovery code"):
        opens(backup, keys_of(new_code()))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.999])
def test_a_file_that_was_cut_off_is_refused(backup, opens, tmp_path, share):
    content = backup.read_bytes()
    cut = tmp_path / "cut.backup"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadBackup):
        opens(cut)


@pytest.mark.parametrize("place", [30, 150, 0.2, 0.5, 0.9, -1])
def test_one_bit_that_was_changed_is_refused(backup, opens, tmp_path, place):
    content = bytearray(backup.read_bytes())
    content[int(len(content) * place) if isinstance(place, float) else place] ^= 1
    changed = tmp_path / "changed.backup"
    changed.write_bytes(content)
    with pytest.raises((BadBackup, WrongCode)):
        opens(changed)


def test_a_file_that_goes_on_after_its_end_is_refused(backup, opens, tmp_path):
    longer = tmp_path / "longer.backup"
    longer.write_bytes(backup.read_bytes() + b"more")
    with pytest.raises(BadBackup):
        opens(longer)


def test_something_else_is_no_backup(opens, tmp_path):
    other = tmp_path / "holiday.backup"
    other.write_bytes(b"JFIF" * 1000)
    with pytest.raises(BadBackup):
        opens(other)


@pytest.mark.parametrize("field", ["format", "schema_version"])
def test_a_newer_form_is_refused_with_what_to_do(backup, tmp_path, field):
    def newer(members):
        header, content = members[0]
        return [(header, json.dumps({**json.loads(content), field: 99}).encode()), *members[1:]]

    with pytest.raises(TooNew, match="update it first"):
        about_of(forged(backup, tmp_path / "newer.backup", newer), KEYS)


def test_a_newer_version_of_the_program_is_refused(backup, tmp_path):
    def newer(members):
        header, content = members[0]
        data = {**json.loads(content), "version": "99.0.1", "unknown": {"to": "us"}}
        return [(header, json.dumps(data).encode()), *members[1:]]

    with pytest.raises(TooNew, match=r"version 99\.0\.1"):
        about_of(forged(backup, tmp_path / "newer.backup", newer), KEYS)


@pytest.mark.parametrize(
    "name",
    [
        "../etc/shadow",
        "/etc/shadow",
        "state/../../etc/shadow",
        "state//secrets/x",
        "state/./x",
        "state",
        "etc/passwd",
        "system/passwd",
        "system/cron.d/evil",
        "state/revisions/000001/root/etc/asterisk/asterisk.conf",
        "state/secrets/two\nlines",
        "portal/" + "a/" * 20 + "deep",
        "voicemail/" + "x" * 300,
    ],
)
def test_a_hostile_name_is_refused_before_anything_is_written(backup, opens, tmp_path, name):
    file = forged(backup, tmp_path / "hostile.backup", renamed("asterisk/moh", name))
    with pytest.raises(BadBackup, match="without a place"):
        opens(file)
    outside = [path for path in tmp_path.rglob("*") if path.name in {"shadow", "evil", "passwd"}]
    assert not outside


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_what_is_no_plain_file_is_refused(backup, opens, tmp_path, kind):
    def change(members):
        for header, _content in members:
            if header.name.startswith("asterisk/moh"):
                header.type, header.linkname = kind, "/etc/shadow"
        return [(h, b"" if h.type == kind else content) for h, content in members]

    with pytest.raises(BadBackup, match="no file"):
        opens(forged(backup, tmp_path / "hostile.backup", change))


def test_a_member_that_comes_twice_is_refused(backup, opens, tmp_path):
    file = forged(backup, tmp_path / "twice.backup", lambda m: [m[0], m[1], m[1], *m[2:]])
    with pytest.raises(BadBackup):
        opens(file)


def test_a_member_that_is_missing_is_noticed(backup, opens, tmp_path):
    file = forged(backup, tmp_path / "less.backup", lambda m: [m[0], *m[2:]])
    with pytest.raises(BadBackup, match="does not hold"):
        opens(file)


def test_a_member_with_other_content_is_noticed(backup, opens, tmp_path):
    def change(members):
        return [(h, b"noise" if h.name.startswith("asterisk/moh") else c) for h, c in members]

    with pytest.raises(BadBackup, match="not as it was written"):
        opens(forged(backup, tmp_path / "other.backup", change))


def test_a_manifest_that_somebody_else_wrote_is_refused(backup, opens, tmp_path):
    def change(members):
        return [(h, b"0" * 32 if h.name == "manifest.hmac" else c) for h, c in members]

    with pytest.raises(BadBackup, match="who has the code"):
        opens(forged(backup, tmp_path / "unsigned.backup", change))


def test_a_manifest_cannot_give_a_file_a_privileged_mode(backup, opens, tmp_path):
    def setuid(data):
        data["members"][0]["mode"] = 0o4755

    file = forged(backup, tmp_path / "mode.backup", lambda m: signed(m, setuid))
    with pytest.raises(BadBackup, match="makes no sense"):
        opens(file)


def test_a_backup_of_an_older_form_of_the_state_is_taken(backup):
    assert about_of(backup, KEYS).revision == 3


def test_a_name_that_a_backup_cannot_hold_is_told(layout):
    strange = layout.asterisk_spool / "voicemail/default/215/INBOX/häßlich.wav"
    strange.write_bytes(b"x")
    about = make(layout, "pbx", GROUPS, KEYS).manifest.about
    assert about.left_out == ("voicemail/default/215/INBOX/h??lich.wav",)
