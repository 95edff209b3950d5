#!/bin/sh
# Installs the Debian packages that the end-to-end tests run for real. Where it can't, it says which tests will be
# skipped and why, and ends well: those tests say the same.
set -eu

missing=""
without=""
need() { # COMMAND PACKAGE TESTS
    PATH="$PATH:/usr/sbin" command -v "$1" >/dev/null 2>&1 && return
    missing="$missing $2"
    without="$without
  without $1: $3"
}
look() {
    missing=""
    without=""
    need nginx nginx-light "the gateway (tests/deploy/test_gateway*, test_render, test_scale), the whole system (tests/e2e)"
    need prometheus prometheus "rules and discovery (tests/deploy/test_prometheus*, test_queries, test_scale), the whole system (tests/e2e)"
    need prometheus-alertmanager prometheus-alertmanager "alerts (tests/deploy/test_alertmanager), the whole system (tests/e2e)"
    need redis-server redis-server "the Redis store (tests/store), replicas that share it (tests/deploy/test_scale), the whole system (tests/e2e)"
    need dnsmasq dnsmasq-base "replicas found by DNS (tests/deploy/test_gateway_dns, test_prometheus_dns, test_scale)"
    need ip iproute2 "a replica that is cut off (in tests/e2e/test_replicas)"
    need chromium chromium "what the report's script draws (tests/report/test_ondemand)"
    need envsubst gettext-base "one comparison in tests/deploy/test_render"
}
go_on_without() { # REASON
    echo "not installed:$missing ($1); these tests will be skipped:$without" >&2
    exit 0
}

look
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || go_on_without "that needs root"
command -v apt-get >/dev/null 2>&1 || go_on_without "there is no apt-get"

# without RUNLEVEL=1 the packages would start services on their default ports
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
quick="-o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20"
# shellcheck disable=SC2086 # lists of words
said=$({ apt-get $quick update -qq && apt-get $quick install -qq -y --no-install-recommends $missing; } 2>&1) || true
look
[ -z "$missing" ] || go_on_without "apt-get: $(printf '%s\n' "${said:-it said nothing}" | tail -n 1)"
