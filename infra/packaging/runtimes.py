"""Lambda's Python runtimes that the layers can be built for, whatever Python this machine has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """One of Lambda's runtimes: its Python, and the newest wheels that its glibc can run."""

    python: str
    platform: str
    glibc: tuple[int, int]

    @property
    def name(self) -> str:
        """Lambda's name for the runtime."""
        return f"python{self.python}"


# Up to 3.11 Lambda's is Amazon Linux 2, from 3.12 on Amazon Linux 2023.
RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("3.11", "x86_64-manylinux2014", (2, 26)),
        Runtime("3.12", "x86_64-manylinux_2_28", (2, 34)),
        Runtime("3.13", "x86_64-manylinux_2_28", (2, 34)),
    )
}
DEFAULT = RUNTIMES["python3.13"]
