"""On real servers: see the promises."""

from tests.promises.uploads import *  # noqa: F403
