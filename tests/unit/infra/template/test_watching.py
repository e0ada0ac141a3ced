"""The alarms, logs and traces of the deployed template, and their documentation."""

import re

from infra.deploy.stages import read_stage
from infra.packaging import ROOT
from tests.rendering import Template, of_type, queue_events, rendered


def alarms_on(template: Template, metric: str) -> set[str]:
    """The resources whose metric has an alarm."""
    return {
        value.get("Ref") or value["Fn::GetAtt"][0]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if alarm["MetricName"] == metric
        for value in [alarm["Dimensions"][0]["Value"]]
    }


def test_every_queue_and_every_function_has_its_alarms(template):
    queues, functions = of_type(template, "AWS::SQS::Queue"), of_type(template, "AWS::Serverless::Function")
    dead = {queue for queue in queues if queue.endswith("DeadLetters")}

    assert alarms_on(template, "ApproximateNumberOfMessagesVisible") == dead
    assert alarms_on(template, "ApproximateAgeOfOldestMessage") == queues.keys() - dead
    watched = functions.keys() - {"Migrate"}  # a deployment tells itself whether it failed
    assert alarms_on(template, "Errors") == alarms_on(template, "Throttles") == watched


def test_every_alarm_tells_somebody_and_the_runbook_tells_what_to_do(template):
    runbook = (ROOT / "docs" / "operations.md").read_text()

    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert "docs/operations.md" in alarm["AlarmDescription"]
        kind = re.sub("^(Api|Intake|Plan|Compare|Solve|Delete|Reconcile)|Alarm$", "", name)
        assert f"### {kind}" in runbook or f"### {name.removesuffix('Alarm')}" in runbook, name


def test_filters_find_what_the_service_logs(template):
    reconciling = (ROOT / "layers/linkage/python/linkage/upkeep/reconciling.py").read_text()

    pattern = template["Resources"]["StuckRuns"]["Properties"]["FilterPattern"]

    before, after = re.search(r'"(.*)\*(.*)\*"', pattern).groups()
    assert f"{before}%s{after}" in reconciling


def test_no_log_is_kept_for_ever(template):
    assert all(group["RetentionInDays"] for group in of_type(template, "AWS::Logs::LogGroup").values())


def test_traces_are_an_option_for_the_api_and_every_function(source):
    for option, mode in (("true", "Active"), ("false", "PassThrough")):
        made = rendered(source, Tracing=option)
        assert made["Globals"]["Function"]["Tracing"] == mode
        assert made["Resources"]["RestAPI"]["Properties"]["TracingEnabled"] is (option == "true")
        assert not any("Tracing" in each for each in of_type(made, "AWS::Serverless::Function").values())


def test_the_idle_cost_is_calculated_for_what_is_made(source):
    """The table of docs/cost.md counts the resources of the default production stage, and adds up."""
    made = rendered(source, **read_stage("prod").parameters)
    idle, _, _ = (ROOT / "docs" / "cost.md").read_text().partition("## A run")
    rows = [line.split("|") for line in idle.splitlines() if line.startswith("| ")]
    table = {row[1].strip(): [cell.strip() for cell in row[2:5]] for row in rows}
    endpoints = of_type(made, "AWS::EC2::VPCEndpoint").values()
    paid = [each for each in endpoints if each["VpcEndpointType"] == "Interface"]

    assert table["interface endpoints (SQS, STS)"][0] == f"{len(paid)} x {len(paid[0]['SubnetIds'])} zone"
    assert table["alarms"][0] == str(len(of_type(made, "AWS::CloudWatch::Alarm")))
    assert table["KMS key"][0] == str(len(of_type(made, "AWS::KMS::Key")))
    asked = next(cells for name, cells in table.items() if name.startswith("messages"))
    assert asked[0].startswith(f"{len(queue_events(made))} queues")
    items = [float(cells[2].removeprefix("$")) for name, cells in table.items() if cells[2].startswith("$")]
    assert f"**${sum(items):.2f}**" == table["**all**"][2]
