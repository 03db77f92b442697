# SPDX-License-Identifier: BSD-3-Clause
# The common start of all scripts. Source it; it expects to be in scripts/lib.
# The caller may set PROGRAM, the name that messages begin with.

PROGRAM=${PROGRAM:-$(basename "$0")}
unset CDPATH # with it, cd prints where it goes
TOP=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
# Tools of /usr/sbin (ip, ethtool) are not on an ordinary user's PATH; /usr/bin first, because another python3
# or meson may stand before Debian's.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL=C.UTF-8

say() { printf '%s: %s\n' "$PROGRAM" "$*"; }
die() {
	printf '%s: %s\n' "$PROGRAM" "$*" >&2
	exit 1
}

# root_prefix REASON: set the array `as_root` to the words that run a command as root: none for root, sudo for others.
# sudo resets the environment, so the variables that the scripts read are passed on.
root_prefix() {
	local name

	as_root=()
	[ "$(id -u)" = 0 ] && return
	command -v sudo >/dev/null || die "$1 needs root: run this as root, or install sudo"
	sudo -n true 2>/dev/null || sudo -v || die "$1 needs root, and sudo gives none"
	as_root=(sudo env)
	for name in PATH LC_ALL TMPDIR CI XDG_CACHE_HOME http_proxy https_proxy "${!GREMC_@}"; do
		[ -z "${!name+set}" ] || as_root+=("$name=${!name}")
	done
}

# start_ticks PID: when the process began, in clock ticks after boot. With it, a pid names one process only.
start_ticks() {
	local stat

	stat=$(cat "/proc/$1/stat") || return
	# shellcheck disable=SC2086 # fields
	set -- ${stat##*) }
	echo "${20}"
}

# temporary_folder LABEL: make a folder whose name contains its owner, so that scripts/lib/sweep.py can remove it after a
# kill -9 of this script.
temporary_folder() { mktemp -d "${TMPDIR:-/tmp}/gremc-$$-$(start_ticks $$)-$1.XXXXXX"; }

# A build folder of these scripts holds the file BUILD_MARK, with the options that it is configured with.
BUILD_MARK=.options

# build_claim DIR: make the folder DIR ours. Refuse one with files that these scripts did not make. The binary alone, in the
# place where the build puts it (from a cache, say), is no reason to refuse: ninja replaces it, and nothing else is deleted.
build_claim() {
	if [ ! -f "$1/$BUILD_MARK" ] &&
		[ -n "$(find "$1" -mindepth 1 ! -type d ! -path "$1/app/dpdk-gremc/dpdk-gremc" -print -quit)" ]; then
		say "$1 is not empty and these scripts did not make it: move it away, or name another folder" >&2
		return 1
	fi
	[ -f "$1/$BUILD_MARK" ] || echo "nothing made yet" >"$1/$BUILD_MARK"
}

# build_empty DIR: remove the content, but not the mark, so that the folder stays ours if this is interrupted, and not the
# reports that scripts/bench and scripts/loadtest leave in it.
build_empty() {
	echo "not configured yet" >"$1/$BUILD_MARK" || return
	find "$1" -mindepth 1 -maxdepth 1 ! -name "$BUILD_MARK" ! -name report -exec rm -rf {} +
}

# build DIR [meson option...]: configure (again, when the options are others than last time) and compile.
# The log is shown only when something fails. One at a time in a directory: a second build waits. SUPERVISED may name a
# function that runs the commands, and TARGET the only target to compile.
build() (
	local dir=$1 log=$1/.log
	shift
	mkdir -p "$dir" && exec 9<"$dir" && flock 9 && build_claim "$dir" || return
	# .source: a tree that was copied or moved with its build folders is configured again
	if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/$BUILD_MARK")" = "${CC:-} $*" ] &&
		[ "$(cat "$dir/.source" 2>/dev/null || echo "$TOP")" = "$TOP" ]; then
		:
	else
		[ "$(cat "$dir/$BUILD_MARK")" = "nothing made yet" ] || build_empty "$dir" || return
		echo "not configured yet" >"$dir/$BUILD_MARK"
		if ! ${SUPERVISED:-} meson setup "$dir" "$TOP" "$@" >"$log" 2>&1; then
			cat "$log" >&2
			say "meson could not configure $dir" >&2
			return 1
		fi
		printf '%s\n' "${CC:-} $*" >"$dir/$BUILD_MARK"
	fi
	printf '%s\n' "$TOP" >"$dir/.source"
	if ! ${SUPERVISED:-} ninja -C "$dir" -j"$(nproc)" ${TARGET:+"$TARGET"} >"$log" 2>&1; then
		cat "$log" >&2
		say "the build in $dir failed" >&2
		return 1
	fi
)
