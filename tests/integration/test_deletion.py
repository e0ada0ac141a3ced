"""On real servers: see the promises."""

from tests.promises.deletion import *  # noqa: F403
