"""What Gitea, Forgejo, soft-serve and GitLab have on disk and run, rebuilt from what they document.

None of them can be installed here. Their sources: modules/repository/hooks.go of go-gitea/gitea,
pkg/hooks/gen.go of charmbracelet/soft-serve, internal/gitaly/hook/custom.go of gitlab-org/gitaly.
"""

from collections.abc import Mapping
from pathlib import Path

from mlreef_hooks.git_settings import set_own
from tests.support.git import make_bare, write_hook

# Each executable file of a folder gets all of the input; one that fails makes the hook fail.
_RUNS_A_FOLDER = """\
#!/bin/sh
updates=$(cat)
failed=0
for each in "${GIT_DIR:-${0%/*}/..}"/hooks/post-receive.d/*; do
    if [ -f "$each" ] && [ -x "$each" ]; then
        echo "$updates" | "$each" || failed=1
    fi
done
exit $failed
"""
# gitaly runs the hooks of a repository and those of its custom_hooks_dir in the repository's
# folder, with an environment that it makes itself; names that end with a tilde are left out.
_GITALY = """\
#!/bin/sh
updates=$(cat)
repository=$(pwd)
for each in custom_hooks/post-receive custom_hooks/post-receive.d/* "{shared}"/post-receive.d/*; do
    case $each in *~) continue ;; esac
    if [ -f "$each" ] && [ -x "$each" ]; then
        echo "$updates" | env -i PATH="$PATH" HOME="$HOME" LC_ALL=C.UTF-8 GIT_DIR="$repository" \\
            GL_ID="$GL_ID" GL_USERNAME="$GL_USERNAME" GL_PROTOCOL=ssh \\
            GL_REPOSITORY="$GL_REPOSITORY" GL_PROJECT_PATH="$GL_PROJECT_PATH" "$each" || exit 1
    fi
done
"""
_OWN = '#!/bin/sh\ncat >/dev/null\necho "{server} has its own hook"\n'
_OF_GITEA = {
    "GITEA_REPO_USER_NAME": "Vision", "GITEA_REPO_NAME": "Upper",
    "GITEA_REPO_IS_WIKI": "false", "GITEA_PUSHER_NAME": "ada", "GITEA_PUSHER_ID": "7",
}  # fmt: skip
ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "gitea": _OF_GITEA,
    "forgejo": _OF_GITEA,
    "soft-serve": {"SOFT_SERVE_REPO_NAME": "vision/upper", "SOFT_SERVE_USERNAME": "ada"},
    "gitlab": {
        "GL_ID": "user-7", "GL_USERNAME": "ada", "GL_REPOSITORY": "project-1",
        "GL_PROJECT_PATH": "Vision/Upper",
    },
}  # fmt: skip


def make_forge_repository(path: Path, server: str) -> Path:
    """A repository as a server makes it that runs a folder of hooks: `gitea`, `forgejo` until 2025,
    or `soft-serve`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    make_bare(path)
    write_own_hooks(path, server)
    return path


def write_own_hooks(git_dir: Path, server: str) -> None:
    """Write what the server writes into the folder of hooks, again at each of its resyncs."""
    (git_dir / "hooks" / "post-receive.d").mkdir(parents=True, exist_ok=True)
    write_hook(git_dir, "post-receive", _RUNS_A_FOLDER)
    called = "gitea" if server == "forgejo" else server  # as it was
    write_hook(git_dir, f"post-receive.d/{called}", _OWN.format(server=server))


def make_forgejo_repository(path: Path, home: Path) -> Path:
    """A repository as newer Forgejos have it, whose settings name the hooks of all of them, which
    are in the `home` of the server.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    make_bare(path)
    set_own(path, "core.hooksPath", str(home / "hooks"))
    write_own_hooks(home, "forgejo")
    beside = _RUNS_A_FOLDER.replace('"${GIT_DIR:-${0%/*}/..}"/hooks/', '"${0%/*}"/')
    write_hook(home, "post-receive", beside)
    return path


def make_gitlab_repository(path: Path, shared: Path) -> Path:
    """A repository as gitaly has it, whose `custom_hooks_dir` is `shared`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    make_bare(path)
    write_hook(path, "post-receive", _GITALY.replace("{shared}", str(shared)))
    return path
