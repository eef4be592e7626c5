#!/bin/sh
# Puts Grafana's own dashboard types (the grafana-foundation-sdk package) into a virtual environment
# at .cache/grafana/, without installing anything on the machine, and a Python that has them beside
# the other programs of the tests, as `grafana-python`. A second run finds it and does nothing. Prints
# the version found; fails if it cannot be had.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
out="$root/.cache/grafana"
python="$root/.cache/prometheus/grafana-python"
# The epoch of the version is the day of the build, the rest the Grafana that the types are of.
version='1769699379!11.6.0'

say() { printf '%s\n' "grafana.sh: $*" >&2; }

# Fails if another version, or none, is there.
report() {
    [ -x "$python" ] || return 1
    "$python" - "$version" <<'PYTHON'
import importlib.metadata, sys
found = importlib.metadata.version("grafana-foundation-sdk")
print("grafana-foundation-sdk", found)
sys.exit(found != sys.argv[1])
PYTHON
}

if found=$(report 2>/dev/null); then
    printf '%s\n' "$found"
    exit 0
fi
command -v python3 >/dev/null || { say "python3 is missing"; exit 1; }
rm -rf "$out"
python3 -m venv "$out" || { say "python3 lacks venv"; exit 1; }
"$out/bin/python3" -m pip install --quiet --disable-pip-version-check --timeout 60 --retries 2 \
    "grafana-foundation-sdk==$version" </dev/null || { say "the package could not be had"; exit 1; }
mkdir -p "$(dirname "$python")"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$out/bin/python3" >"$python"
chmod +x "$python"
report
