"""On real servers: see the promises."""

from tests.promises.lost_messages import *  # noqa: F403
