#!/bin/sh
# Fetches the libraries of the page again, at the versions that are packaged, and fails if a file is not the packaged one.
# --write puts them in place instead: after a change of a version below, or of how a file is made.
set -eu

HTM=htm@3.1.1 UPLOT=uplot@1.6.32 PREACT=preact@10.5.13 AXE=axe-core@4.14.1
here=$(cd "$(dirname "$0")/.." && pwd)
vendor=src/driftmeter/page/static/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

unpack() { # PACKAGE FOLDER
    file=$(npm pack --silent "$1")
    mkdir "$2"
    tar -xzf "$file" -C "$2" --strip-components=1
}
unpack "$HTM" htm
unpack "$UPLOT" uplot
unpack "$PREACT" preact
unpack "$AXE" axe

mkdir -p "new/$vendor" new/tests/browser/axe
# Preact and htm in one module, as htm publishes them
cp htm/preact/standalone.module.js "new/$vendor/preact.js"
cp htm/LICENSE "new/$vendor/LICENSE-htm.txt"
cp preact/LICENSE "new/$vendor/LICENSE-preact.txt"
# uPlot publishes no minified module: the minified script and a line that exports what it defines
{ cat uplot/dist/uPlot.iife.min.js && printf 'export default uPlot;\n'; } >"new/$vendor/uplot.js"
cp uplot/dist/uPlot.min.css "new/$vendor/uplot.css"
cp uplot/LICENSE "new/$vendor/LICENSE-uplot.txt"
# for tests alone
gzip -9nc axe/axe.min.js >new/tests/browser/axe/axe.min.js.gz
cp axe/LICENSE new/tests/browser/axe/LICENSE-axe-core.txt

sums() { sed -n '/^[0-9a-f]\{64\}  /p' "$here/$vendor/README.md"; }
if [ "${1:-}" = --write ]; then
    cp -R new/. "$here"
    cd "$here"
    echo "for the list of $vendor/README.md:"
    sha256sum $vendor/*.js $vendor/*.css tests/browser/axe/*.gz
else
    cd new
    sums | sha256sum --check --strict --quiet
    cd "$here"
    sums | sha256sum --check --strict --quiet
    echo "all files are those of $HTM, $UPLOT and $AXE"
fi
