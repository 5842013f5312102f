"""Reads a dashboard with Grafana's foundation SDK and says what of it the SDK's schema does not know."""

import json
import re
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


# An annotation has fields that are its data source's own, and the schema has but one of them: see `annotations.ts` of
# Grafana's package `grafana-prometheus`.
OF_THE_SOURCE = re.compile(r"dashboard\.annotations\.list\[\d+\]\.(titleFormat|textFormat|tagKeys)")


def lost(ours, theirs, path):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                lost(value, theirs[key], f"{path}.{key}")
            elif not OF_THE_SOURCE.fullmatch(f"{path}.{key}"):
                print(f"{path}.{key} is not in the schema")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, pair in enumerate(zip(ours, theirs)):
            lost(*pair, f"{path}[{i}]")
    elif ours != theirs:
        print(f"{path} is {ours!r} and is read as {theirs!r}")


register_default_plugins()
dashboard = json.load(open(sys.argv[1], encoding="utf-8"))
lost(dashboard, json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard))), "dashboard")
