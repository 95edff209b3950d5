#!/bin/sh
# Runs the tests of tests/doors, each against the real program, in environments of their own: they take two gigabytes,
# and want other packages than the rest does. They are made once, and again when tests/doors/*.txt change.
#
#   sh scripts/doors.sh [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/.."

uv=${UV:-uv}
failed=
for name in doors doors-mlserver; do
    env=.tools/$name
    if ! cmp -s "tests/doors/$name.txt" "$env/made-for"; then
        echo "making $env (once)" >&2
        "$uv" venv --quiet --clear --python '>=3.11,<3.13' "$env"
        VIRTUAL_ENV=$env "$uv" pip install --quiet -r "tests/doors/$name.txt"
        VIRTUAL_ENV=$env "$uv" pip install --quiet --no-deps --editable .
        cp "tests/doors/$name.txt" "$env/made-for"
    fi
    tests=tests/doors
    [ "$name" = doors ] || tests=tests/doors/test_mlserver.py
    # warnings are those of the programs
    "$env/bin/python" -m pytest -W ignore "$tests" "$@" || [ $? = 5 ] || failed="$failed $name"
done
test -z "$failed" || { echo "failed in:$failed" >&2; exit 1; }
