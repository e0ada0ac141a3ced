"""What must hold for every resource of the template that is deployed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.packaging import ROOT, build
from linkage import object_keys
from linkage.settings import Settings

MANAGED_ALONE = (
    "AWS::EC2::",
    "AWS::ElastiCache::",
    "AWS::KMS::",
    "AWS::RDS::",
    "AWS::SecretsManager::",
)
Template = dict[str, Any]


@pytest.fixture(scope="module")
def packages() -> Path:
    return build(ROOT / "build" / "packages")


@pytest.fixture(scope="module")
def template(packages: Path) -> Template:
    return json.loads((packages / "template.json").read_text())


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The properties of all resources of a type, by their names."""
    return {
        name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"] == kind
    }


def queue_events(template: Template) -> dict[str, Any]:
    """The workers, with what makes a queue call them."""
    functions = of_type(template, "AWS::Serverless::Function")
    return {
        name: properties["Events"]["Messages"]["Properties"]
        for name, properties in functions.items()
        if "Events" in properties
    }


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    assert policy["Version"] == "2012-10-17"
    return policy["Statement"]


def policies(template: Template) -> dict[str, list[dict[str, Any]]]:
    """What each role may do, whether it says so itself or a policy beside it does."""
    found = {
        f"{name}.{policy['PolicyName']}": statements(policy["PolicyDocument"])
        for name, role in of_type(template, "AWS::IAM::Role").items()
        for policy in role["Policies"]
    }
    for name, policy in of_type(template, "AWS::IAM::Policy").items():
        found[name] = statements(policy["PolicyDocument"])
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_it_is_what_cloudformation_understands(packages):
    lint = Path(sys.executable).with_name("cfn-lint")

    done = subprocess.run([lint, packages / "template.json"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


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


def test_every_bucket_blocks_public_access(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    assert buckets.keys() == {"UploadsBucket", "StoreBucket"}
    for bucket in buckets.values():
        blocked = bucket["PublicAccessBlockConfiguration"]
        assert len(blocked) == 4
        assert all(value is True for value in blocked.values())


def test_every_bucket_demands_tls(template):
    policies = of_type(template, "AWS::S3::BucketPolicy")

    for bucket in of_type(template, "AWS::S3::Bucket"):
        policy = policies[f"{bucket}Policy"]
        assert policy["Bucket"] == {"Ref": bucket}
        (denial,) = statements(policy["PolicyDocument"])
        assert denial == {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [
                {"Fn::GetAtt": [bucket, "Arn"]},
                {"Fn::Sub": f"${{{bucket}.Arn}}/*"},
            ],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }


def test_every_bucket_is_encrypted_and_drops_abandoned_uploads(template):
    for bucket in of_type(template, "AWS::S3::Bucket").values():
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


def test_manifests_alone_start_the_intake(template):
    store = of_type(template, "AWS::S3::Bucket")["StoreBucket"]

    (notification,) = store["NotificationConfiguration"]["QueueConfigurations"]

    (rule,) = notification["Filter"]["S3Key"]["Rules"]
    assert rule == {"Name": "prefix", "Value": object_keys.MANIFEST_PREFIX}
    assert notification["Queue"] == {"Fn::GetAtt": ["IntakeQueue", "Arn"]}


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
    assert {*roles, "UploadRole"} == of_type(template, "AWS::IAM::Role").keys()


def test_every_role_names_its_actions_and_its_resources(template):
    for role, allowed in policies(template).items():
        for statement in allowed:
            assert statement["Effect"] == "Allow", role
            assert not any("*" in action for action in listed(statement["Action"])), role
            for resource in listed(statement["Resource"]):
                assert isinstance(resource, dict), f"{role} says {resource}"


def test_the_api_alone_may_hand_out_the_upload_role(template):
    upload_role = of_type(template, "AWS::IAM::Role")["UploadRole"]
    may_assume = [
        role
        for role, allowed in policies(template).items()
        if any("sts:AssumeRole" in listed(each["Action"]) for each in allowed)
    ]

    (trust,) = statements(upload_role["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"AWS": {"Fn::GetAtt": ["ApiRole", "Arn"]}}
    assert may_assume == ["ApiMayHandOutUploadRole"]


def test_compare_touches_no_other_bucket_and_no_other_queue_than_it_needs(template):
    text = json.dumps(policies(template)["CompareRole.compare"])

    assert "UploadsBucket" not in text
    assert "DeleteQueue" not in text


def test_the_network_and_the_database_are_there_only_if_managed(template):
    for name, resource in template["Resources"].items():
        managed = resource["Type"].startswith(MANAGED_ALONE)
        assert resource.get("Condition") == ("Managed" if managed else None), name


def test_all_functions_run_on_the_same_python_with_the_same_layers(template):
    shared = template["Globals"]["Function"]

    assert shared["Layers"] == [{"Ref": "Dependencies"}, {"Ref": "Linkage"}]
    for layer in of_type(template, "AWS::Serverless::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == [shared["Runtime"]]
    for function in of_type(template, "AWS::Serverless::Function").values():
        assert not {"Runtime", "Layers", "Architectures"} & function.keys()


def test_no_secret_is_written_in_the_template(template):
    for name in ("DatabaseUrl", "RedisUrl"):
        assert template["Parameters"][name]["NoEcho"] is True
    database = template["Resources"]["Database"]["Properties"]
    assert "{{resolve:secretsmanager:" in json.dumps(database["MasterUserPassword"])


def test_the_largest_upload_fits_into_the_memory_of_the_intake(template):
    most = Settings(uploads_bucket="u", store_bucket="s").max_upload_bytes

    assert template["Resources"]["Intake"]["Properties"]["MemorySize"] * 2**20 >= most + 256 * 2**20
