#!/usr/bin/env bash
# Starts what deploy/compose/compose.yaml starts, from the same files, without containers and without
# Grafana: two simulated targets, the daemon, Prometheus with the shipped rules, and Alertmanager, all
# on loopback. Prints where each is to be found, and runs until Ctrl-C ends it or one of them fails.
# What they wrote goes with them.
#
#   cargo build --release && sh tests/tools/prometheus.sh && deploy/run-local.sh
#
# Settings, from the environment:
#   TOKENBEAT_BINARY      the binary                  target/release/tokenbeat, else on PATH
#   MONITORING_BIN        folder with prometheus and  .cache/prometheus, else on PATH
#                         alertmanager
#   STEADY_ADDRESS        127.0.0.1:18001
#   MOODY_ADDRESS         127.0.0.1:18002
#   DAEMON_ADDRESS        127.0.0.1:9877
#   PROMETHEUS_ADDRESS    127.0.0.1:9090
#   ALERTMANAGER_ADDRESS  127.0.0.1:9093
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
steady=${STEADY_ADDRESS:-127.0.0.1:18001}
moody=${MOODY_ADDRESS:-127.0.0.1:18002}
daemon=${DAEMON_ADDRESS:-127.0.0.1:9877}
prometheus=${PROMETHEUS_ADDRESS:-127.0.0.1:9090}
alertmanager=${ALERTMANAGER_ADDRESS:-127.0.0.1:9093}
# The longest that one of them may take to come up, and to go, in seconds.
patience=60

fail() {
    printf 'run-local.sh: %s\n' "$*" >&2
    exit 1
}

if [ $# -gt 0 ]; then
    sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0"
    case $1 in -h | --help) exit 0 ;; *) exit 1 ;; esac
fi

# The path of program $1: in folder $2, else on PATH.
program() {
    if [ -x "$2/$1" ]; then
        printf '%s' "$2/$1"
    else
        command -v "$1"
    fi
}
tokenbeat_bin=${TOKENBEAT_BINARY:-$(program tokenbeat "$root/target/release")} ||
    fail "no tokenbeat: cargo build --release, or name the binary in TOKENBEAT_BINARY"
tools=${MONITORING_BIN:-$root/.cache/prometheus}
prometheus_bin=$(program prometheus "$tools") ||
    fail "no prometheus: sh tests/tools/prometheus.sh fetches it, or put it on PATH"
alertmanager_bin=$(program alertmanager "$tools") ||
    fail "no alertmanager: sh tests/tools/prometheus.sh fetches it, or put it on PATH"

work=$(mktemp -d)
names=()
pids=()

# Ends all of them, waits until they are gone, and takes their files away.
clean_up() {
    trap '' HUP INT TERM
    [ ${#pids[@]} -eq 0 ] || kill -TERM "${pids[@]}" 2>/dev/null || true
    for ((tenths = 0; tenths < patience * 10; tenths++)); do
        jobs=$(jobs -pr)
        [ -n "$jobs" ] || break
        sleep 0.1
    done
    [ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap clean_up EXIT
trap 'printf "\nstopping\n" >&2; exit 0' HUP INT TERM

# start NAME ADDRESS PATH COMMAND…: runs it, waits until PATH is answered with 200, says where it is.
start() {
    local name=$1 address=$2 path=$3
    shift 3
    # Else its answers would be taken for ours.
    ! listens "$address" || fail "something listens at $address already: where $name is to be instead, see --help"
    # The settings of this script are not the daemon's.
    env -u TOKENBEAT_BINARY "$@" >"$work/$name.log" 2>&1 &
    names+=("$name")
    pids+=($!)
    for ((tenths = 0; tenths < patience * 10; tenths++)); do
        if answers "$address" "$path"; then
            printf '%-13s http://%-21s pid %s\n' "$name" "$address" "${pids[-1]}"
            return
        fi
        kill -0 "${pids[-1]}" 2>/dev/null || show "$name"
        sleep 0.1
    done
    show "$name"
}

listens() (
    exec 3<>"/dev/tcp/${1%:*}/${1##*:}"
) 2>/dev/null

answers() (
    exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$2" >&3
    read -r -t 2 _ status _ <&3 && [ "$status" = 200 ]
) 2>/dev/null

show() {
    tail -n 20 "$work/$1.log" >&2
    fail "$1 does not run; the end of its log is above"
}

# The same files, with addresses in place of the names of the containers.
sed -e "s|http://sim-steady:8000|http://$steady|" -e "s|http://sim-moody:8000|http://$moody|" \
    "$root/deploy/compose/tokenbeat.yml" >"$work/tokenbeat.yml"
sed -e "s|tokenbeat:9877|$daemon|" -e "s|alertmanager:9093|$alertmanager|" \
    "$root/deploy/compose/prometheus.yml" >"$work/prometheus.yml"
cp "$root/deploy/compose/alertmanager.yml" "$work/alertmanager.yml"
ln -s "$root/alerts" "$work/alerts"

# Native histograms are a flag up to 3.7, and a field of the job from 3.8 on.
features=exemplar-storage
version=$("$prometheus_bin" --version 2>&1 | sed -n 's/.*version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p;q')
read -r major minor <<<"$version"
if ((major > 3 || (major == 3 && minor >= 8))); then
    sed -i.bak 's/^\( *\)always_scrape_classic_histograms: true/&\n\1scrape_native_histograms: true/' \
        "$work/prometheus.yml"
else
    features+=,native-histograms
fi

start steady "$steady" /health "$tokenbeat_bin" sim "--web.listen-address=$steady" \
    --model=sim-8b --ttft=80ms --itl=10ms
start moody "$moody" /health "$tokenbeat_bin" sim "--web.listen-address=$moody" \
    --model=sim-70b --ttft=180ms --itl=20ms \
    '--degrade={"period_s": 1800, "duration_s": 600, "offset_s": 600, "factor": 6, "error_ratio": 0.1}'
start tokenbeat "$daemon" /-/ready "$tokenbeat_bin" serve "--config.file=$work/tokenbeat.yml" \
    "--storage.path=$work/data" "--web.listen-address=$daemon"
start prometheus "$prometheus" /-/ready "$prometheus_bin" "--config.file=$work/prometheus.yml" \
    "--storage.tsdb.path=$work/prometheus" "--web.listen-address=$prometheus" \
    "--enable-feature=$features"
start alertmanager "$alertmanager" /-/ready "$alertmanager_bin" \
    "--config.file=$work/alertmanager.yml" "--storage.path=$work/alertmanager" \
    "--web.listen-address=$alertmanager" --cluster.listen-address=

printf '\nlogs in %s; Ctrl-C ends all of it. To see an alert fire, and to end it:\n' "$work"
printf "  curl -X PUT http://%s/sim/degrade -d '{\"factor\": 20}'\n" "$moody"
printf '  curl -X DELETE http://%s/sim/degrade\n' "$moody"

wait -n || true
for index in "${!pids[@]}"; do
    kill -0 "${pids[$index]}" 2>/dev/null || show "${names[$index]}"
done
