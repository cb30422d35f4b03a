#!/usr/bin/env bash
# One checklist for a job: its table and picture go to the job's summary, how it ended to outputs.
# Inputs are the variables that action.yml sets. Nothing of them is evaluated by the shell. It keeps to
# bash 3.2, which macOS has: no mapfile, and a list that may be empty is ${list[@]+"${list[@]}"}.
set -uo pipefail
darkmagic=("$PYTHON" -m darkmagic)
work=$(mktemp -d)
comment=$work/comment.md
export NO_COLOR=1 COLUMNS=160

die() { # MESSAGE: what is wrong with the inputs, as darkmagic says it
    printf 'error: %s\n' "$1" | tee "$work/errors.txt" >&2
    finish 2 ""
}
split() { # INPUT TEXT: set `asked` to its words, as a shell would split them
    local word
    "$PYTHON" -c 'import shlex, sys
try:
    print(*shlex.split(sys.argv[1]), sep="\0", end="\0" if sys.argv[1].strip() else "")
except ValueError as error:
    print(error)
    sys.exit(1)' "$2" >"$work/words" || die "$1: $(cat "$work/words")"
    asked=()
    while IFS= read -r -d '' word; do asked+=("$word"); done <"$work/words"
}
fenced() { # FILE: as it is, whatever it holds
    printf '````````text\n'
    cat "$1"
    printf '\n````````\n'
}
finish() { # CODE REPORT: write outputs and the summary, and end
    if [ ! -s "$comment" ]; then
        cat "$work/errors.txt" >>"$work/table.txt" # what the checks found before it ended
        { printf '### darkmagic: exit code %s\n\n' "$1"; fenced "$work/table.txt"; } >"$comment"
    fi
    cat "$comment" >>"$GITHUB_STEP_SUMMARY"
    {
        printf 'code=%s\n' "$1"
        printf 'report=%s\n' "$2"
        printf 'comment=%s\n' "$comment"
    } >>"$GITHUB_OUTPUT"
    exit 0 # the last step ends with the code, after the report is kept
}

case $DRY_RUN in true | false) ;; *) die "dry-run: '$DRY_RUN'; choose from true, false" ;; esac
[ "$DRY_RUN" = false ] || [ -z "$EXPECT" ] || die "expect: a dry run has no verdicts; set dry-run: false"
[ -z "$OVERRIDES" ] || [ -z "$COMMAND" ] || die "overrides and command: give one of them"

split of "$OF"
expected=(${asked[@]+"${asked[@]}"})
if [ -n "$COMMAND" ]; then
    split command "$COMMAND"
    [ "$DRY_RUN" = false ] || die "command: darkmagic tries it by itself first; set dry-run: false"
    line=(compare --name "$NAME" --out "$OUT" ${asked[@]+"${asked[@]}"})
else
    split overrides "$OVERRIDES"
    line=(checklist run ${asked[@]+"${asked[@]}"} --name "$NAME" --out "$OUT")
    [ "$DRY_RUN" = false ] || line+=(--dry-run)
fi

code=0
"${darkmagic[@]}" "${line[@]}" >"$work/table.txt" 2> >(tee "$work/errors.txt" >&2) || code=$?
cat "$work/table.txt"

if [ "$DRY_RUN" = true ] && [ "$code" -le 1 ]; then
    { printf '### darkmagic: dry run\n\n'; fenced "$work/table.txt"; } >"$comment"
fi
if [ "$DRY_RUN" = true ] || [ "$code" -ge 2 ]; then finish "$code" ""; fi
if ! "${darkmagic[@]}" report "$NAME" --out "$OUT" --format txt >"$work/picture.txt" 2>"$work/no-report.txt"; then
    cat "$work/no-report.txt" >>"$work/errors.txt"
    finish 1 ""
fi
"${darkmagic[@]}" report "$NAME" --out "$OUT" --format md >"$work/report.md"

if [ -n "$EXPECT" ] && [ "$code" = 0 ]; then
    expectation=(--expect "$EXPECT")
    for trial in ${expected[@]+"${expected[@]}"}; do expectation+=(--of "$trial"); done
    "${darkmagic[@]}" report "$NAME" --out "$OUT" --format txt "${expectation[@]}" \
        >/dev/null 2>"$work/expected.txt" || code=$?
    cat "$work/expected.txt" >&2
fi
{
    if [ -s "$work/expected.txt" ]; then printf '**%s**\n\n' "$(head -n 1 "$work/expected.txt")"; fi
    fenced "$work/picture.txt"
    printf '\n'
} >"$comment"
if [ "$(cat "$comment" "$work/report.md" | wc -c)" -lt 65000 ]; then # what a comment may hold
    cat "$work/report.md" >>"$comment"
else
    printf 'The table is longer than a comment may be: it is in the report of the job.\n' >>"$comment"
fi
finish "$code" "$(cd "$OUT/$NAME" && pwd)"
