#!/bin/sh
# Runs the unit tests with coverage on the newest Python of this machine. It leaves out the tests of whole systems
# (tests/e2e) and of the services around Python (tests/deploy), which `make test` runs.
set -eu

uv=${UV:-uv}

pythons() { # prints MINOR EXECUTABLE of each final version that starts: the shims of pyenv may not start
    IFS=:
    for folder in $PATH "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin; do
        for python in "$folder"/python3.[0-9][0-9]; do
            [ -x "$python" ] || continue
            "$python" -c 'import sys; v = sys.version_info; v[3] == "final" and print(v[1], sys.executable)' 2>/dev/null || true
        done
    done
}

here=$(.venv/bin/python -c 'import sys; print(sys.version_info[1])')
newest=$(pythons | sort -n | tail -n 1)
minor=${newest%% *}
if [ "${minor:-0}" -le "$here" ]; then
    echo "no Python newer than 3.$here is found here: the unit tests run on that again, to see what they cover" >&2
    env=.venv
else
    env=.tools/python3.$minor
    echo "running the unit tests on Python 3.$minor too ($env)" >&2
    "$uv" venv --quiet --allow-existing --python "${newest#* }" "$env"
    VIRTUAL_ENV=$env "$uv" pip sync --quiet --require-hashes requirements.lock
    VIRTUAL_ENV=$env "$uv" pip install --quiet --no-deps --editable .
fi
exec "$env/bin/python" -m pytest tests src --ignore=tests/e2e --ignore=tests/deploy --cov --cov-report=term
