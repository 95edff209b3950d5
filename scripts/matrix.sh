#!/bin/sh
# Runs the unit tests on each installed Python from 3.11 on, with the lowest and with the newest version of every
# dependency that pyproject.toml allows. CI does not run it: each combination takes about eight minutes and half a gigabyte.
#
#   sh scripts/matrix.sh [PYTEST ARGUMENTS]      default: all unit tests, until the first failure
set -eu
cd "$(dirname "$0")/.."

uv=${UV:-uv}
[ $# -gt 0 ] || set -- -q -x tests src --ignore=tests/e2e --ignore=tests/deploy

pythons() { # prints MINOR EXECUTABLE of each final version from 3.11 on, once per version
    IFS=:
    for folder in $PATH "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin; do
        for python in "$folder"/python3.[0-9][0-9]; do
            [ -x "$python" ] || continue
            "$python" -c 'import sys; v = sys.version_info; v[:2] >= (3, 11) and v[3] == "final" and print(v[1], sys.executable)' \
                2>/dev/null || true
        done
    done | sort -n -u -k 1,1
}

results=$(mktemp)
trap 'rm -f "$results"' EXIT
pythons | while read -r minor python; do
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
