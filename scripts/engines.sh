#!/bin/sh
# Runs the tests of tests/engines on a real Kafka and a real Spark, in an environment of their own, which is made once, and again when
# tests/engines/engines.txt changes. They need Java 17 and mvn, and say so and skip where these are missing.
#
#   sh scripts/engines.sh [PYTEST ARGUMENTS]
set -eu
cd "$(dirname "$0")/.."

uv=${UV:-uv}
env=.tools/engines
if ! cmp -s tests/engines/engines.txt "$env/made-for"; then
    echo "making $env (once)" >&2
    "$uv" venv --quiet --clear --python '>=3.11,<3.14' "$env"
    VIRTUAL_ENV=$env "$uv" pip install --quiet -r tests/engines/engines.txt
    VIRTUAL_ENV=$env "$uv" pip install --quiet --no-deps --editable .
    cp tests/engines/engines.txt "$env/made-for"
fi
# warnings are those of the engines
exec "$env/bin/python" -m pytest -W ignore tests/engines "$@"
