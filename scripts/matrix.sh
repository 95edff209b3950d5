#!/bin/sh
# Runs the unit tests on each installed Python from 3.11 on, with the lowest and with the newest version of every
# dependency that pyproject.toml allows. CI does not run it: each combination takes about eight minutes and half a gigabyte.
#
#   sh scripts/matrix.sh [PYTEST ARGUMENTS]      default: all unit tests, until the first failure
set -eu
cd "$(dirname "$0")/.."

uv=${UV:-uv}
[ $# -gt 0 ] || set -- -q -x tests src --ignore=tests/e2e --ignore=tests/deploy

. scripts/pythons.sh

results=$(mktemp)
trap 'rm -f "$results"' EXIT
pythons | sort -n -u -k 1,1 | while read -r minor python; do
    [ "$minor" -ge 11 ] || continue
    for resolution in lowest-direct highest; do
        env=.tools/matrix/3.$minor-$resolution
        echo "== Python 3.$minor, $resolution" >&2
        outcome=failed
        if "$uv" venv --quiet --clear --python "$python" "$env" &&
            VIRTUAL_ENV=$env "$uv" pip install --quiet --resolution "$resolution" --editable '.[demo,notify,redis]' \
                --group test --group deploy &&
            "$env/bin/python" -m pytest "$@" </dev/null >&2; then
            outcome=passed
        fi
        echo "Python 3.$minor, $resolution: $outcome" >>"$results"
    done
done
cat "$results"
! grep -q ': failed$' "$results"
