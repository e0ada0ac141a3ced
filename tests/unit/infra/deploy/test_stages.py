"""A stage's file describes a whole deployment, and invalid settings are refused before anything is touched."""

import pytest

from infra.deploy import DeploymentFailed, __main__
from infra.deploy.stages import FOLDER, read_stage

STAGES = sorted(file.stem for file in FOLDER.glob("*.yaml"))


@pytest.fixture(scope="module")
def parameters(source):
    return source["Parameters"]


def write(folder, text):
    (folder / "mine.yaml").write_text(text)


def test_values_become_what_cloudformation_takes(tmp_path):
    write(
        tmp_path, "{stack_name: mine, region: us-east-1, tags: {n: 1}, parameters: {A: true, B: 2, C: [x, y], D: ''}}"
    )

    stage = read_stage("mine", tmp_path)

    assert stage.parameters == {"A": "true", "B": "2", "C": "x,y", "D": ""}
    assert (stage.name, stage.tags, stage.protected) == ("mine", {"n": "1"}, False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stack_name: mine", "region"),
        ("{stack_name: mine, region: us-east-1, colour: red}", "colour"),
        ("{stack_name: Mine, region: us-east-1}", "stack_name: at most 22"),
        ("{stack_name: mine-that-is-much-too-long, region: us-east-1}", "stack_name: at most 22"),
        ("{stack_name: my--own, region: us-east-1}", "stack_name: at most 22"),
        ("{stack_name: mine-, region: us-east-1}", "stack_name: at most 22"),
        ("{stack_name: mine, region: us-east-1, parameters: {A: }}", "A has no value"),
        ("{stack_name: mine, region: us-east-1, runtime: python3.11}", "runtime: one of python3.12, python3.13, not"),
        ("{stack_name: mine, region: us-east-1, architecture: aarch64}", "architecture: one of x86_64, arm64, not"),
        ("{stack_name: mine", "mine.yaml"),
        ("- a", "mine.yaml"),
        ("", "mine.yaml"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_its_name_and_the_reason(tmp_path, text, says):
    write(tmp_path, text)

    with pytest.raises(DeploymentFailed, match=says) as told:
        read_stage("mine", tmp_path)

    assert "mine.yaml" in str(told.value)


def test_a_stage_that_is_not_there_is_told_with_those_that_are(tmp_path):
    write(tmp_path, "")

    with pytest.raises(DeploymentFailed, match="there is no stage 'prod'; there are: mine"):
        read_stage("prod", tmp_path)


@pytest.mark.parametrize("name", STAGES)
def test_the_stages_that_come_along_say_what_the_template_knows(name, parameters):
    stage = read_stage(name)

    assert stage.parameters.keys() <= parameters.keys()
    for parameter, value in stage.parameters.items():
        allowed = parameters[parameter].get("AllowedValues")
        assert allowed is None or value in map(str, allowed), parameter


def test_the_production_stage_names_every_parameter(parameters):
    """Set, or commented out with its default: the file is its documentation."""
    text = (FOLDER / "prod.yaml").read_text()

    assert [parameter for parameter in parameters if f"  {parameter}: " not in text.replace("# ", "")] == []


def test_the_production_stage_cannot_be_deleted_by_accident():
    stage = read_stage("prod")

    assert stage.protected
    assert stage.parameters["DatabaseProtected"] == "true"


# ---- the command -----------------------------------------------------------------------------------------------


@pytest.fixture
def destroyed(monkeypatch):
    """The stages that the command would destroy, noted instead."""
    names = []
    monkeypatch.setattr(__main__, "destroy", lambda name, cloud, say: names.append(name))
    return names


def test_destroying_needs_the_name_of_the_stage_once_more(destroyed, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

    assert __main__.main(["destroy", "prod"]) == 1
    assert __main__.main(["destroy", "prod", "--confirm", "test"]) == 1
    assert destroyed == []
    assert "not confirmed: nothing was deleted" in capsys.readouterr().err

    assert __main__.main(["destroy", "prod", "--confirm", "prod"]) == 0
    assert destroyed == ["linkage-prod"]


def test_a_person_is_asked(destroyed, monkeypatch):
    monkeypatch.setattr(__main__.sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("builtins.input", lambda _question: "prod")

    assert __main__.main(["destroy", "prod"]) == 0

    assert destroyed == ["linkage-prod"]


@pytest.fixture
def deployed(monkeypatch):
    """The stages that the command would deploy, noted instead."""
    stages = []

    def deploy(_packages, stage, _cloud, _say):
        stages.append(stage)
        return {"ApiUrl": "https://api", "MigrateFunction": "f"}

    monkeypatch.setattr(__main__, "deploy", deploy)
    monkeypatch.setattr(__main__, "smoke_test", lambda url, say: None)
    return stages


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A function that writes a stage of the test's own."""
    monkeypatch.setattr(__main__, "read_stage", lambda name: read_stage(name, tmp_path))
    return lambda text: write(tmp_path, text)


def test_deploying_prints_the_url(deployed, capsys):
    assert __main__.main(["deploy", "prod"]) == 0

    assert "Server URL: https://api" in capsys.readouterr().out
    assert [stage.name for stage in deployed] == ["prod"]


def test_a_parameter_that_the_template_does_not_know_stops_it(deployed, mine, capsys):
    mine("{stack_name: mine, region: us-east-1, parameters: {Colour: red}}")

    assert __main__.main(["deploy", "mine"]) == 1

    assert deployed == []
    assert "unknown parameters: Colour" in capsys.readouterr().err


def test_a_region_whose_databases_cannot_be_verified_stops_it(deployed, mine, capsys):
    mine("{stack_name: mine, region: xx-north-9, parameters: {Managed: true}}")

    assert __main__.main(["deploy", "mine"]) == 1

    assert deployed == []
    assert "certificates/rds.pem" in capsys.readouterr().err


def test_a_plan_of_nothing_says_so(mine, capsys, monkeypatch):
    monkeypatch.setattr(__main__, "plan", lambda *_args: [])
    mine("{stack_name: mine, region: us-east-1}")

    assert __main__.main(["plan", "mine"]) == 0

    assert capsys.readouterr().out == "nothing would change\n"
