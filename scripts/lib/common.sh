# SPDX-License-Identifier: BSD-3-Clause
# What every script here starts with. Source it; it expects to be in scripts/lib.
# The caller may set PROGRAM, the name that messages begin with.

PROGRAM=${PROGRAM:-$(basename "$0")}
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Tools of /usr/sbin (ip, ethtool) are not on an ordinary user's PATH; /usr/bin first, because another python3
# or meson may stand before Debian's.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL=C.UTF-8

say() { printf '%s: %s\n' "$PROGRAM" "$*"; }
die() {
	printf '%s: %s\n' "$PROGRAM" "$*" >&2
	exit 1
}

# build DIR [meson option...]: configure (again, when the options are others than last time) and compile.
# The log is shown only when something fails. One at a time in a directory: who comes second waits.
build() (
	local dir=$1 log
	shift
	mkdir -p "$dir"
	exec 9<"$dir"
	flock 9
	log=$dir.log
	if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.options" 2>/dev/null)" = "${CC:-} $*" ]; then
		:
	else
		find "$dir" -mindepth 1 -delete # not itself: it is the lock
		if ! meson setup "$dir" "$TOP" "$@" >"$log" 2>&1; then
			cat "$log" >&2
			say "meson could not configure $dir" >&2
			return 1
		fi
		printf '%s\n' "${CC:-} $*" >"$dir/.options"
	fi
	if ! ninja -C "$dir" -j"$(nproc)" >"$log" 2>&1; then
		cat "$log" >&2
		say "the build in $dir failed" >&2
		return 1
	fi
)
