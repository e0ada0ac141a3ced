"""The choice of an engine by the setting ``engine``."""

from linkage.engines.contract import Engine
from linkage.engines.native import NativeEngine


def engine(name: str) -> Engine:
    """Return the engine of that name; raises `ValueError` if there is none."""
    if name == "anonlink":
        # Imported only here: a deployment with the native engine needs no anonlink, which takes long to import.
        from linkage.engines.anonlink import AnonlinkEngine  # noqa: PLC0415

        return AnonlinkEngine()
    if name == "native":
        return NativeEngine()
    raise ValueError(f"there is no engine {name!r}")
