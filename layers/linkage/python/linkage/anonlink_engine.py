"""anonlink, imported in one place.

Version 0.15.3 imports ``pkg_resources`` and an old ``TypedDict``, which warn of their own end; requirements.in pins a
setuptools that still has the one. Nothing here can act on the warnings, so they are not passed on.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from anonlink.similarities import dice_coefficient_accelerated
    from anonlink.solving import greedy_solve

__all__ = ["dice_coefficient_accelerated", "greedy_solve"]
