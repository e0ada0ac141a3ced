"""In memory: see the promises."""

from tests.promises.result_types import *  # noqa: F403
