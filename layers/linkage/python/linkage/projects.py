"""Use cases about projects: create and describe projects, and identify the holders of tokens."""

import json
from dataclasses import dataclass
from typing import Any

from linkage.encodings.wire import TOLERATED_SIZE
from linkage.errors import AccessDenied, InvalidRequest
from linkage.models import Contributions, Party, Project, ResultType
from linkage.ports import World
from linkage.result_types.kinds import KINDS
from linkage.tokens import hash_token, new_id, new_token, verify_token


@dataclass(frozen=True, slots=True)
class NewProject:
    """Parameters of a new project. The service reads only the encoding size of `schema`, the linkage schema."""

    schema: dict[str, Any]
    result_type: ResultType
    number_parties: int
    name: str
    notes: str
    uses_blocking: bool


@dataclass(frozen=True, slots=True)
class ProjectTokens:
    """A new project's id and tokens. They are told once: only the tokens' hashes are stored."""

    project_id: str
    result_token: str
    update_tokens: tuple[str, ...]


def create_project(new: NewProject, world: World) -> ProjectTokens:
    """Create a project, with one update token for each party."""
    max_parties = KINDS[new.result_type].max_parties
    if max_parties is not None and new.number_parties > max_parties:
        raise InvalidRequest("Multi-party linkage requires result type 'groups'.")
    tokens = ProjectTokens(new_id(), new_token(), tuple(new_token() for _ in range(new.number_parties)))
    project = Project(
        project_id=tokens.project_id,
        result_token_hash=hash_token(tokens.result_token),
        schema=json.dumps(new.schema),
        result_type=new.result_type,
        number_parties=new.number_parties,
        name=new.name,
        notes=new.notes,
        uses_blocking=new.uses_blocking,
        time_added=world.now(),
    )
    parties = [
        Party(new_id(), project.project_id, dataset_index, hash_token(token))
        for dataset_index, token in enumerate(tokens.update_tokens)
    ]
    world.projects.create(project, parties)
    return tokens


def open_project(project_id: str, token: str, world: World) -> Project:
    """Return the project that the result token opens; raises `AccessDenied`."""
    project = world.projects.get(project_id)
    if project is None or not verify_token(token, project.result_token_hash):
        raise AccessDenied
    return project


def identify_reader(project_id: str, token: str, world: World) -> tuple[Project, int | None]:
    """Return the project, and the data set's index for a receipt token, None for the result token.

    A party may follow a linkage with the receipt token of its upload where it reads a part of the result with it: its
    own permutation. Receipt tokens of other projects, and of uploads that failed, open nothing: `AccessDenied`.
    """
    project = world.projects.get(project_id)
    if project is None:
        raise AccessDenied
    if verify_token(token, project.result_token_hash):
        return project, None
    if KINDS[project.result_type].opens_to_parties:
        for dataset_index, token_hash in world.uploads.receipts(project_id):
            if verify_token(token, token_hash):
                return project, dataset_index
    raise AccessDenied


def identify_party(project_id: str, token: str, world: World) -> tuple[Project, Party]:
    """Return the project and the party that the update token belongs to; raises `AccessDenied`.

    A token of another project opens nothing here.
    """
    project = world.projects.get(project_id)
    if project is None:
        raise AccessDenied
    for party in world.projects.parties(project_id):
        if verify_token(token, party.update_token_hash):
            return project, party
    raise AccessDenied


def describe_project(project_id: str, token: str, world: World) -> tuple[Project, Contributions]:
    """Return the project and its parties' contributions."""
    project, _ = identify_reader(project_id, token, world)
    return project, world.projects.contributions(project_id)


def expected_encoding_size(project: Project) -> int | None:
    """Return the size in bytes that encodings have by the linkage schema, filled up to 8 bytes; None if it has none."""
    size = schema_encoding_size(project)
    return None if size is None else max(size, TOLERATED_SIZE)


def schema_encoding_size(project: Project) -> int | None:
    """Return the encoding size in bytes by the linkage schema (``clkConfig.l`` bits); None if it has none."""
    config = project.linkage_schema.get("clkConfig")
    bits = config.get("l") if isinstance(config, dict) else None
    return max(0, bits // 8) or None if isinstance(bits, int) and not isinstance(bits, bool) else None
