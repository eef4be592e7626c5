"""Reads dashboards with Grafana's own types, and says what of them those types do not know.

Whatever is lost or changed on the way into the types and back is a field that Grafana has not, or has
under another name: each is printed as `file: path`, and the exit code is 1. What the types are known
to lack, and Grafana reads nevertheless, is listed below.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# Annotations of a Prometheus source have fields of their own, which the types do not model.
OF_PROMETHEUS_ANNOTATIONS = {"useValueForTime", "step", "titleFormat", "textFormat", "tagKeys"}
# The editor's own copy of a variable's query, which Grafana writes into every export.
OF_VARIABLES = {"definition"}


def known(path):
    """Whether a field that the types lose is one that Grafana reads all the same."""
    return (path[:2] == ["annotations", "list"] and path[-1] in OF_PROMETHEUS_ANNOTATIONS) or (
        path[:2] == ["templating", "list"] and path[-1] in OF_VARIABLES
    )


def lost(ours, theirs, path):
    """Paths of `ours` that `theirs` has not, or has otherwise."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], path + [key])
            elif value is not None:
                # What is absent and what is null are the same to Grafana.
                yield path + [key]
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, (one, other) in enumerate(zip(ours, theirs)):
            yield from lost(one, other, path + [str(at)])
    elif ours != theirs:
        yield path


def main():
    plugins.register_default_plugins()
    wrong = 0
    for name in sys.argv[1:]:
        ours = json.loads(Path(name).read_text())
        theirs = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(ours)))
        panels = sum(len(panel.get("targets", [])) for panel in theirs["panels"])
        print(f"{name}: {len(theirs['panels'])} panels with {panels} queries")
        for path in lost(ours, theirs, []):
            if not known(path):
                wrong += 1
                print(f"{name}: {'.'.join(path)}: lost or changed")
    return 1 if wrong or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
