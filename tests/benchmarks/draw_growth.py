"""Draw docs/growth.png, in the environment `plots`, for tests/benchmarks/test_growth.py: FIGURES.json PICTURE.png."""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

WITHIN = 0.15


def main(figures: Path, picture: Path) -> None:
    measured = json.loads(figures.read_text())
    sizes, seconds = measured["records"], measured["cpu_s"]
    per_comparison = [s / n**2 * 1e9 for n, s in zip(sizes, seconds, strict=True)]
    whole, each = plt.subplots(1, 2, figsize=(10, 4.2), dpi=110, layout="constrained")[1]
    whole.loglog(sizes, seconds, "o-", color="#1f5fa8", label="measured")
    square = [seconds[1] * (n / sizes[1]) ** 2 for n in sizes]
    whole.loglog(sizes, square, "--", color="#888888", label="in proportion to the comparisons")
    whole.set(title="CPU time of all comparisons", ylabel="seconds of one vCPU")
    for n, s in zip(sizes, seconds, strict=True):
        whole.annotate(f"{s:.2g} s", (n, s), textcoords="offset points", xytext=(8, -12))
    middle = (max(per_comparison[1:]) + min(per_comparison[1:])) / 2
    each.semilogx(sizes, per_comparison, "o-", color="#1f5fa8", label="measured")
    each.axhspan(
        middle * (1 - WITHIN / 2), middle * (1 + WITHIN / 2), color="#1f5fa8", alpha=0.12, label=f"{WITHIN:.0%} wide"
    )
    each.set(title="CPU time of one comparison", ylabel="nanoseconds of one vCPU", ylim=(0, 1.4 * max(per_comparison)))
    for n, ns in zip(sizes, per_comparison, strict=True):
        each.annotate(f"{ns:.3f}", (n, ns), textcoords="offset points", xytext=(0, 9), ha="center")
    for axes in (whole, each):
        axes.set(xlabel="records of each party", xlim=(sizes[0] * 0.7, sizes[-1] * 1.9))
        axes.set_xticks(sizes, [f"{n // 1000}k" for n in sizes], minor=False)
        axes.minorticks_off()
        axes.grid(visible=True, alpha=0.3)
        axes.legend(loc="upper left" if axes is whole else "lower left", frameon=False)
    whole.figure.suptitle(measured["title"], fontsize=10)
    whole.figure.savefig(picture, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
