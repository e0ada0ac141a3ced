"""Keys of all objects. All objects of a project are under the prefixes that `project_prefixes` returns.

Store bucket::

    intake/{project}/{upload}.json                       manifest: its S3 event starts the intake
    parked/{project}/{upload}/encodings.bin              encodings that came in a request, until they are taken in
    parked/{project}/{upload}/blocks.json
    projects/{project}/{party}/{upload}/encodings.bin    encoding set (see `linkage.encodings.encoding_sets`)
    projects/{project}/{party}/{upload}/rows.u32
    projects/{project}/{party}/{upload}/blocks
    projects/{project}/{party}/{upload}/report.json
    projects/{project}/runs/{run}/plan.json
    projects/{project}/runs/{run}/rectangles/{digest}
    projects/{project}/runs/{run}/candidates/{chunk}     the chunk's candidate pairs, sorted
    projects/{project}/runs/{run}/spilled/{chunk}/{attempt}/{n}  parts of them, if they do not fit into memory
    projects/{project}/runs/{run}/permutations.npy       permutations that were drawn for a run
    projects/{project}/runs/{run}/result[...]            results, as clients read them (`linkage.result_types.kinds`)

Uploads bucket::

    {project}/{party}/...                                files that the party puts with its temporary credentials
"""

MANIFEST_PREFIX = "intake/"
_LONGEST_KEY = 1024
"""In bytes: no object store has longer keys."""


def party_prefix(project_id: str, party_id: str) -> str:
    """Return the prefix of a party's folder in the uploads bucket, without a slash at its end."""
    return f"{project_id}/{party_id}"


def lies_under(path: str, key: str) -> bool:
    """Tell whether a key that a client names lies under a path in every object store.

    S3 takes dots in a key literally; other stores may resolve them, and so leave the path.
    """
    return key.startswith(f"{path}/") and not {".", ".."} & set(key.split("/")) and len(key.encode()) <= _LONGEST_KEY


def manifest(project_id: str, upload_id: str) -> str:
    """Return the key of an upload's manifest."""
    return f"{MANIFEST_PREFIX}{project_id}/{upload_id}.json"


def parked_encodings(project_id: str, upload_id: str) -> str:
    """Return the key of a direct upload's encodings."""
    return f"parked/{project_id}/{upload_id}/encodings.bin"


def parked_blocks(project_id: str, upload_id: str) -> str:
    """Return the key of a direct upload's blocks."""
    return f"parked/{project_id}/{upload_id}/blocks.json"


def encoding_set(project_id: str, party_id: str, upload_id: str) -> str:
    """Return the prefix of an upload's encoding set, with a slash at its end."""
    return f"projects/{project_id}/{party_id}/{upload_id}/"


def run(project_id: str, run_id: str) -> str:
    """Return the prefix of all objects of a run, with a slash at its end."""
    return f"projects/{project_id}/runs/{run_id}/"


def plan(project_id: str, run_id: str) -> str:
    """Return the key of a run's plan."""
    return run(project_id, run_id) + "plan.json"


def rectangles(project_id: str, run_id: str, digest: str) -> str:
    """Return the key of the rectangles of a plan."""
    return f"{run(project_id, run_id)}rectangles/{digest}"


def candidates(project_id: str, run_id: str) -> str:
    """Return the prefix of a run's candidate pairs, with a slash at its end."""
    return run(project_id, run_id) + "candidates/"


def chunk_candidates(project_id: str, run_id: str, chunk: int) -> str:
    """Return the key of one chunk's candidate pairs."""
    return f"{candidates(project_id, run_id)}{chunk:08d}"


def spilled(project_id: str, run_id: str, chunk: int) -> str:
    """Return the prefix of the files that all attempts at a chunk spill, with a slash at its end."""
    return f"{run(project_id, run_id)}spilled/{chunk:08d}/"


def spilled_candidates(project_id: str, run_id: str, chunk: int, attempt_id: str, number: int) -> str:
    """Return the key of a file that an attempt at a chunk spills."""
    return f"{spilled(project_id, run_id, chunk)}{attempt_id}/{number:08d}"


def chunk_of(key: str) -> int:
    """Return the number of the chunk to which a file of candidate pairs belongs."""
    return int(key.rpartition("/")[2])


def result(project_id: str, run_id: str, name: str) -> str:
    """Return the key of an object of a run's result; `linkage.result_types.kinds` has the names."""
    return run(project_id, run_id) + name


def permutations(project_id: str, run_id: str) -> str:
    """Return the key of the permutations that were drawn for a run."""
    return run(project_id, run_id) + "permutations.npy"


def intermediates(project_id: str, run_id: str) -> tuple[str, ...]:
    """Return the prefixes of all objects that a run does not need once it has its result, the plan first."""
    prefix = run(project_id, run_id)
    return tuple(prefix + name for name in ("plan.json", "rectangles/", "candidates/", "spilled/"))


def project_prefixes(project_id: str) -> tuple[str, ...]:
    """Return every prefix of the store bucket under which a project has objects, the one with the plans first."""
    return f"projects/{project_id}/runs/", f"projects/{project_id}/", f"intake/{project_id}/", f"parked/{project_id}/"


def project_uploads(project_id: str) -> str:
    """Return the prefix of the folders of a project's parties in the uploads bucket."""
    return f"{project_id}/"


def project_of(key: str) -> str:
    """Return the id of the project to which an object of the uploads bucket belongs."""
    return key.partition("/")[0]


def is_plan(key: str) -> bool:
    """Tell whether a key is that of a plan."""
    return key.endswith("/plan.json")
