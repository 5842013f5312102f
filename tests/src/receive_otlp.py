"""Receives OTLP over HTTP, decoded with OpenTelemetry's package. Prints its port, then the samples of each request."""

import gzip
import json
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2

CUMULATIVE = metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
ENDED = metrics_pb2.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK


def samples(metric):
    form = metric.WhichOneof("data")
    data = getattr(metric, form)
    assert form in ("gauge", "summary") or data.aggregation_temporality == CUMULATIVE, metric
    for point in data.data_points:
        assert point.start_time_unix_nano < point.time_unix_nano, metric
        if point.flags & ENDED:
            continue
        labels = {pair.key: pair.value.string_value for pair in point.attributes}

        def sample(suffix, value, **more):
            return [metric.name + suffix, {**labels, **more}, repr(value)]

        if form in ("gauge", "sum"):
            yield sample("", point.as_double)
            continue
        yield sample("_count", point.count)
        yield sample("_sum", point.sum)
        if form == "histogram":
            below = 0
            bounds = [*point.explicit_bounds, float("inf")]
            for bound, count in zip(bounds, point.bucket_counts, strict=True):
                below += count
                yield sample("_bucket", below, le=repr(bound))
        elif form == "exponential_histogram":
            counts = [*point.positive.bucket_counts, *point.negative.bucket_counts]
            assert point.zero_count + sum(counts) == point.count, metric
        else:
            for quantile in point.quantile_values:
                yield sample("", quantile.value, quantile=repr(quantile.quantile))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        request = ExportMetricsServiceRequest.FromString(body)
        metrics = [m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics]
        print(json.dumps([sample for metric in metrics for sample in samples(metric)]), flush=True)
        answer = ExportMetricsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
