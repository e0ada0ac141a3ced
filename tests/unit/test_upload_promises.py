"""In memory: see the promises."""

from tests.promises.uploads import *  # noqa: F403
