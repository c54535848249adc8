# What the scripts share: how they speak, and how they install a Debian package. Sourced, never run.
# shellcheck shell=bash

say() { printf '%s\n' "== $*"; }

fail() {
    printf '%s\n' "error: $1" >&2
    shift
    if (($#)); then printf '       %s\n' "$@" >&2; fi
    exit 1
}

# Whether Debian packages may be installed here: by root, with apt-get.
can_install() { [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; }

# Install Debian packages without questions. No service that they bring is started.
apt_install() (
    export DEBIAN_FRONTEND=noninteractive
    # invoke-rc.d asks this file whether a package may start its service; 101 says no
    policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    say "installing $* with apt-get"
    apt-get update -q
    apt-get install -q -y --no-install-recommends "$@"
)
