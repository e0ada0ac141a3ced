"""On real servers: see the promises."""

from tests.promises.failures import *  # noqa: F403
