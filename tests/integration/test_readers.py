"""On real servers: see the promises."""

from tests.promises.readers import *  # noqa: F403
