#!/bin/sh
# Alertmanager reads no environment variables: put ALERT_WEBHOOK_URL into its file, then become it.
set -eu

file=/etc/alertmanager/alertmanager.yml
if [ -n "${ALERT_WEBHOOK_URL:-}" ]; then
    # `&`, `|` and `\` mean something to sed, and the first is in many an address.
    url=$(printf '%s' "$ALERT_WEBHOOK_URL" | sed 's/[&|\]/\\&/g')
    sed "s|http://alert-log:9095/|$url|" "$file" >/tmp/alertmanager.yml
    file=/tmp/alertmanager.yml
fi
exec alertmanager --config.file="$file" "$@"
