"""Two raylets on this machine that are two nodes of a cluster: `python -m tests.gallery.on_ray.two_nodes`.

Prints a line of JSON: the address, and the process of each node's raylet. It ends the cluster when its standard
input ends.
"""

import json
import sys
from typing import Any

from rvs.gallery.on_ray.packages import needed

_OBJECTS_BYTES = 100_000_000


def main() -> None:
    node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": _OBJECTS_BYTES}
    cluster: Any = needed("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args=node | {"include_dashboard": False}
    )
    nodes = [cluster.head_node, cluster.add_node(**node)]
    print(json.dumps({"address": cluster.address, "raylets": [_raylet(one) for one in nodes]}), flush=True)
    sys.stdin.read()
    cluster.shutdown()


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


if __name__ == "__main__":
    main()
