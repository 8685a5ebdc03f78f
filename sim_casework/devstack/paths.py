"""Where one demo keeps its things, as plain paths. It starts nothing and asks no server."""

import hashlib
import os
import re
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent

# The kernel takes 107 bytes; the longest name put into the folder is ".s.PGSQL.5432.lock".
SOCKET_FOLDER_LIMIT = 107 - len("/.s.PGSQL.5432.lock")
# What stands in a broker URL without being quoted.
PLAIN_PATH = re.compile(r"[\w./+-]+", re.ASCII)


@dataclass(frozen=True)
class StackPaths:
    state: Path

    @classmethod
    def from_environment(cls) -> "StackPaths":
        given = os.environ.get("STATE_DIR", "")
        return cls(Path(given).expanduser().absolute() if given else REPOSITORY / ".state")

    @property
    def postgres_data(self) -> Path:
        return self.state / "postgres"

    @property
    def valkey_data(self) -> Path:
        return self.state / "valkey"

    @property
    def sockets(self) -> Path:
        """The 0700 folder of both Unix sockets; in the system's temporary folder when STATE_DIR is too long for one."""
        inside = self.state / "sockets"
        if len(os.fsencode(inside)) <= SOCKET_FOLDER_LIMIT and PLAIN_PATH.fullmatch(str(inside)):
            return inside
        return short_socket_folder(self.state)

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def outbox(self) -> Path:
        """E-mails the demo has sent, one file each."""
        return self.state / "outbox"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    def secret_key(self) -> str:
        """The demo's own random secret, made by whichever process asks first."""
        self.state.mkdir(mode=0o711, parents=True, exist_ok=True)
        kept = self.state / "secret-key"
        if not kept.exists():
            # Written aside and linked into place, so that no process ever reads half of it.
            handle, name = tempfile.mkstemp(dir=self.state, prefix=".secret-")
            with os.fdopen(handle, "w") as draft:
                draft.write(secrets.token_urlsafe(50))
            try:
                os.link(name, kept)
            except FileExistsError:
                pass
            finally:
                os.unlink(name)
        return kept.read_text()


def short_socket_folder(state: Path) -> Path:
    """Not from TMPDIR: every process that names the same state must come to the same folder."""
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:16]
    return Path("/tmp") / f"sim-casework-{digest}"  # noqa: S108 - its owner and mode are checked before use
