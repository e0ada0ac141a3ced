"""In memory: see the promises."""

from tests.promises.retention import *  # noqa: F403
