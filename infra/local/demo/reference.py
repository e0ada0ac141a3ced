"""Link the same encodings with anonlink itself, on this machine, without any service.

It knows neither chunks nor queues and shares no code with the service, so groups that
are identical to these were lost or changed nowhere on the way.
"""

import base64
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

from bitarray import bitarray

from infra.local.demo.verdict import Groups, as_groups

with warnings.catch_warnings():
    # anonlink imports pkg_resources and a mypy extension, both deprecated.
    warnings.simplefilter("ignore")
    from anonlink.candidate_generation import find_candidate_pairs
    from anonlink.similarities import dice_coefficient_accelerated
    from anonlink.solving import greedy_solve


def link_locally(encodings: Sequence[Path], threshold: float) -> Groups:
    """Group the records of the parties' files of encodings.

    All pairs are compared, and no limit on the partners of a record is set.
    """
    datasets = [_read_encodings(file) for file in encodings]
    pairs = find_candidate_pairs(datasets, dice_coefficient_accelerated, threshold, k=None)
    return as_groups(greedy_solve(pairs))


def _read_encodings(file: Path) -> list[bitarray]:
    clks = json.loads(file.read_bytes())["clks"]
    return [bitarray(buffer=base64.b64decode(clk), endian="big") for clk in clks]
