"""The queues and the roles of the deployed template: queues keep their messages, roles are exact."""

import json
import re
from typing import Any

import pytest

from linkage.settings import Settings
from linkage.store import object_keys
from tests.rendering import (
    WORKERS,
    listed,
    of_type,
    policies,
    queue_events,
    rendered,
    statements,
)


def test_no_event_source_takes_the_name_of_another_resource(template):
    # SAM names it by the function and the event, put together.
    made = {f"{worker}Messages" for worker in queue_events(template)}

    assert len(made) == 6
    assert not made & template["Resources"].keys()


def test_every_queue_has_dead_letters_of_its_own(template):
    queues = of_type(template, "AWS::SQS::Queue")
    workers = queue_events(template)

    assert queues.keys() == {f"{worker}{kind}" for worker in workers for kind in ("Queue", "DeadLetters")}
    for worker in workers:
        redrive = queues[f"{worker}Queue"]["RedrivePolicy"]
        assert redrive == {
            "deadLetterTargetArn": {"Fn::GetAtt": [f"{worker}DeadLetters", "Arn"]},
            "maxReceiveCount": 5,
        }


def test_every_queue_is_encrypted(template):
    for queue in of_type(template, "AWS::SQS::Queue").values():
        assert queue["SqsManagedSseEnabled"] is True


def test_dead_letters_are_kept_longer_than_messages(template):
    queues = of_type(template, "AWS::SQS::Queue")

    for worker in queue_events(template):
        assert "MessageRetentionPeriod" not in queues[f"{worker}Queue"]  # 4 days
        assert queues[f"{worker}DeadLetters"]["MessageRetentionPeriod"] == 14 * 86400


def test_every_worker_is_called_by_its_queue_and_answers_message_by_message(template):
    for worker, event in queue_events(template).items():
        assert event["Queue"] == {"Fn::GetAtt": [f"{worker}Queue", "Arn"]}
        assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert "MaximumConcurrency" in event["ScalingConfig"]


def test_a_message_stays_hidden_six_times_as_long_as_its_worker_may_take(template):
    functions = of_type(template, "AWS::Serverless::Function")
    queues = of_type(template, "AWS::SQS::Queue")
    facts = template["Mappings"]["Workers"]

    assert facts.keys() == queue_events(template).keys()
    for worker, fact in facts.items():
        assert fact["VisibilitySeconds"] == 6 * fact["TimeoutSeconds"]
        timeout = functions[worker]["Timeout"]
        assert timeout == {"Fn::FindInMap": ["Workers", worker, "TimeoutSeconds"]}
        hidden = queues[f"{worker}Queue"]["VisibilityTimeout"]
        assert hidden == {"Fn::FindInMap": ["Workers", worker, "VisibilitySeconds"]}


def test_functions_are_told_the_longest_visibility_timeout(template):
    facts = template["Mappings"]["Workers"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]

    _, worker, fact = variables["VISIBILITY_TIMEOUT_S"]["Fn::FindInMap"]

    longest = max(each["VisibilitySeconds"] for each in facts.values())
    assert facts[worker][fact] == longest


def test_functions_are_told_every_queue_that_they_send_to(template):
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    own = of_type(template, "AWS::Serverless::Function")["Reconcile"]["Environment"]

    for worker in queue_events(template):
        name = worker.upper()
        if worker != "Intake":  # S3 alone writes to its queue
            assert shared[f"{name}_QUEUE_URL"] == {"Ref": f"{worker}Queue"}
        dead_letters = own["Variables"][f"{name}_DEAD_LETTERS_URL"]
        assert dead_letters == {"Ref": f"{worker}DeadLetters"}


def test_the_api_may_store_manifests_and_parked_bodies_alone(template):
    puts = [
        statement["Resource"]
        for statement in policies(template)["ApiRole.api"]
        if "s3:PutObject" in listed(statement["Action"])
    ]

    parked = object_keys.parked_encodings("p", "u").partition("/")[0] + "/"
    wanted = [object_keys.MANIFEST_PREFIX, parked]
    assert puts == [[{"Fn::Sub": f"${{StoreBucket.Arn}}/{each}*"} for each in wanted]]


def test_every_function_has_a_role_of_its_own(template):
    functions = of_type(template, "AWS::Serverless::Function").values()
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions]

    assert len(set(roles)) == len(roles)
    others = {"UploadRole", "DownloadRole", "ApiGatewayLogsRole", "FlowLogsRole"}
    assert {*roles, *others} == of_type(template, "AWS::IAM::Role").keys()


