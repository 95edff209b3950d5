# shellcheck shell=sh
# Sourced by newest.sh and matrix.sh.

pythons() { # MINOR EXECUTABLE of each final version that starts: on PATH, pyenv may have others, and previews
    IFS=:
    for folder in $PATH "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin; do
        for python in "$folder"/python3.[0-9][0-9]; do
            [ -x "$python" ] || continue
            "$python" -c 'import sys; v = sys.version_info; v[3] == "final" and print(v[1], sys.executable)' 2>/dev/null || true
        done
    done
}
