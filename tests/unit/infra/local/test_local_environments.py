"""An environment is made once, and again when its lock file has changed; uv, which makes the others, comes first."""

from pathlib import Path

import pytest

from infra.local import environments
from infra.local.environments import make_environments


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The environments that were made, in order, by commands that only make the folder."""
    made = []

    def run(*command):
        if "venv" in command:
            folder = Path(command[-1])
            folder.mkdir(parents=True, exist_ok=True)
            made.append(folder.name)

    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / "environments")
    monkeypatch.setattr(environments, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(environments, "_run", run)
    for name in ("uv", "one", "other"):
        (tmp_path / f"{name}.txt").write_text(f"{name}==1\n")
    return made


def test_uv_is_made_first_and_nothing_is_made_twice(made):
    make_environments(["one", "other"])
    assert made[0] == "uv"
    assert sorted(made) == ["one", "other", "uv"]

    make_environments(["one", "other"])
    assert len(made) == 3


def test_only_an_environment_whose_lock_changed_is_made_again(made, tmp_path):
    make_environments(["one", "other"])
    (tmp_path / "one.txt").write_text("one==2\n")

    make_environments(["one", "other"])

    assert made[3:] == ["one"]


def test_uv_asked_for_by_name_is_not_made_by_itself(made):
    make_environments(["uv"])

    assert made == ["uv"]


def test_an_environment_that_could_not_be_made_is_tried_again(made, monkeypatch):
    run = environments._run
    monkeypatch.setattr(environments, "_run", lambda *_command: (_ for _ in ()).throw(environments.SetUpFailed("no")))
    with pytest.raises(environments.SetUpFailed):
        make_environments(["one"])

    monkeypatch.setattr(environments, "_run", run)
    make_environments(["one"])

    assert made == ["uv", "one"]
