# Sourced by scripts/demo and scripts/test: Python and the checkout's own .venv. Needs $CHECKOUT.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# Run a command as root where that goes without asking anybody.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

can_install() {
    command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

# Install Debian packages, or say that they are needed.
need_packages() {
    if ! can_install; then
        say "please install these packages, then run me again: $*"
        return 1
    fi
    say "installing Debian packages: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" \
        >/dev/null 2>&1 && return
    as_root apt-get update -qq >/dev/null \
        && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The first Python >= 3.11 that can make a virtual environment.
find_python() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Make or renew .venv when pyproject.toml has changed. $1: what to install, "." or ".[dev]".
need_venv() {
    local python stamp mark="$CHECKOUT/.venv/.crashdrive-stamp"
    stamp="$1 $(sha256sum <"$CHECKOUT/pyproject.toml")"
    if grep -qsxF -e "$stamp" "$mark" && "$CHECKOUT/.venv/bin/crashdrive" --version >/dev/null 2>&1; then
        return
    fi
    if ! python=$(find_python); then
        need_packages python3 python3-venv && python=$(find_python) || {
            say "no Python >= 3.11 with venv"
            return 1
        }
    fi
    say "setting up .venv with $("$python" -V) (first run, or pyproject.toml has changed)"
    # One that doesn't run was made in another folder, or by a Python that is gone.
    "$CHECKOUT/.venv/bin/python" -c 'import pip' 2>/dev/null \
        && head -n 1 "$CHECKOUT/.venv/bin/pip" | grep -qF "$CHECKOUT/.venv" \
        || "$python" -m venv --clear "$CHECKOUT/.venv" || return
    (cd "$CHECKOUT" && .venv/bin/python -m pip install -q --disable-pip-version-check -e "$1") || {
        say "pip could not install crashdrive's dependencies; see above"
        return 1
    }
    printf '%s\n' "$stamp" ". ${stamp#* }" >"$mark"
}
