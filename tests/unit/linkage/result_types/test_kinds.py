"""The table of result types is whole, and fits the code that makes results."""

import pytest

from linkage import solving
from linkage.models import ResultType
from linkage.result_types.kinds import KINDS
from linkage.settings import Settings


def test_every_result_type_has_a_row_and_a_writer():
    assert set(KINDS) == set(solving._WRITERS) == set(ResultType)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_objects_of_a_result_have_names_of_their_own(kind):
    parties = range(kind.max_parties or 0) if kind.opens_to_parties else ()
    files = [kind.file_object] if kind.file_object else []
    names = [kind.object_for(), *files, *(kind.object_for(party) for party in parties)]

    assert len(set(names)) == len(names)


def test_a_party_reads_no_part_of_a_result_that_has_none():
    with pytest.raises(ValueError, match="no part for a party"):
        KINDS[ResultType.GROUPS].object_for(0)


def test_runs_whose_pairs_are_written_out_may_have_fewer():
    settings = Settings(uploads_bucket="", store_bucket="", max_candidates=9, max_scores=5)

    limits = {result_type: KINDS[result_type].most_pairs(settings) for result_type in ResultType}

    assert limits == {ResultType.GROUPS: 9, ResultType.PERMUTATIONS: 9, ResultType.SIMILARITY_SCORES: 5}
