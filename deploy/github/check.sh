#!/bin/sh
# The step of action.yml: its inputs are PROFILE, DATA, FAIL_FROM, REPORT, JUNIT, and OPTIONS with an option a line. Exits
# as `driftmeter check` does; the output `drifting` says true or false unless the check itself failed.
set -eu

set --
while IFS= read -r option; do
    [ -z "$option" ] || set -- "$@" "$option"
done <<EOF
${OPTIONS-}
EOF

summary=$(mktemp)
trap 'rm -f "$summary"' EXIT
status=0
driftmeter check --fail-from "$FAIL_FROM" --html "$REPORT" --junit "$JUNIT" --md "$summary" "$@" -- "$PROFILE" "$DATA" ||
    status=$?
if [ "$status" -le 1 ]; then
    cat "$summary" >>"$GITHUB_STEP_SUMMARY"
    [ "$status" = 1 ] && drifting=true || drifting=false
    echo "drifting=$drifting" >>"$GITHUB_OUTPUT"
fi
exit "$status"
