#!/bin/sh
# Puts prometheus, promtool, alertmanager, amtool and victoria-metrics into .cache/prometheus/
# without installing anything.
#
# On a Debian-family machine they come as packages of Debian's unstable suite, from the very mirror
# that the machine's own apt is configured with, through apt (which checks the signatures), into
# directories of our own. Elsewhere, or where the mirror has no such suite, what is on PATH is taken.
# A second run finds everything in place and does nothing. Prints the versions found; fails if
# prometheus or promtool cannot be had.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
cache="$root/.cache"
out="$cache/prometheus"
suite="${TOKENBEAT_PROMETHEUS_SUITE:-sid}"
packages="prometheus promtool prometheus-alertmanager victoria-metrics"

say() { printf '%s\n' "prometheus.sh: $*" >&2; }

# The versions as the programs themselves tell them; fails if one that is needed does not run.
report() {
    for tool in prometheus promtool; do
        [ -x "$out/$tool" ] || { say "$tool is missing"; return 1; }
        line=$("$out/$tool" --version 2>&1 | head -n 1) || { say "$tool does not run: $line"; return 1; }
        printf '%s\n' "$line"
    done
    for tool in alertmanager amtool victoria-metrics; do
        [ ! -x "$out/$tool" ] || "$out/$tool" --version 2>&1 | head -n 1
    done
}

# Whether nothing is left to fetch.
complete() {
    for tool in prometheus promtool alertmanager amtool victoria-metrics; do
        [ -x "$out/$tool" ] || return 1
    done
}

from_path() {
    mkdir -p "$out"
    for tool in prometheus promtool alertmanager amtool victoria-metrics; do
        found=$(command -v "$tool" || true)
        [ -n "$found" ] && ln -sf "$found" "$out/$tool"
    done
    report || { say "install prometheus (3.5 or later) and promtool so that they are on PATH"; exit 1; }
}

# The address of the archive that this release of Debian was installed from, as apt has it
# configured, also where no package list has been fetched yet; nothing on another system.
debian_mirror() {
    [ -r /etc/os-release ] || return 0
    release=$(. /etc/os-release && [ "${ID:-}" = debian ] && printf '%s' "${VERSION_CODENAME:-$suite}") || return 0
    apt-get indextargets --no-release-info --format '$(IDENTIFIER)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)' |
        awk -F'|' -v release="$release" '$1 == "Packages" && $2 == "main" && $3 == release { print $4; exit }'
}

# Runs an apt program on state of our own; only the proxy and transport settings are the machine's.
own_apt() {
    program=$1
    shift
    "$program" \
        -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" \
        -o Dir::Cache="$apt/cache" -o APT::Sandbox::User="$(id -un)" \
        -o APT::Architectures="$(dpkg --print-architecture)" \
        -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=60 \
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
        "$@"
}

# Program $1 with the working directory in the place of folder $2, in which the package has it look
# for its templates and nowhere else. The path keeps its length: `./` and as many slashes as it takes.
uninstalled() {
    here=./$(printf '%s' "${2#??}" | tr -c / /)
    LC_ALL=C sed "s|$2|$here|g" "$1"
}

from_debian() {
    apt="$cache/apt"
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/packages" "$out"
    : >"$apt/status"
    # Where the keyring is too old for the suite's present key, apt refuses and we say so: nothing
    # unsigned is ever unpacked.
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$1" "$suite" >"$apt/sources.list"
    own_apt apt-get -q update >"$apt/log" 2>&1 || { tail -n 5 "$apt/log" >&2; return 1; }
    rm -f "$apt/packages/"*.deb
    # shellcheck disable=SC2086 # the list is meant to be split
    (cd "$apt/packages" && own_apt apt-get -q download $packages) >>"$apt/log" 2>&1 ||
        { tail -n 5 "$apt/log" >&2; return 1; }
    rm -rf "$apt/unpacked"
    for package in "$apt/packages/"*.deb; do
        dpkg -x "$package" "$apt/unpacked" || return 1
    done
    bin="$apt/unpacked/usr/bin"
    for tool in prometheus promtool amtool victoria-metrics; do
        mv "$bin/$tool" "$out/" || return 1
    done
    # The package has renamed this one: another program of that name exists in the archive.
    share=/usr/share/prometheus/alertmanager
    rm -rf "$out/share"
    mv "$apt/unpacked$share" "$out/share" || return 1
    uninstalled "$bin/prometheus-alertmanager" "$share" >"$out/alertmanager.bin" || return 1
    printf '#!/bin/sh\n# Its templates are looked for in the working directory.\n%s\n' \
        'cd "$(dirname "$0")/share" && exec ../alertmanager.bin "$@"' >"$out/alertmanager"
    chmod +x "$out/alertmanager" "$out/alertmanager.bin"
    rm -rf "$apt/unpacked" "$apt/packages"
    report
}

if complete && found=$(report 2>/dev/null); then
    printf '%s\n' "$found"
    exit 0
fi
if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
    mirror=$(debian_mirror)
    if [ -n "$mirror" ]; then
        from_debian "$mirror" && exit 0
        say "the packages of $suite could not be had from apt's mirror (log: $cache/apt/log)"
    else
        say "apt is configured with no archive of this Debian release"
    fi
fi
from_path
