#!/bin/sh
# Installs mlreef-hooks: an environment of its own, then the hook in the repositories you name.
# Everything after the options below goes to `mlreef-hooks install` (or `uninstall`).
set -eu

usage() {
	cat <<'END'
usage: ./install.sh [--yes] [--prefix DIR] [--service] [--server NAME]
                    [--repo PATH... | --all DIR] [--dry-run] [...]
       ./install.sh [--prefix DIR] --uninstall [--service] [--repo PATH... | --all DIR]
       ./install.sh --demo [--yes]

  --repo PATH   put the hook into this repository (may be repeated)
  --all DIR     put the hook into every repository below DIR
  --server NAME what keeps the repositories: auto (the default), plain, gitolite, gitea,
                forgejo, gitlab, soft-serve
  --service     publish as an account of its own, by systemd (as root)
  --gate        refuse publish tags that can never be published before they land
  --dry-run     say what would be done and do nothing
  --uninstall   take the hook out of the repositories; without any, remove the environment
  --config FILE the configuration of these repositories
  --demo        show everything once on this machine, in a folder of its own
  --yes         install missing Debian packages without asking
  --prefix DIR  where the environment goes (default: /opt/mlreef-hooks, or
                ~/.local/share/mlreef-hooks for another user than root)

Without repositories only the program is installed, for authors and pipeline users.
`mlreef-hooks install --help` lists the other options, such as --engine and --registry.
END
}

fail() {
	echo "error: $1" >&2
	echo "hint: $2" >&2
	exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
mode=install yes='' dry_run='' named='' service='' prefix=''
if [ "$(id -u)" = 0 ]; then
	prefix=/opt/mlreef-hooks
else
	prefix=${XDG_DATA_HOME:-${HOME:?}/.local/share}/mlreef-hooks
fi

# Our own options are taken out; the others stay in "$@" in their order.
count=$#
while [ "$count" -gt 0 ]; do
	option=$1
	shift
	count=$((count - 1))
	case $option in
	--help | -h) usage && exit 0 ;;
	--demo) mode=demo ;;
	--uninstall) mode=uninstall ;;
	--yes) yes=1 ;;
	--prefix)
		[ "$count" -gt 0 ] || fail "--prefix lacks its folder" "write --prefix DIR"
		prefix=$1
		shift
		count=$((count - 1))
		;;
	--config)
		[ "$count" -gt 0 ] || fail "--config lacks its file" "write --config FILE"
		export MLREEF_HOOKS_CONFIG="$1"
		shift
		count=$((count - 1))
		;;
	--repo | --all)
		[ "$count" -gt 0 ] || fail "$option lacks its folder" "see ./install.sh --help"
		named=1
		set -- "$@" "$option" "$1"
		shift
		count=$((count - 1))
		;;
	--service) service=1 && set -- "$@" "$option" ;;
	--dry-run) dry_run=1 && set -- "$@" "$option" ;;
	*) set -- "$@" "$option" ;;
	esac
done

# Without repositories nobody else reads the options, and one that is mistyped must not pass.
if [ "$mode" != demo ] && [ -z "$named" ] && [ -z "$service" ]; then
	for option in "$@"; do
		[ "$option" = --dry-run ] ||
			fail "$option means nothing without --repo or --all" "see ./install.sh --help"
	done
fi

venv=$prefix/venv
link=/usr/local/bin/mlreef-hooks
share=$prefix/share
# What man and the shells read, below $share; for root, linked from where they look.
pages='man/man1/mlreef-hooks.1 bash-completion/completions/mlreef-hooks
	zsh/site-functions/_mlreef-hooks fish/completions/mlreef-hooks.fish'

# Debian splits venv from python3; an interpreter that only this user may read is of no use to git.
usable_python() {
	for python in /usr/bin/python3 /usr/local/bin/python3 "$(command -v python3 || :)"; do
		[ -x "$python" ] || continue
		"$python" -I -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
			2>/dev/null && echo "$python" && return
	done
	return 1
}

