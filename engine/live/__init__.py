"""The live world, as far as it lies outside the cluster: monitoring, webhooks, notifications, the clock."""

from engine.live.http import Bounds
from engine.live.monitoring import LiveMonitoring, MonitoringSettings
from engine.live.outbound import LiveOutbound
from engine.live.outside import LiveOutside
from engine.live.secrets import SecretHeader

__all__ = [
    "Bounds",
    "LiveMonitoring",
    "LiveOutbound",
    "LiveOutside",
    "MonitoringSettings",
    "SecretHeader",
]
