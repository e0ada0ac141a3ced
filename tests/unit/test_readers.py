"""In memory: see the promises."""

from tests.promises.readers import *  # noqa: F403
