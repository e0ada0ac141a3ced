"""Prepare MinIO with the other servers of a stack, and connect it to the deployment once there is one.

The bridge needs the queue's URL, which only a deployment has, and MinIO needs the bridge's address when it starts. So
the address is chosen first; until something listens there, MinIO keeps its events.
"""

from dataclasses import dataclass
from pathlib import Path

from infra.local.minio import bridge_server as bridge
from infra.local.minio import server as minio
from infra.local.minio.mirror import Mirror
from infra.local.minio.settings import write_settings
from infra.local.servers import Server, free_port
from infra.local.state import Stack


@dataclass(frozen=True)
class ObjectStore:
    """MinIO for one stack: its server, its data, and the settings file of the functions."""

    server: Server
    settings: Path
    _data: Path
    _bridge_port: int

    @property
    def administrator(self) -> tuple[str, str]:
        """Access key id and secret of MinIO's administrator."""
        return minio.root_credentials(self._data)

    def connect(self, stack: Stack, template: Path) -> Server:
        """Make buckets and users as deployed, write the functions' settings, and return the bridge's server."""
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
    """Prepare MinIO for the stack with the folder `state`, with its objects and secrets below `data`."""
    port = free_port()
    server = minio.prepare(data, bridge_url=bridge.webhook_url(port))
    settings = state / "object-store.json"
    write_settings(settings, server.url, {})
    return ObjectStore(server, settings, data, port)
