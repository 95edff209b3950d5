#!/bin/sh
# Installs the Debian packages that the end-to-end tests run for real. Where it can't, it says so, and those
# tests say that they were skipped.
set -eu

missing=""
need() { # COMMAND PACKAGE
    PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need nginx nginx-light
need prometheus prometheus
need prometheus-alertmanager prometheus-alertmanager
need dnsmasq dnsmasq-base
need envsubst gettext-base
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed:$missing (needs root and apt-get); the tests that need them will be skipped" >&2
    exit 0
fi
# without RUNLEVEL=1 the packages would start services on their default ports
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -qq -y --no-install-recommends $missing >/dev/null
