"""The screen of places that get copies of backups."""

from __future__ import annotations

from appliance.services.backups import Target
from portal.core.forms import Choice, Hidden, Lines, Number, StateForm, Switch, Text
from portal.core.i18n import _l
from portal.core.screens import Column, Part, Record, Screen

KINDS = (
    ("sftp", _l("SFTP: a server with SSH")),
    ("smb", _l("SMB: a Windows share or NAS")),
    ("s3", _l("S3: object storage")),
)


class TargetForm(StateForm):
    parts = {"": Target}  # noqa: RUF012

    name = Text(_l("Name"), hint=_l("For example: NAS in the cellar."))
    kind = Choice(_l("Kind"), KINDS)
    address = Text(
        _l("Address"),
        hint=_l("Host name or IP address; for S3 the endpoint, e.g. https://s3.example.com."),
    )
    port = Number(_l("Port"), hint=_l("0: the usual one of this kind."))
    folder = Text(
        _l("Folder"),
        hint=_l("For SMB and S3 it begins with the share or the bucket, e.g. backups/pbx."),
    )
    user = Text(_l("User"), hint=_l("For S3 the access key; for SMB also DOMAIN\\user."))
    password = Hidden(
        _l("Password"),
        erase=_l("Forget the password"),
        hint=_l("For S3 the secret key. SFTP needs none: this machine has a key of its own."),
    )
    region = Text(_l("Region"), hint=_l("Only S3, e.g. eu-south-1."))
    host_keys = Lines(
        _l("Keys of the server"),
        hint=_l("Only SFTP. Save first; then “Recognise” fetches them and shows fingerprints."),
    )
    keep = Number(_l("Copies kept there"), unit=_l("backups"))
    enabled = Switch(_l("Send a copy of each backup there"))


def _kind(record: Record) -> str:
    return str(record.objects[""].kind).upper()


class BackupTargets(Screen):
    name = "backup_targets"
    kind = "backup_target"
    parts = {"": Part("backups", "targets")}  # noqa: RUF012
    form = TargetForm
    columns = (
        Column("name", _l("Name"), main=True),
        Column("kind", _l("Kind"), show=_kind, narrow=False),
        Column("address", _l("Address")),
    )
    title = _l("Places for copies")
    noun = _l("place for copies")
    add_label = _l("Add a place")
    empty = _l(
        "Backups stay on this machine only. When it burns, they burn with it: add a place that "
        "gets a copy of each."
    )
    icon = "upload"
    section = "backups"
    match = ("name",)
    edit_template = "backups/target.html"


SCREEN = BackupTargets()
