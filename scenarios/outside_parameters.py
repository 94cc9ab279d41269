"""Parameters of what stands beside the cluster: monitoring, and servers of webhooks and notifications."""

from typing import Final

from scenarios.parameter import Parameter, lognormal

_ASSUMED = "assumption"

OUTSIDE: Final = (
    Parameter(
        "monitoring.seats",
        20,
        "seats",
        "integer",
        "Prometheus --query.max-concurrency",
        "any",
        "requests that the monitoring system serves at once",
    ),
    Parameter(
        "monitoring.service",
        lognormal(0.01, 0.5),
        "s",
        "distribution",
        _ASSUMED,
        "",
        "time to serve a query, or to take an alert or a silence",
    ),
    Parameter(
        "monitoring.scrape_interval",
        30.0,
        "s",
        "duration",
        "kube-prometheus: scrapeInterval and evaluationInterval",
        "any",
        "between two scrapes, each followed by an evaluation of the alerting rules",
    ),
    Parameter(
        "monitoring.alert_for",
        900.0,
        "s",
        "duration",
        "kubernetes-mixin: for: 15m",
        "any",
        "how long a rule must hold before its alert fires",
    ),
    Parameter(
        "outbound.service",
        lognormal(0.2, 0.8),
        "s",
        "distribution",
        _ASSUMED,
        "",
        "time of a webhook or notification, from request to answer",
    ),
    Parameter(
        "outbound.failure_probability",
        0,
        "",
        "number",
        _ASSUMED,
        "",
        "how often a webhook's or notification's server answers 503",
    ),
)
