#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Which branches of the hypervisor's pure parts do the unit tests take?
#
# Usage: coverage.sh DIR LIMIT "FILE..." "FILE..." PROGRAM...
#
# Runs the PROGRAMs, which were built with --coverage into DIR, and prints for each FILE how many of its lines and
# branches were reached; several programs may share a file. The files of the first list must each have LIMIT % of their
# branches taken, those of the second are only shown. The first list gives the figure in the last lines.
# What does not count: branches on the line of a BUG_ON() or ASSERT(), which are there never to be taken.
# Exit status 0 if the limit is kept.
set -u -o pipefail

dir=$1 limit=$2 held=$3 shown=$4
shift 4

find "$dir" -name '*.gcda' -delete
for program in "$@"; do
	"$program" >"$program.log" 2>&1 || { cat "$program.log"; echo "$program fails"; echo "0 passed, 1 failed"; exit 1; }
done

# One object at a time: of several that hold the same file gcov would print a summary of its own, without all branches.
find "$dir" -name '*.gcda' -print0 | xargs -0 -n 1 gcov --stdout --branch-probabilities --branch-counts 2>/dev/null |
awk -v limit="$limit" -v held="$held" -v shown="$shown" -v uncovered="$dir/uncovered" '
function percent(n, of) { return of ? 100 * n / of : 0 }
function row(name, f, l, lt, b, bt) {
	printf "%-36s %5d  %5.1f %%   %5d  %5.1f %%%s\n", name, l, percent(lt, l), b, percent(bt, b),
		f in must && percent(bt, b) < limit ? "   under " limit " %" : ""
}
BEGIN {
	n = split(held " " shown, order, " ")
	for (i = 1; i <= n; i++)
		want[order[i]]
	split(held, list, " ")
	for (i in list)
		must[list[i]]
}
/^ *-: *0:Source:/ {
	file = substr($0, index($0, "Source:") + 7)
	while (sub(/[^\/.]+\/\.\.\//, "", file))
		;
	next
}
!(file in want) { next }
/^branch/ {
	key = file SUBSEP line SUBSEP $2
	if (ignored)
		next
	if (!(key in branch))
		branches[file]++
	branch[key] += $3 == "taken" ? $4 : 0
	next
}
/^ *[^ :]+: *[0-9]+:/ {
	split($0, part, ":")
	count = part[1] + 0
	line = part[2] + 0
	ignored = $0 ~ /(BUG_ON|ASSERT)\(/
	if (part[1] ~ /-$/ || !line)
		next
	key = file SUBSEP line
	if (!(key in lines))
		all[file]++
	lines[key] += count
}
END {
	for (key in lines) {
		split(key, part, SUBSEP)
		reached[part[1]] += lines[key] > 0
	}
	for (key in branch) {
		split(key, part, SUBSEP)
		taken[part[1]] += branch[key] > 0
		if (!branch[key])
			printf "%s:%d: branch %d\n", part[1], part[2], part[3] | ("sort -t: -k1,1 -k2,2n >" uncovered)
	}
	printf "%-36s %5s  %7s   %5s  %7s\n", "", "lines", "reached", "branches", "taken"
	for (i = 1; i <= n; i++) {
		f = order[i]
		row(f, f, all[f], reached[f], branches[f], taken[f])
		if (!(f in must))
			continue
		bad += percent(taken[f], branches[f]) < limit
		l += all[f]; lt += reached[f]; b += branches[f]; bt += taken[f]
	}
	row("total of those held to " limit " %", "", l, lt, b, bt)
	printf "figure: %.1f %% of branches\n", percent(bt, b)
	print bad ? "0 passed, 1 failed" : "1 passed, 0 failed"
	exit bad > 0
}'
