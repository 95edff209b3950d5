#!/bin/sh
# Runs the tests of tests/doors, each against the real program, in environments of their own: they take two gigabytes,
# and want other packages than the rest does. They are made once, and again when tests/doors/*.txt change.
#
#   sh scripts/doors.sh [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/.."

uv=${UV:-uv}
failed=
for name in doors doors-mlserver doors-seldon doors-orchestrators; do
    env=.tools/$name
    overrides=tests/doors/$name-overrides.txt
    [ -f "$overrides" ] || overrides=
    if ! cat "tests/doors/$name.txt" $overrides | cmp -s - "$env/made-for"; then
        echo "making $env (once)" >&2
        "$uv" venv --quiet --clear --python '>=3.11,<3.13' "$env"
        VIRTUAL_ENV=$env "$uv" pip install --quiet -r "tests/doors/$name.txt" ${overrides:+--overrides "$overrides"}
        VIRTUAL_ENV=$env "$uv" pip install --quiet --no-deps --editable .
        cat "tests/doors/$name.txt" $overrides >"$env/made-for"
    fi
    chosen=
    case $name in
    doors) tests=tests/doors ;;
    doors-mlserver) tests='tests/doors/test_mlserver.py tests/doors/test_same_counts.py' chosen=mlserver ;;
    doors-seldon) tests=tests/doors/test_same_counts.py chosen=wrapper ;;
    doors-orchestrators) tests=tests/doors/test_orchestrators.py ;;
    esac
    # warnings are those of the programs
    # shellcheck disable=SC2086 # they are two files
    "$env/bin/python" -m pytest -W ignore $tests ${chosen:+-k "$chosen"} "$@" || [ $? = 5 ] || failed="$failed $name"
done
test -z "$failed" || { echo "failed in:$failed" >&2; exit 1; }
