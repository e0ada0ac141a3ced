"""Worlds in memory; each has tables of its own, and those of the first one are looked at."""

from dataclasses import fields

from linkage.ports import World
from linkage.testing.progress import MemoryProgress
from linkage.testing.projects import MemoryProjects
from linkage.testing.tables import Tables
from linkage.testing.world import in_memory_world


class WorldsInMemory:
    """Worlds that live and die with their test."""

    def __init__(self) -> None:
        self.made: list[World] = []

    def make(self, **settings: object) -> World:
        self.made.append(in_memory_world(**settings))
        return self.made[-1]

    def flush_redis(self) -> None:
        for world in self.made:
            assert isinstance(world.progress, MemoryProgress)
            world.progress.runs.clear()

    def rows_of(self, project_id: str) -> list[str]:
        tables = self._tables()
        return [field.name for field in fields(tables) if project_id in repr(getattr(tables, field.name))]

    def audit_of(self, project_id: str) -> list[str]:
        return [event for event, project, _ in self._tables().audit if project == project_id]

    def _tables(self) -> Tables:
        projects = self.made[0].projects
        assert isinstance(projects, MemoryProjects)
        return projects.tables
