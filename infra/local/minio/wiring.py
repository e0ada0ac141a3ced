"""MinIO among the servers of a stack: started with them, and told of the deployment once there is one.

The bridge needs the queue's URL, which only a deployment has, and MinIO needs the bridge's address when it starts. So
the address is chosen first; until something listens there, MinIO keeps its events.
"""

from dataclasses import dataclass
from pathlib import Path

from infra.local.minio import bridge_server as bridge
from infra.local.minio import server as minio
from infra.local.minio.deployed import Mirror
from infra.local.minio.settings import write_settings
from infra.local.servers import Server, free_port
from infra.local.state import Stack


@dataclass(frozen=True)
class ObjectStore:
    """MinIO for one stack: its data, and where its functions are told of it."""

    server: Server
    settings: Path
    _data: Path
    _bridge_port: int

    @property
    def administrator(self) -> tuple[str, str]:
        """Key and secret of whoever may do anything in MinIO."""
        return minio.root_credentials(self._data)

    def connect(self, stack: Stack, template: Path) -> Server:
        """Make buckets and users as deployed, tell the functions, and return the bridge to be started."""
        mirror = Mirror(stack.aws_endpoint_url, self.server.url, self.administrator, template)
        mirror.make_buckets(stack.outputs)
        write_settings(self.settings, self.server.url, mirror.make_users())
        return bridge.prepare(
            self._data,
            port=self._bridge_port,
            sqs_url=stack.aws_endpoint_url,
            queue_url=stack.outputs["IntakeQueueUrl"],
        )


def prepare(state: Path, data: Path) -> ObjectStore:
    """Prepare MinIO with its data in a folder, for the stack with the other one."""
    port = free_port()
    server = minio.prepare(data, bridge_url=bridge.webhook_url(port))
    settings = state / "object-store.json"
    write_settings(settings, server.url, {})
    return ObjectStore(server, settings, data, port)
