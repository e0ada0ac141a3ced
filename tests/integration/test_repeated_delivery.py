"""On real servers: see the promises."""

from tests.promises.repeated_delivery import *  # noqa: F403
