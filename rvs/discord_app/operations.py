"""What the operations endpoint of the bot looks at: the connection, and what answers."""

from rvs.discord_app.backend import Backend
from rvs.discord_app.connection import Connection
from rvs.metrics import CONTENT_TYPE, Metrics
from rvs.ops import Ops
from rvs.settings import Settings


def make_ops(settings: Settings, metrics: Metrics, backend: Backend, connection: Connection) -> Ops:
    """The operations endpoint, and what its numbers and checks look at."""
    metrics.watch_gateway(connection.is_up, connection.guilds)
    checks = {"gateway": connection.is_up, **backend.checks}
    return Ops(
        settings.ops_host, settings.ops_port, checks=checks, metrics=metrics.text, metrics_type=CONTENT_TYPE
    )
