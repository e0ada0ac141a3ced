"""Lambda's Pythons and architectures that the packages can be built for, whatever this machine has."""

from __future__ import annotations

from dataclasses import dataclass

# By Lambda's names: the machine in the names of wheels and of extension modules.
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# 3.11 is left out: it has an older glibc, and an end that is near.
_PYTHONS = ("3.12", "3.13")


@dataclass(frozen=True)
class Runtime:
    """One of Lambda's runtimes on one of its architectures, on Amazon Linux 2023."""

    python: str
    architecture: str
    glibc: tuple[int, int] = (2, 34)

    @property
    def name(self) -> str:
        """Lambda's name for the runtime."""
        return f"python{self.python}"

    @property
    def machine(self) -> str:
        """The architecture as wheels and compilers name it."""
        return _MACHINES[self.architecture]

    @property
    def platform(self) -> str:
        """The newest wheels that the runtime's glibc can run, as uv names them."""
        return f"{self.machine}-manylinux_2_28"


RUNTIMES = {
    (runtime.name, runtime.architecture): runtime
    for runtime in (Runtime(python, architecture) for python in _PYTHONS for architecture in _MACHINES)
}
NAMES = tuple(dict.fromkeys(name for name, _ in RUNTIMES))
ARCHITECTURES = tuple(_MACHINES)
DEFAULT = RUNTIMES["python3.13", "x86_64"]
