"""Result types, one row each: how many parties it is for, how its runs go, and who reads what of a result.

All that differs between result types is a column here; code that differs stands in a table by result type beside its
use (see `linkage.solving`). Another result type is another row. This module needs no numpy, so that the API can use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from linkage.models import ResultType
from linkage.settings import Settings

_RESULT = "result"
"""The object of a run that its project's result token reads."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A result type. Names are those of a run's objects in the store bucket."""

    max_parties: int | None = None
    """None if it is for any number of parties."""
    stages: Literal[2, 3] = 3
    """Stages of a run in its status: waiting, comparing and, unless the candidate pairs are the result, solving."""
    scored: bool = False
    """Whether each candidate pair is written out with its score: then a run may have fewer of them."""
    party_object: str = ""
    """What a party reads with the receipt token of its upload, if anything; ``{dataset}`` is its data set's index."""
    file_object: str = ""
    """A file that the result token opens beside the result itself, if there is one."""

    @property
    def opens_to_parties(self) -> bool:
        """Whether the receipt token of an upload opens a part of a result."""
        return bool(self.party_object)

    def object_for(self, dataset: int | None = None) -> str:
        """Return the name of the object that a reader gets: a party by its data set, None is the result token."""
        if dataset is None:
            return _RESULT
        if not self.party_object:
            raise ValueError("results of this type have no part for a party")
        return self.party_object.format(dataset=dataset)

    def most_pairs(self, settings: Settings) -> int:
        """Return how many candidate pairs a run may have."""
        return settings.most_pairs(scored=self.scored)


KINDS: Mapping[ResultType, Kind] = {
    ResultType.GROUPS: Kind(),
    ResultType.PERMUTATIONS: Kind(max_parties=2, party_object="result-permutation-{dataset}"),
    ResultType.SIMILARITY_SCORES: Kind(max_parties=2, stages=2, scored=True, file_object="result-scores.bin"),
}
