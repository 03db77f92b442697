# SPDX-License-Identifier: BSD-3-Clause
# Completion of gremcctl for bash: commands, subjects, and the names of tunnels and mroutes of the running program.

_gremcctl_column() {
	gremcctl -n show "$1" 2>/dev/null | awk -v c="$2" 'NR > 1 { print $c }'
}

_gremcctl() {
	local word=${COMP_WORDS[COMP_CWORD]} words i=1
	while [[ ${COMP_WORDS[i]} == -* && $i -lt $COMP_CWORD ]]; do
		case ${COMP_WORDS[i]} in -f | -s | --file-prefix | --socket) ((i++)) ;; esac
		((i++))
	done
	case $((COMP_CWORD - i)):${COMP_WORDS[i]}:${COMP_WORDS[i + 1]} in
	0:*) words="show why trace top watch reload query help --file-prefix --socket --json --no-pager --help" ;;
	1:show:*) words="tunnels mroutes mroute groups drops ports lcores neighbors peers hosts pools igmp info" ;;
	1:reload:*) words="--check" ;;
	1:watch:*) words="1 2 5 10" ;;
	2:watch:*) words="show why trace query" ;;
	1:trace:*) words="--write $(_gremcctl_column tunnels 1) $(_gremcctl_column ports 1)" ;;
	1:why:*) words="$(_gremcctl_column tunnels 1) $(_gremcctl_column ports 1)" ;;
	2:show:mroute) words=$(_gremcctl_column mroutes 1) ;;
	3:show:mroute | 3:why:*) words=$(_gremcctl_column mroutes 2) ;;
	*) words= ;;
	esac
	# `*` is a source, not a pattern
	set -f
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	set +f
}
complete -F _gremcctl gremcctl
