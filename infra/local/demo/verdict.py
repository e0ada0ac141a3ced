"""Judge a linkage by precision and recall, and compare them with the published ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

Record = tuple[int, int]
"""The index of a record's data set, and its own index in that."""
Link = tuple[Record, Record]
Groups = frozenset[frozenset[Record]]

PUBLISHED = {0.8: (1.000, 0.992), 0.9: (1.000, 0.810)}
"""Precision and recall by threshold, as published for FEBRL4 with such a schema."""
_CHANCE = 0.006
"""Other keys set other bits: six moved the recall by 0.002 at 0.8, by 0.006 at 0.9."""


@dataclass(frozen=True)
class Verdict:
    """Counts of the links found, of those found that are true, and of all true links."""

    found: int
    found_true: int
    true: int

    @property
    def precision(self) -> float:
        """The fraction of the links found that is true; 1.0 if none was found."""
        return self.found_true / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """The fraction of the true links that was found."""
        return self.found_true / self.true

    def keeps_promise(self, threshold: float) -> bool:
        """Tell whether the figures are as published; true where none are published for the threshold."""
        if threshold not in PUBLISHED:
            return True
        precision, recall = PUBLISHED[threshold]
        as_precise = round(self.precision, 3) == precision
        return as_precise and abs(self.recall - recall) < _CHANCE


def judge(groups: Groups, truth: frozenset[Link]) -> Verdict:
    """Compare the links that groups make with the true ones."""
    links = {link for group in groups for link in combinations(sorted(group), 2)}
    return Verdict(len(links), len(links & truth), len(truth))


def as_groups(groups: Iterable[Iterable[Iterable[int]]]) -> Groups:
    """Return groups as sets: the order of groups and members means nothing."""
    return frozenset(frozenset(_record(*record) for record in group) for group in groups)


def describe_figures(verdict: Verdict, threshold: float) -> str:
    """Return the figures with the counts that they come from."""
    precision, recall = PUBLISHED.get(threshold, (None, None))
    true, found, all_true = verdict.found_true, verdict.found, verdict.true
    return "\n".join(
        [
            _line("links found", f"{found:,}", f"at threshold {threshold:g}"),
            _line(
                "precision",
                f"{verdict.precision:.3f}",
                f"{true:,} of {found:,} links are true{_published(precision)}",
            ),
            _line(
                "recall",
                f"{verdict.recall:.3f}",
                f"{true:,} of {all_true:,} true links were found{_published(recall)}",
            ),
        ]
    )


def describe_difference(groups: Groups, local_groups: Groups) -> str:
    """Return a line that compares the server's groups with those of local anonlink."""
    outcome = "identical to those of local anonlink"
    if groups != local_groups:
        missing, surplus = len(local_groups - groups), len(groups - local_groups)
        outcome = f"DIFFER from local anonlink's: {missing} missing, {surplus} surplus"
    return _line("groups", f"{len(groups):,}", outcome)


def _line(name: str, figure: str, remark: str) -> str:
    return f"  {name:<12}{figure:>8}   {remark}"


def _published(figure: float | None) -> str:
    return "" if figure is None else f" (published: {figure:.3f})"


def _record(dataset: int, index: int) -> Record:
    """Return a record as plain integers, so that records from JSON and from numpy are equal."""
    return int(dataset), int(index)
