"""Reads a dashboard with Grafana's foundation SDK and prints each field that the SDK's schema does not have."""

import json
import re
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


# An annotation has fields of its data source, and the schema has only one of them: see `annotations.ts` of Grafana's
# package `grafana-prometheus`.
DATA_SOURCE_FIELD = re.compile(r"dashboard\.annotations\.list\[\d+\]\.(step|titleFormat|textFormat|tagKeys)")


def print_differences(written, read, path):
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            if key in read:
                print_differences(value, read[key], f"{path}.{key}")
            elif not DATA_SOURCE_FIELD.fullmatch(f"{path}.{key}"):
                print(f"{path}.{key} is not in the schema")
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for i, pair in enumerate(zip(written, read)):
            print_differences(*pair, f"{path}[{i}]")
    elif written != read:
        print(f"{path} is {written!r} and is read as {read!r}")


register_default_plugins()
dashboard = json.load(open(sys.argv[1], encoding="utf-8"))
print_differences(dashboard, json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard))), "dashboard")
