"""Parses pages with the reference parsers. Each line of the input is a JSON request, each line of the output an answer."""

import json
import sys

from prometheus_client import parser as text
from prometheus_client.openmetrics import parser as openmetrics

PARSERS = {
    "text": text.text_string_to_metric_families,
    "openmetrics": openmetrics.text_string_to_metric_families,
}


def points(page, format):
    families = PARSERS[format](page)
    return [[s.name, s.labels, repr(s.value)] for family in families for s in family.samples]


for line in sys.stdin:
    try:
        answer = {"points": points(**json.loads(line))}
    except Exception as error:
        # Every exception of a parser is its verdict on the page.
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
