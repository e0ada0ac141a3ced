"""Result types, one row each: number of parties, stages of a run, and the objects that each token reads.

All that differs between result types is a column here; code that differs stands in a table by result type beside its
use (see `linkage.solving`). Another result type is another row. This module needs no numpy, so that the API can use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from linkage.models import ResultType
from linkage.settings import Settings

_RESULT = "result"
"""Name of the object that the result token reads."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A result type. Names are those of a run's objects in the store bucket."""

    max_parties: int | None = None
    """Largest number of parties; None if there is no limit."""
    stages: Literal[2, 3] = 3
    """Stages of a run in its status: waiting, comparing and, unless the candidate pairs are the result, solving."""
    scored: bool = False
    """Whether each candidate pair is written out with its score: then a run may have fewer of them."""
    party_object: str = ""
    """The object that a party reads with its receipt token, if there is one; ``{dataset}`` is its data set's index."""
    file_object: str = ""
    """A file that the result token opens beside the result itself, if there is one."""

    @property
    def opens_to_parties(self) -> bool:
        """Whether the receipt token of an upload opens a part of a result."""
        return bool(self.party_object)

    def object_for(self, dataset: int | None = None) -> str:
        """Return the name of the object that a party, by its data set, or the result token (None) reads."""
        if dataset is None:
            return _RESULT
        if not self.party_object:
            raise ValueError("results of this type have no part for a party")
        return self.party_object.format(dataset=dataset)

    def most_pairs(self, settings: Settings) -> int:
        """Return the largest number of candidate pairs that a run may have."""
        return settings.most_pairs(scored=self.scored)


KINDS: Mapping[ResultType, Kind] = {
    ResultType.GROUPS: Kind(),
    ResultType.PERMUTATIONS: Kind(max_parties=2, party_object="result-permutation-{dataset}"),
    ResultType.SIMILARITY_SCORES: Kind(max_parties=2, stages=2, scored=True, file_object="result-scores.bin"),
}
