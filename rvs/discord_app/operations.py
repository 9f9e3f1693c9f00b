"""What the operations endpoint looks at: the connection, the service, the index, the build."""

from rvs.discord_app.connection import Connection
from rvs.gallery.version import Manifest
from rvs.hot_swap import HotSwap
from rvs.metrics import CONTENT_TYPE, Metrics
from rvs.ops import Ops
from rvs.service import Service, ServiceLimits
from rvs.settings import Settings


def make_ops(
    settings: Settings, metrics: Metrics, service: Service, swap: HotSwap, connection: Connection
) -> Ops:
    """The operations endpoint, and what its numbers and checks look at."""

    def manifest() -> Manifest | None:
        return None if service.served is None else service.served.engine.version.manifest

    metrics.watch_service(service, ServiceLimits.from_settings(settings))
    metrics.watch_index(settings.index, manifest, lambda: bool(swap.refused))
    metrics.watch_rebuild(connection.upkeep.building)
    metrics.watch_gateway(connection.is_up, connection.guilds)
    checks = {
        "gateway": connection.is_up,
        "models": lambda: service.ready,
        "index": lambda: manifest() is not None,
    }
    return Ops(
        settings.ops_host, settings.ops_port, checks=checks, metrics=metrics.text, metrics_type=CONTENT_TYPE
    )