def name_of(resource: Any) -> str:
    """A resource of a statement, in short: `StoreBucket/intake/*`."""
    if isinstance(resource, str):
        return resource
    ((how, what),) = resource.items()
    if how == "Fn::GetAtt":
        return what[0]
    return (
        re.sub(r"\$\{(\w+)\.Arn\}", r"\1", what)
        .rpartition(":")[2]
        .replace("${Database.DBClusterResourceId}", "Database")
    )


def allowed(statements: list[dict[str, Any]]) -> set[str]:
    """The permissions of statements, without those of every function."""
    pairs = {
        f"{action} {name_of(resource)}"
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    return pairs - EVERY_FUNCTION


def take(*queues: str) -> set[str]:
    actions = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl")
    return {f"sqs:{action} {queue}" for action in actions for queue in queues}


def send(*workers: str) -> set[str]:
    return {f"sqs:SendMessage {worker}Queue" for worker in workers}


EVERY_FUNCTION = {
    *("logs:CreateLogStream Logs", "logs:PutLogEvents Logs"),
    *("ec2:CreateNetworkInterface *", "ec2:DescribeNetworkInterfaces *", "ec2:DescribeSubnets *"),
    *("ec2:DeleteNetworkInterface *", "ec2:AssignPrivateIpAddresses *", "ec2:UnassignPrivateIpAddresses *"),
    *("xray:PutTraceSegments *", "xray:PutTelemetryRecords *"),
}
KEY = {"kms:Decrypt StoreKey", "kms:GenerateDataKey StoreKey"}
DATABASE = {"rds-db:connect Database/linkage_service"}
CACHE = {"elasticache:Connect Cache", "elasticache:Connect CacheUser"}
RUNS = "StoreBucket/projects/*/runs/*"
READ_RUNS = {"s3:ListBucket StoreBucket", f"s3:GetObject {RUNS}"}
WRITE_RUNS = {"s3:ListBucket StoreBucket", "s3:GetObject StoreBucket/projects/*", f"s3:PutObject {RUNS}"}
ROLES = {
    "ApiRole.api": KEY | DATABASE | CACHE | READ_RUNS | send("Plan", "Delete", "Reconcile") | {
        "s3:ListBucket UploadsBucket", "s3:GetObject UploadsBucket/*",
        "s3:PutObject StoreBucket/intake/*", "s3:PutObject StoreBucket/parked/*",
        "s3:DeleteObject StoreBucket/parked/*",
    },
    "ApiMayHandOutRoles": {"sts:AssumeRole UploadRole", "sts:AssumeRole DownloadRole"},
    "DownloadRole.download": {
        "s3:GetObject StoreBucket/projects/*/runs/*/result-scores.bin", "kms:Decrypt StoreKey",
    },
    "UploadRole.upload": {
        "s3:PutObject UploadsBucket/*", "s3:AbortMultipartUpload UploadsBucket/*",
        "s3:ListMultipartUploadParts UploadsBucket/*",
    },
    "IntakeRole.intake": KEY | DATABASE | take("IntakeQueue") | send("Plan", "Reconcile") | {
        "s3:ListBucket UploadsBucket", "s3:GetObject UploadsBucket/*", "s3:DeleteObject UploadsBucket/*",
        "s3:ListBucket StoreBucket", "s3:GetObject StoreBucket/intake/*", "s3:DeleteObject StoreBucket/intake/*",
        "s3:GetObject StoreBucket/parked/*", "s3:DeleteObject StoreBucket/parked/*",
        "s3:PutObject StoreBucket/projects/*", "s3:AbortMultipartUpload StoreBucket/projects/*",
        "s3:DeleteObject StoreBucket/projects/*",
    },
    "PlanRole.plan":
        KEY | DATABASE | CACHE | WRITE_RUNS | take("PlanQueue") | send("Compare", "Solve", "Reconcile"),
    "CompareRole.compare": KEY | CACHE | WRITE_RUNS | take("CompareQueue") | send("Solve") | {
        f"s3:AbortMultipartUpload {RUNS}",
        f"s3:DeleteObject {RUNS}/candidates/*", f"s3:DeleteObject {RUNS}/spilled/*",
    },
    "SolveRole.solve":
        KEY | DATABASE | WRITE_RUNS | take("SolveQueue") | send("Reconcile") | {
            f"s3:DeleteObject {RUNS}", f"s3:AbortMultipartUpload {RUNS}",
        },
    "DeleteRole.delete": DATABASE | take("DeleteQueue") | send("Reconcile") | {
        f"s3:{action} {bucket}{part}"
        for bucket in ("StoreBucket", "UploadsBucket")
        for action, part in (
            ("ListBucket", ""), ("ListBucketMultipartUploads", ""),
            ("DeleteObject", "/*"), ("AbortMultipartUpload", "/*"),
        )
    },
    "ReconcileRole.reconcile":
        KEY | DATABASE | CACHE | READ_RUNS | send("Plan", "Compare", "Solve", "Delete", "Reconcile")
        | take("ReconcileQueue", *(f"{worker}DeadLetters" for worker in WORKERS))
        | {
            "s3:PutObject StoreBucket/intake/*", "s3:ListBucket UploadsBucket", "s3:DeleteObject UploadsBucket/*",
            *(f"sqs:GetQueueAttributes {step}Queue" for step in ("Intake", "Plan", "Compare", "Solve")),
        },
    "MigrateRole.migrate": {"rds-db:connect Database/linkage_owner"},
    "FlowLogsRole.flow-logs": {
        "logs:CreateLogStream RefusedTraffic", "logs:PutLogEvents RefusedTraffic",
        "logs:DescribeLogStreams RefusedTraffic", "logs:DescribeLogGroups *",
    },
}  # fmt: skip


def test_each_role_may_do_exactly_what_is_listed_here(template):
    """A change of a role changes this list too: the reviewer sees both."""
    assert {role: allowed(each) for role, each in policies(template).items()} == ROLES


def test_what_names_no_resource_is_listed_with_its_reason_in_the_template(template):
    wildcards = {
        action
        for each in policies(template).values()
        for statement in each
        if statement["Effect"] == "Allow" and statement["Resource"] == "*"
        for action in listed(statement["Action"])
    }

    without = {each.removesuffix(" *") for each in EVERY_FUNCTION if each.endswith(" *")}
    assert wildcards == {*without, "logs:DescribeLogGroups"}


def test_no_action_is_a_pattern(template):
    for role, each in policies(template).items():
        actions = [action for statement in each for action in listed(statement["Action"])]
        assert not [action for action in actions if "*" in action], role


def test_code_in_a_function_may_not_touch_network_interfaces(template):
    for role in {each for each in ROLES if each.startswith((*WORKERS, "Api", "Migrate")) and "." in each}:
        (denial,) = [each for each in policies(template)[role] if each["Effect"] == "Deny"]
        (condition,) = denial["Condition"]["ArnLike"]
        assert condition == "lambda:SourceFunctionArn"
        assert set(denial["Action"]) == {each.removesuffix(" *") for each in EVERY_FUNCTION if each.startswith("ec2:")}


def test_roles_are_assumed_by_the_service_that_needs_them_alone(template):
    for name, role in of_type(template, "AWS::IAM::Role").items():
        (trust,) = statements(role["AssumeRolePolicyDocument"])
        assert trust["Action"] == "sts:AssumeRole"
        assert trust["Principal"] == {
            "UploadRole": {"AWS": {"Fn::GetAtt": ["ApiRole", "Arn"]}},
            "DownloadRole": {"AWS": {"Fn::GetAtt": ["ApiRole", "Arn"]}},
            "ApiGatewayLogsRole": {"Service": "apigateway.amazonaws.com"},
            "FlowLogsRole": {"Service": "vpc-flow-logs.amazonaws.com"},
        }.get(name, {"Service": "lambda.amazonaws.com"})


def test_one_policy_of_aws_is_used_and_no_other(template):
    managed = [role.get("ManagedPolicyArns", []) for role in of_type(template, "AWS::IAM::Role").values()]

    (arn,) = [each["Fn::Sub"] for arns in managed for each in arns]

    assert arn.endswith("AmazonAPIGatewayPushToCloudWatchLogs")


@pytest.mark.parametrize(("role", "boundary"), [("UploadRole", "UploadBoundary"), ("DownloadRole", "DownloadBoundary")])
def test_the_api_alone_may_hand_out_a_role_and_no_policy_can_add_to_it(template, role, boundary):
    handed_out = of_type(template, "AWS::IAM::Role")[role]
    bound = of_type(template, "AWS::IAM::ManagedPolicy")[boundary]["PolicyDocument"]

    assert handed_out["PermissionsBoundary"] == {"Ref": boundary}
    assert allowed(statements(bound)) == ROLES[f"{role}.{role.removesuffix('Role').lower()}"]
    assert handed_out["MaxSessionDuration"] == 3600
    may_assume = [name for name, each in ROLES.items() if any(one.startswith("sts:") for one in each)]
    assert may_assume == ["ApiMayHandOutRoles"]


def test_compare_touches_no_other_bucket_and_no_other_queue_than_it_needs(template):
    text = json.dumps(policies(template)["CompareRole.compare"])

    assert "UploadsBucket" not in text
    assert "DeleteQueue" not in text


def test_endpoints_let_through_all_that_roles_allow(template):
    endpoints = of_type(template, "AWS::EC2::VPCEndpoint").values()
    let_through = {
        action
        for endpoint in endpoints
        for statement in statements(endpoint["PolicyDocument"])
        for action in listed(statement["Action"])
    }

    asked = {
        each.split()[0]
        for role, pairs in ROLES.items()
        if not role.startswith(("Upload", "FlowLogs"))
        for each in pairs
    }
    assert {each for each in asked if each.startswith(("s3:", "sqs:", "sts:"))} <= let_through
    (handing_out,) = statements(template["Resources"]["StsEndpoint"]["Properties"]["PolicyDocument"])
    assert allowed([handing_out]) == ROLES["ApiMayHandOutRoles"]


def test_connections_to_the_database_are_bounded_and_an_alarm_tells_of_more(template):
    default = {name: given.get("Default") for name, given in template["Parameters"].items()}
    who = [role for role, each in ROLES.items() if each & DATABASE]
    bounds = {event["Queue"]["Fn::GetAtt"][0]: event["ScalingConfig"] for event in queue_events(template).values()}

    connections = default["ApiConcurrency"]
    for role in who:
        if role != "ApiRole.api":
            bound = bounds[f"{role.partition('Role')[0]}Queue"]["MaximumConcurrency"]
            connections += default[bound["Ref"]] if isinstance(bound, dict) else bound

    assert connections < template["Resources"]["DatabaseConnectionsAlarm"]["Properties"]["Threshold"]


def test_all_functions_run_on_the_same_python_with_the_same_layers(template):
    shared = template["Globals"]["Function"]

    assert shared["Layers"] == [{"Ref": "Dependencies"}, {"Ref": "Kernel"}, {"Ref": "Linkage"}]
    for layer in of_type(template, "AWS::Serverless::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == [shared["Runtime"]]
        assert layer["CompatibleArchitectures"] == shared["Architectures"]
    for function in of_type(template, "AWS::Serverless::Function").values():
        assert not {"Runtime", "Layers", "Architectures"} & function.keys()


def test_every_layer_is_named_after_the_stack_and_itself(template):
    layers = of_type(template, "AWS::Serverless::LayerVersion")

    names = {layer["LayerName"]["Fn::Sub"] for layer in layers.values()}
    assert names == {f"${{AWS::StackName}}-{name.lower()}" for name in layers}


def test_no_secret_is_written_in_the_template(source):
    for name in ("DatabaseUrl", "RedisUrl"):
        assert source["Parameters"][name]["NoEcho"] is True
    assert "{{resolve:" not in json.dumps(source)  # it would be readable in a function's settings


@pytest.mark.parametrize("small", ["true", "false"])
def test_the_largest_upload_fits_into_the_memory_of_the_intake(source, small):
    template = rendered(source, SmallFunctions=small)
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    limits = {name: value for name, value in variables.items() if name == "MAX_UPLOAD_BYTES"}
    most = Settings.from_environment({"UPLOADS_BUCKET": "u", "STORE_BUCKET": "s", **limits}).max_upload_bytes

    assert template["Resources"]["Intake"]["Properties"]["MemorySize"] * 2**20 >= most + 256 * 2**20


@pytest.mark.parametrize("small", ["true", "false"])
def test_what_functions_are_told_is_text(source, small):
    """CloudFormation may write a number with an exponent."""
    variables = rendered(source, SmallFunctions=small)["Globals"]["Function"]["Environment"]["Variables"]

    assert {type(value) for value in variables.values()} <= {str, dict}


def test_a_new_account_may_have_small_functions(source):
    functions = of_type(rendered(source, SmallFunctions="true"), "AWS::Serverless::Function")

    assert max(properties["MemorySize"] for properties in functions.values()) == 3008


def test_methods_have_no_metrics_of_their_own(template):
    """Each would be paid for as a metric of ours."""
    settings = of_type(template, "AWS::Serverless::Api")["RestAPI"]["MethodSettings"]

    assert len(settings) == 2
    assert not [each for each in settings if each.get("MetricsEnabled")]
