"""What a client asks of the engine about backups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.apply.asking import Asking
from appliance.services.backups import Target
from appliance.state.codec import encode


class BackupCalls(Asking):
    """One method for each verb of `appliance.apply.backup_verbs`."""

    __slots__ = ()

    def backups(self) -> dict[str, Any]:
        """What backups there are, how the last attempt went, what is under way."""
        return self._ask("backups")

    def backup_now(self) -> None:
        """Begin to make a backup; `backups` tells its step."""
        self._ask("backup_now")

    def rehearse_backup(self, name: str) -> str:
        """Begin to restore a backup into a throw-away machine; returns the job's id."""
        return self._ask("rehearse_backup", name=name)["id"]

    def restore_backup(self, source: Mapping[str, str], code: str, identity: str) -> str:
        """Begin to restore a backup (kind `here`, `upload` or `target`); returns the job's id."""
        return self._ask("restore_backup", source=dict(source), code=code, identity=identity)["id"]

    def delete_backup(self, name: str) -> None:
        self._ask("delete_backup", name=name)

    def propose_backup_code(self) -> str:
        """A new recovery code, told this once."""
        return self._ask("propose_backup_code")

    def accept_backup_code(self, last_group: str) -> None:
        """Let the proposed code count, for who has its last four signs."""
        self._ask("accept_backup_code", last_group=last_group)

    def backup_key(self) -> str:
        """This machine's public key for SFTP."""
        return self._ask("backup_key")

    def backup_host_keys(self, address: str, port: int) -> list[dict[str, Any]]:
        """The keys that an SFTP server shows, with their fingerprints."""
        return self._ask("backup_host_keys", address=address, port=port)

    def backups_at(self, target: str) -> str:
        """Begin to ask a target what backups it has; returns the job's id."""
        return self._ask("backups_at", target=target)["id"]

    def try_backup_target(self, target: Target) -> str:
        """Begin to try a target that may not be applied yet; returns the job's id."""
        return self._ask("try_backup_target", target=encode(target))["id"]
