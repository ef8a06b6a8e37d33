# SPDX-License-Identifier: MIT
# Completion of xl in bash. xl itself says what may stand at a place: `xl completion N WORD...`, one candidate a line;
# ":files" asks for file names, and what ends in '=' is not ended by a blank.

_xl() {
	local word line words=() i at=0

	# bash splits words at '=', xl does not.
	for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
		if [[ ${COMP_WORDS[i]} == = && ${#words[@]} -gt 0 && ${words[-1]} == --* ]]; then
			continue
		fi
		words+=("${COMP_WORDS[i]}")
		[[ $i -le $COMP_CWORD ]] && at=$((${#words[@]} - 1))
	done
	[[ ${COMP_WORDS[COMP_CWORD]} == = ]] && { words=("${words[@]:0:at+1}" ''); at=$((at + 1)); }
	word=${words[at]}
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files)
			compopt -o filenames 2>/dev/null
			while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
			;;
		*=)
			compopt -o nospace 2>/dev/null
			COMPREPLY+=("$line")
			;;
		*)
			COMPREPLY+=("$line")
			;;
		esac
	done < <("${COMP_WORDS[0]}" completion "$at" "${words[@]}" 2>/dev/null)
}
complete -F _xl xl
