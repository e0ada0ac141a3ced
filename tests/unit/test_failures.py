"""In memory: see the promises."""

from tests.promises.failures import *  # noqa: F403
