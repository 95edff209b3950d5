#!/bin/sh
# Installs the Debian packages of the programs that tests run. If it cannot, it prints which tests will be skipped and why,
# and exits with 0; the skipped tests give the same reason.
set -eu

missing=""
without=""
need() { # COMMAND PACKAGE TESTS
    PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 && return
    missing="$missing $2"
    without="$without
  without $1: $3"
}
find_missing() {
    missing=""
    without=""
    need nginx nginx-light "the gateway (tests/deploy/test_gateway*, test_render, test_scale), the whole system (tests/e2e)"
    need prometheus prometheus "rules and discovery (tests/deploy/test_prometheus*, test_queries, test_scale), the whole system (tests/e2e)"
    need prometheus-alertmanager prometheus-alertmanager "alerts (tests/deploy/test_alertmanager), the whole system (tests/e2e)"
    need redis-server redis-server "the Redis store (tests/store), replicas that share it (tests/deploy/test_scale), the whole system (tests/e2e)"
    need dnsmasq dnsmasq-base "replicas found by DNS (tests/deploy/test_gateway_dns, test_prometheus_dns, test_scale)"
    need ip iproute2 "a replica that is cut off (in tests/e2e/test_replicas)"
    need chromium chromium "the live page and the report (tests/browser)"
    need envsubst gettext-base "one comparison in tests/deploy/test_render"
}
go_on_without() { # REASON
    echo "not installed:$missing ($1); these tests will be skipped:$without" >&2
    exit 0
}

find_missing
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || go_on_without "that needs root"
command -v apt-get >/dev/null 2>&1 || go_on_without "there is no apt-get"

# RUNLEVEL=1 keeps the packages from starting services on their default ports
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
quick="-o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20"
# shellcheck disable=SC2086 # lists of words
output=$({ apt-get $quick update -qq && apt-get $quick install -qq -y --no-install-recommends $missing; } 2>&1) || true
find_missing
[ -z "$missing" ] || go_on_without "apt-get: $(printf '%s\n' "${output:-it said nothing}" | tail -n 1)"
