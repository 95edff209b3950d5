#!/bin/sh
# Runs the unit tests with coverage on the newest Python of this machine. It leaves out what `make test` runs and takes
# long: the tests of whole systems (tests/e2e, tests/browser), of the services around Python (tests/deploy), on real data
# (tests/real), and those that draw thousands of samples; and those on engines (tests/engines), which `make test` leaves
# out too. They run in parallel, with the plain counter here, those of the counter itself with both.
set -eu

uv=${UV:-uv}

# shellcheck source=scripts/pythons.sh
. "${0%/*}/pythons.sh"

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
"$env/bin/python" -m pytest -n auto tests/client tests/counts --cov --cov-report= --cov-fail-under=0
export DRIFTMETER_PURE=1
exec "$env/bin/python" -m pytest -n auto --dist worksteal tests src --ignore=tests/e2e --ignore=tests/deploy --ignore=tests/real \
    --ignore=tests/browser --ignore=tests/engines -m "not simulation" --cov --cov-append --cov-report=term
