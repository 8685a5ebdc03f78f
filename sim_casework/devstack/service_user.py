"""Who PostgreSQL and Valkey run as, and folders that belong to them. Only root needs another user: PostgreSQL refuses root."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sim_casework.devstack.errors import StackRefusedError


@dataclass(frozen=True)
class ServiceUser:
    uid: int
    gid: int
    name: str

    @classmethod
    def current(cls) -> "ServiceUser":
        uid = os.geteuid()
        entry = pwd.getpwuid(uid) if uid else _account_for_services()
        return cls(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def own_folder(self, folder: Path) -> None:
        """Make the folder, for this user alone; refuse one that somebody else has put there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {self.uid, os.geteuid()}:
            raise StackRefusedError(
                f"{folder} belongs to somebody else. Remove it, or give another STATE_DIR."
            )
        if self.is_other:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def can_reach(self, folder: Path, binary: Path) -> bool:
        """Whether the user could write the folder and start the binary; not so below root's home or a private folder."""
        if not self.is_other:
            return True
        probe = subprocess.run(
            ["/bin/sh", "-c", 'test -w "$1" && exec "$2" --version', "sh", folder, binary],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
        return probe.returncode == 0


def _account_for_services() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
