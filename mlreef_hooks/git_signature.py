"""Whether a publish tag is signed by one whom the site allows, as git tells it (verify-tag)."""

import os
from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.errors import PublishError
from mlreef_hooks.git import in_repository, run_git, shown_to_owner

_DOCTOR = "the administrator runs mlreef-hooks doctor"
# Who signed a tag is told by ssh-keygen and the site's file: the repository's settings choose
# neither, and no other program either, whatever form of signature is in the tag.
_VERIFIED = (
    "-c", "gpg.ssh.program=ssh-keygen",
    "-c", "gpg.ssh.revocationFile=/dev/null",
    "-c", "gpg.openpgp.program=false",
    "-c", "gpg.x509.program=false",
    "-c", "gpg.minTrustLevel=fully",
)  # fmt: skip
_UNSIGNED: Mapping[bytes, str] = {
    b"no signature found": "it has no signature",
    b"No principal matched": "the key is none that the site allows",
}
_SHOWN = 200  # characters of what git says of a signature


def signature_fault(git_dir: Path, tag: str, signers: Path) -> str | None:
    """Why the tag object of this id is not signed by one of those whom the file `signers` allows,
    None where it is; PublishError that may pass where this machine cannot tell.
    """
    if not os.access(signers, os.R_OK):
        message = "the file of those who may sign publish tags cannot be read"
        raise PublishError(message, _DOCTOR, passing=True)
    allowed = f"gpg.ssh.allowedSignersFile={signers}"
    words = (*_VERIFIED, "-c", allowed, "verify-tag", "--raw", tag)
    done = run_git(*in_repository(git_dir), *words)
    if done.returncode == 0:
        return None
    if b"cannot run ssh-keygen" in done.stderr:
        message = "ssh-keygen is not installed, so that signatures cannot be checked"
        raise PublishError(message, _DOCTOR, passing=True)
    known = next((_UNSIGNED[words] for words in _UNSIGNED if words in done.stderr), "")
    said = shown_to_owner(git_dir, done.stderr.strip().rpartition(b"\n")[2])
    return known or said[:_SHOWN] or "its signature is none by an SSH key"
