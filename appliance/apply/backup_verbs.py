"""What can be asked of the engine about backups; see `appliance.system.backup.desk`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from appliance.apply.course import Progress
from appliance.apply.jobs import Jobs
from appliance.apply.taken import take
from appliance.services.backups import Target
from appliance.state.codec import encode
from appliance.state.fields import Host, ObjectId, Pattern, Port
from appliance.system.backup.desk import BackupDesk, BackupName, Source
from appliance.system.backup.place import Identity

Code = Annotated[str, Pattern(r"[ -~]{1,80}", "a recovery code")]


class BackupVerbs:
    """Each public method is one verb. Long work has a queue of its own: a copy over a slow
    line keeps nobody from applying."""

    _backups: BackupDesk
    _backup_jobs: Jobs

    def backups(self, _request: Mapping[str, Any]) -> dict[str, Any]:
        """What backups there are, how the last attempt went, what is under way."""
        return self._backups.overview()

    def backup_now(self, _request: Mapping[str, Any]) -> None:
        """Begin to make a backup; `backups` tells its step."""
        self._backups.start()

    def rehearse_backup(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to restore a backup into a throw-away machine; a job."""
        name = take(request, "name", BackupName)
        return self._begin("rehearse", lambda tell: encode(self._backups.rehearse(name, tell)))

    def restore_backup(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to restore a backup; a job whose end is a restart of the machine."""
        source = take(request, "source", Source)
        code = take(request, "code", Code)
        identity = take(request, "identity", Identity, "keep")
        return self._begin(
            "restore_backup", lambda tell: self._backups.restore(source, code, identity, tell)
        )

    def delete_backup(self, request: Mapping[str, Any]) -> None:
        """Delete a backup from this machine's disk."""
        self._backups.delete(take(request, "name", BackupName))

    def propose_backup_code(self, _request: Mapping[str, Any]) -> str:
        """A new recovery code, told this once."""
        return self._backups.propose_code().reveal()

    def accept_backup_code(self, request: Mapping[str, Any]) -> None:
        """Let the proposed code count, for who has its last four signs."""
        self._backups.accept_code(take(request, "last_group", Code))

    def backup_key(self, _request: Mapping[str, Any]) -> str:
        """This machine's public key for SFTP."""
        return self._backups.public_key()

    def backup_host_keys(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The keys that an SFTP server shows, with their fingerprints."""
        address, port = take(request, "address", Host), take(request, "port", Port)
        return self._backups.host_keys(address, port)

    def backups_at(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to ask a target what backups it has; a job."""
        id = take(request, "target", ObjectId)
        return self._begin("backups_at", lambda _tell: self._backups.target_backups(id))

    def try_backup_target(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Begin to try a target that may not be applied yet; a job."""
        target = take(request, "target", Target)
        return self._begin("try_target", lambda tell: self._backups.try_target(target, tell))

    def _begin(self, verb: str, work: Callable[[Progress], Any]) -> dict[str, Any]:
        return self._backup_jobs.start(verb, work).as_data()
