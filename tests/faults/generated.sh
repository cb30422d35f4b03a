#!/usr/bin/env bash
# All generated inputs, the 10,000 of docs/reliability.md, commands and tables, by one command:
#
#     bash tests/faults/generated.sh        # hours; the same inputs in every run
#     bash tests/faults/generated.sh 1      # a hundredth of each
#
# Prints a summary, and exits with 1 if one input was wrong. PYTEST is the pytest to run.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
percent=${1:-100}
pytest=${PYTEST:-.venv/bin/pytest}
share() { echo $(($1 * percent / 100 > 0 ? $1 * percent / 100 : 1)); }
export DARKMAGIC_GENERATED DARKMAGIC_GENERATED_FOLDERS DARKMAGIC_GENERATED_COMMANDS
export DARKMAGIC_GENERATED_TABLES
DARKMAGIC_GENERATED=$(share 9600) DARKMAGIC_GENERATED_FOLDERS=$(share 400)
DARKMAGIC_GENERATED_COMMANDS=$(share 400) DARKMAGIC_GENERATED_TABLES=$(share 1500)

summary="" code=0
try() { # what it is, how many, and the words of pytest
    local began=$SECONDS said=ok
    "$pytest" -q -n 0 -s "${@:3}" || { said=WRONG code=1; }
    summary+=$(printf '%-28s %6s inputs %6s s  %s' "$1" "$2" $((SECONDS - began)) "$said")$'\n'
}
try "command lines" "$DARKMAGIC_GENERATED" tests/faults/test_typed.py -k generated_command_line
try "folders of configuration" "$DARKMAGIC_GENERATED_FOLDERS" tests/faults/test_typed.py -k generated_file
try "commands that train or read" "$DARKMAGIC_GENERATED_COMMANDS" tests/faults/test_typed.py \
    -k "generated and not generated_command_line and not generated_file"
try "tables for judge" "$DARKMAGIC_GENERATED_TABLES" tests/faults/test_tables.py -k generated
printf '\n%s' "$summary"
exit $code