make_environment() {
	if ! usable_python >/dev/null || ! command -v git >/dev/null; then
		[ -n "$yes" ] || fail "Python 3.11 with venv, or git, is missing" "give --yes, or install them"
		"$here/examples/debian-packages" python3 python3-venv git ca-certificates
	fi
	python=$(usable_python) || fail "there is no Python 3.11 with venv" "install python3-venv"
	version=$(cd "$here" && find -L setup.cfg mlreef_hooks hooks -type f -name '[!.]*' \
		! -name '*.pyc' -exec sha256sum {} + | sort | sha256sum)
	if [ "$(cat "$prefix/version" 2>/dev/null)" = "$version" ]; then
		echo "unchanged: $venv"
		return
	fi
	mkdir -p "$prefix"
	[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
	# A copy is built: setuptools leaves folders beside the source, which may not be ours. The rules
	# and the hooks are links, which would lead nowhere from there.
	source=$(mktemp -d)
	cp -RL "$here/setup.cfg" "$here/pyproject.toml" "$here/README.md" "$here/LICENSE" \
		"$here/mlreef_hooks" "$here/hooks" "$source"
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
		--upgrade --force-reinstall "$source"
	rm -rf "$source"
	write_pages
	echo "$version" >"$prefix/version"
	echo "installed: $venv"
}

# The man page and the completions, as the program itself says them.
write_pages() {
	for page in $pages; do mkdir -p "$share/${page%/*}"; done
	"$venv/bin/python" -m mlreef_hooks.cli.manual >"$share/man/man1/mlreef-hooks.1"
	for page in $pages; do
		shell=${page%%[-/]*}
		[ "$shell" = man ] || env _MLREEF_HOOKS_COMPLETE="${shell}_source" \
			"$venv/bin/mlreef-hooks" >"$share/$page"
	done
}

# Of all the folders below /usr/local/share, fish looks at none unless XDG_DATA_DIRS names it.
page_link() {
	case $1 in
	fish/*) echo "/etc/$1" ;;
	*) echo "/usr/local/share/$1" ;;
	esac
}

# Makes a folder, and notes which were not there before.
make_folder() {
	[ ! -d "$1" ] || return 0
	make_folder "${1%/*}"
	mkdir "$1"
	echo "$1" >>"$share/made"
}

link_pages() {
	for page in $pages; do
		place=$(page_link "$page")
		[ ! -e "$place" ] || continue
		make_folder "${place%/*}"
		ln -sf "$share/$page" "$place"
	done
}

remove_pages() {
	for page in $pages; do
		place=$(page_link "$page")
		if [ "$(readlink "$place")" = "$share/$page" ]; then rm "$place"; fi
	done
	# Of the folders that were made, the inner ones first, and those that are empty alone.
	[ ! -e "$share/made" ] || sort -r "$share/made" | while read -r folder; do
		rmdir "$folder" 2>/dev/null || :
	done
	rm -rf "$share"
}

# Puts the command on root's PATH, unless another one is there, and says where it is.
show_command() {
	if [ "$(id -u)" = 0 ] && [ ! -e "$link" ]; then
		ln -sf "$venv/bin/mlreef-hooks" "$link"
	fi
	if [ "$(readlink "$link")" = "$venv/bin/mlreef-hooks" ] && [ "$(id -u)" = 0 ]; then link_pages; fi
	found=$(readlink -f "$(command -v mlreef-hooks || :)" || :)
	if [ "$found" != "$(readlink -f "$venv/bin/mlreef-hooks")" ]; then
		echo "the command is not on your PATH: $venv/bin/mlreef-hooks"
	fi
}

remove_environment() {
	if grep -qsF "$venv/bin/" /etc/systemd/system/mlreef-hooks.service; then
		fail "the service runs by $venv" "first: ./install.sh --uninstall --service"
	fi
	[ -e "$prefix/version" ] || fail "$prefix is no environment of ours" "give its --prefix"
	if [ "$(readlink "$link" 2>/dev/null)" = "$venv/bin/mlreef-hooks" ]; then rm "$link"; fi
	remove_pages
	rm -rf "$venv" "$prefix/version"
	rmdir "$prefix" 2>/dev/null || :
	echo "removed: $venv"
}

case $mode in
install)
	if [ -n "$dry_run" ] && [ ! -x "$venv/bin/mlreef-hooks" ]; then
		echo "would install: $venv, and what mlreef-hooks install --dry-run says from there"
		exit 0
	fi
	if [ -z "$dry_run" ]; then
		make_environment
		show_command
	fi
	if [ -z "$named" ] && [ -z "$service" ]; then exit 0; fi
	exec "$venv/bin/mlreef-hooks" install "$@"
	;;
uninstall)
	if [ -z "$named" ] && [ -z "$service" ]; then
		if [ -n "$dry_run" ]; then echo "would remove: $venv"; else remove_environment; fi
		exit 0
	fi
	[ -x "$venv/bin/mlreef-hooks" ] || fail "$venv is not there" "give its --prefix, or install again"
	exec "$venv/bin/mlreef-hooks" uninstall "$@"
	;;
demo)
	make_environment
	exec "$venv/bin/python" "$here/examples/demo" ${yes:+--yes} "$@"
	;;
esac
