"""The size of a planned run: from its plan and, once its chunks were compared, the candidate pairs found in each.

This module is pure: whoever calls it reads the plan, the stored rectangles, the reports of the encoding sets and the
sizes of the candidate files.
"""

from collections.abc import Sequence
from dataclasses import replace

from linkage.cost.run_sizes import DatasetSize, RunSize, size_chunk, spread_candidates
from linkage.cost.workloads import Workload, candidates_text
from linkage.encodings.rectangles import Rectangles
from linkage.plans.plan import Plan


def measure_run(
    plan: Plan, rectangles: Rectangles, datasets: Sequence[DatasetSize], candidates: Sequence[int] | None = None
) -> RunSize:
    """Return the size of a planned run.

    Parameters
    ----------
    plan
        The run's plan.
    rectangles
        All rectangles of the plan: see `linkage.encodings.rectangles.load_rectangles`.
    datasets
        The sizes of the plan's data sets, in its order.
    candidates
        The candidate pairs that each chunk has, in the plan's order. None where the chunks were not compared: then they
        are expected as of a hypothetical run.

    Returns
    -------
    RunSize
        Its comparisons are those that are made. `PlannedChunk.comparisons` are more where blocks are left out that
        cannot reach the threshold, because they count as done.

    Raises
    ------
    ValueError
        If there are not as many data sets, or candidate pairs, as the plan has data sets and chunks.
    """
    if len(datasets) != len(plan.datasets):
        raise ValueError(f"the plan has {len(plan.datasets)} data sets, not {len(datasets)}")
    expected = Workload(plan.record_counts, plan.threshold, plan.encoding_size)
    chunks = [size_chunk(rectangles[chunk.first_rectangle : chunk.stop_rectangle]) for chunk in plan.chunks]
    if candidates is None:
        total = expected.candidates(sum(chunk.comparisons for chunk in chunks))
        chunks, sentence = spread_candidates(total, chunks), candidates_text(expected)
    else:
        total, sentence = sum(candidates), "Candidate pairs are those that were found."
        chunks = [replace(chunk, candidates=found) for chunk, found in zip(chunks, candidates, strict=True)]
    return RunSize(
        threshold=plan.threshold,
        encoding_size=plan.encoding_size,
        datasets=tuple(datasets),
        chunks=chunks,
        candidates=total,
        matches=expected.matches,
        parameters={"record_counts": plan.record_counts, "threshold": plan.threshold}
        | {"encoding_size": plan.encoding_size, "run_id": plan.run_id},
        assumptions=(sentence, "Chunks are those of the run's plan."),
        compared=candidates is not None,
    )
