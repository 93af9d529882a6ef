"""What is going on, for Prometheus. Names end in their unit; labels are few and hold no names.

Counts of results, the queue and webhooks come from the database: every server tells the same, of
all machines. Requests, rejections and uploads under way are those of this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from provenance import __version__
from provenance.errors import StoreError
from service.tally import BOUNDS_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.services import Services

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "everyframe_http_request_seconds",
            "Requests by method, route and status, until the answer is sent",
            ["method", "route", "status"],
            registry=self._registry,
            buckets=(0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
        )
        self._rejections = Counter(
            "everyframe_rejections",
            "Requests that were not taken, by the code of the problem",
            ["code"],
            registry=self._registry,
        )
        self._uploads = Gauge(
            "everyframe_uploads_in_progress", "Bodies that arrive now", registry=self._registry
        )
        self._draining = Gauge(
            "everyframe_draining", "1 once the process is to end", registry=self._registry
        )
        Gauge("everyframe_build_info", "Version", ["version"], registry=self._registry).labels(
            __version__
        ).set(1)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route or "none", str(status)).observe(seconds)

    def rejected(self, code: str) -> None:
        self._rejections.labels(code).inc()

    def page(self, services: Services) -> bytes:
        """Everything, in Prometheus' text format. A database that is away is a value, no error."""
        self._uploads.set(services.places.taken)
        self._draining.set(services.draining.is_set())
        shared = CollectorRegistry()
        shared.register(_Shared(services))
        return generate_latest(self._registry) + generate_latest(shared)


class _Shared(Collector):
    """What the database knows."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Nothing: else the registry would collect once to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            families = [
                GaugeMetricFamily(
                    "everyframe_queue_depth",
                    "Scans that are not finished",
                    value=self._services.queue.waiting(),
                ),
                *_scans(self._services),
                _states(self._services, "webhooks", "outbox", "state", "Webhooks"),
                _states(self._services, "feedback", "feedback", "kind", "What people said"),
            ]
        except StoreError:
            families = []
        up = GaugeMetricFamily("everyframe_database_up", "1: it answers", value=bool(families))
        yield from (up, *families)


def _scans(services: Services) -> list[Metric]:
    total = CounterMetricFamily(
        "everyframe_scans", "Results, by verdict and action", labels=["verdict", "action"]
    )
    took = HistogramMetricFamily(
        "everyframe_scan_seconds", "From accepted to the result, waiting included"
    )
    by_outcome: dict[tuple[str, str], int] = {}
    in_bucket, seconds = [0] * (len(BOUNDS_S) + 1), 0.0
    for count in services.tally.counts():
        outcome = (count.verdict, count.action)
        by_outcome[outcome] = by_outcome.get(outcome, 0) + count.scans
        in_bucket[count.bucket] += count.scans
        seconds += count.seconds
    for outcome, scans in by_outcome.items():
        total.add_metric(outcome, scans)
    buckets: list[Any] = [
        ("+Inf" if index == len(BOUNDS_S) else str(BOUNDS_S[index]), sum(in_bucket[: index + 1]))
        for index in range(len(in_bucket))
    ]
    took.add_metric([], buckets, seconds)
    return [total, took]


def _states(services: Services, name: str, table: str, column: str, what: str) -> Metric:
    """Rows of one of our own tables by one of its columns."""
    with services.database.reading() as transaction:
        rows = transaction.rows(
            f"SELECT {column} AS label, count(*) AS rows_there FROM {table} GROUP BY {column}"  # noqa: S608 both are named below this module's own calls, never from outside
        )
    family = GaugeMetricFamily(f"everyframe_{name}", f"{what} by {column}", labels=[column])
    for row in rows:
        family.add_metric([row["label"]], row["rows_there"])
    return family
