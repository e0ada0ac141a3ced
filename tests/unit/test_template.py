"""What must hold for every resource of the template that is deployed."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from infra.local.environments import python
from infra.packaging import ROOT, build
from linkage import object_keys
from linkage.settings import Settings
from tests.rendering import Template, rendered

MANAGED_ALONE = ("AWS::EC2::", "AWS::ElastiCache::", "AWS::KMS::", "AWS::RDS::")
WORKERS = ("Intake", "Plan", "Compare", "Solve", "Delete", "Reconcile")
ALL_OPTIONS = {
    "Managed": "true",
    "AlarmEmail": "operator@example.org",
    "Tracing": "true",
    "Firewall": "true",
    "DomainName": "linkage.example.org",
    "CertificateArn": "arn",
    "HostedZoneId": "zone",
    "EndpointZones": "2",
}


@pytest.fixture(scope="module")
def packages() -> Path:
    return build(ROOT / "build" / "packages")


@pytest.fixture(scope="module")
def source(packages: Path) -> Template:
    return json.loads((packages / "template.json").read_text())


@pytest.fixture(scope="module")
def template(source: Template) -> Template:
    """What is made on AWS, with every option that there is."""
    return rendered(source, **ALL_OPTIONS)


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
        for policy in role.get("Policies", [])
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


def test_a_security_linter_finds_nothing_that_is_not_explained(packages, tmp_path):
    """See infra/checkov.yaml for what is, and why."""
    command = [python("checkov"), "-m", "checkov.main", "--config-file", ROOT / "infra" / "checkov.yaml"]
    command += ["--file", packages / "template.json", "--skip-download"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 0, done.stdout + done.stderr
    passed, failed = map(int, re.search(r"Passed checks: (\d+), Failed checks: (\d+)", done.stdout).groups())
    assert passed > 100
    assert failed == 0


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

    assert buckets.keys() == {"UploadsBucket", "StoreBucket", "AccessLogsBucket"}
    for bucket in buckets.values():
        blocked = bucket["PublicAccessBlockConfiguration"]
        assert len(blocked) == 4
        assert all(value is True for value in blocked.values())


def test_every_bucket_belongs_to_the_account_whoever_writes_to_it(template):
    for bucket in of_type(template, "AWS::S3::Bucket").values():
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@pytest.mark.parametrize(
    "condition", [{"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}]
)
def test_every_bucket_demands_tls(template, condition):
    policies = of_type(template, "AWS::S3::BucketPolicy")

    for bucket in of_type(template, "AWS::S3::Bucket"):
        policy = policies[f"{bucket}Policy"]
        assert policy["Bucket"] == {"Ref": bucket}
        denial = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}],
            "Condition": condition,
        }
        assert denial in statements(policy["PolicyDocument"])


def test_every_bucket_drops_abandoned_uploads_after_a_day(template):
    for bucket in of_type(template, "AWS::S3::Bucket").values():
        rules = bucket["LifecycleConfiguration"]["Rules"]
        assert {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}} in rules


def test_the_store_is_encrypted_with_a_key_of_its_own_and_the_uploads_with_none_that_a_party_would_need(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    (store,) = buckets["StoreBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (uploads,) = buckets["UploadsBucket"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert store["BucketKeyEnabled"] is True
    key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Fn::GetAtt": ["StoreKey", "Arn"]}}
    assert store["ServerSideEncryptionByDefault"] == key
    assert uploads == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert of_type(template, "AWS::KMS::Key")["StoreKey"]["EnableKeyRotation"] is True


def test_what_is_needed_once_expires(template):
    rules = of_type(template, "AWS::S3::Bucket")["StoreBucket"]["LifecycleConfiguration"]["Rules"]

    expiring = {rule["Prefix"] for rule in rules if rule.get("ExpirationInDays") == 14}

    parked = object_keys.parked_encodings("p", "u").partition("/")[0] + "/"
    assert expiring == {object_keys.MANIFEST_PREFIX, parked}


def test_who_asks_the_buckets_for_what_is_logged(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    for name in ("UploadsBucket", "StoreBucket"):
        assert buckets[name]["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "AccessLogsBucket"}
    *_, delivery = statements(of_type(template, "AWS::S3::BucketPolicy")["AccessLogsBucketPolicy"]["PolicyDocument"])
    assert delivery["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert delivery["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_browsers_may_upload_and_read_results(template):
    buckets = of_type(template, "AWS::S3::Bucket")

    (uploads,) = buckets["UploadsBucket"]["CorsConfiguration"]["CorsRules"]
    (store,) = buckets["StoreBucket"]["CorsConfiguration"]["CorsRules"]

    assert {"PUT", "POST"} <= set(uploads["AllowedMethods"])
    assert uploads["ExposedHeaders"] == ["ETag"]  # without it a multipart upload cannot be completed
    assert set(store["AllowedMethods"]) == {"GET", "HEAD"}
    assert uploads["AllowedOrigins"] == store["AllowedOrigins"] == {"Ref": "BrowserOrigins"}


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
    others = {"UploadRole", "DownloadRole", "ApiGatewayLogsRole", "FlowLogsRole"}
    assert {*roles, *others} == of_type(template, "AWS::IAM::Role").keys()


def name_of(resource: Any) -> str:
    """A resource of a statement, as one says it: `StoreBucket/intake/*`."""
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
    """What statements allow, without what every function is allowed."""
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
READ_STORE = {"s3:ListBucket StoreBucket", "s3:GetObject StoreBucket/*"}
WRITE_STORE = {*READ_STORE, "s3:PutObject StoreBucket/*"}
ROLES = {
    "ApiRole.api": KEY | DATABASE | CACHE | READ_STORE | send("Plan", "Delete", "Reconcile") | {
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
    "IntakeRole.intake": KEY | DATABASE | WRITE_STORE | take("IntakeQueue") | send("Plan", "Reconcile") | {
        "s3:ListBucket UploadsBucket", "s3:GetObject UploadsBucket/*", "s3:DeleteObject UploadsBucket/*",
        "s3:DeleteObject StoreBucket/*", "s3:AbortMultipartUpload StoreBucket/*",
    },
    "PlanRole.plan":
        KEY | DATABASE | CACHE | WRITE_STORE | take("PlanQueue") | send("Compare", "Solve", "Reconcile"),
    "CompareRole.compare": KEY | CACHE | WRITE_STORE | take("CompareQueue") | send("Solve") | {
        "s3:AbortMultipartUpload StoreBucket/projects/*", "s3:DeleteObject StoreBucket/projects/*/runs/*/spilled/*",
    },
    "SolveRole.solve":
        KEY | DATABASE | WRITE_STORE | take("SolveQueue") | send("Reconcile") | {
            "s3:DeleteObject StoreBucket/*", "s3:AbortMultipartUpload StoreBucket/*",
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
        KEY | DATABASE | CACHE | READ_STORE | send("Plan", "Compare", "Solve", "Delete", "Reconcile")
        | take("ReconcileQueue", *(f"{worker}DeadLetters" for worker in WORKERS))
        | {"s3:PutObject StoreBucket/intake/*", "s3:ListBucket UploadsBucket", "s3:DeleteObject UploadsBucket/*"},
    "MigrateRole.migrate": {"rds-db:connect Database/linkage_owner"},
    "FlowLogsRole.flow-logs": {
        "logs:CreateLogStream RefusedTraffic", "logs:PutLogEvents RefusedTraffic",
        "logs:DescribeLogStreams RefusedTraffic", "logs:DescribeLogGroups *",
    },
}  # fmt: skip


def test_each_role_may_do_exactly_what_is_listed_here(template):
    """Who changes a role changes this list: the reviewer sees both."""
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


def test_what_a_cloud_of_ones_own_lacks_is_made_only_if_it_is_asked_for(source):
    small = rendered(source, Managed="false", Monitoring="false", DatabaseUrl="x", RedisUrl="x")
    types = {resource["Type"] for resource in small["Resources"].values()}

    assert not [each for each in types if each.startswith((*MANAGED_ALONE, "AWS::WAFv2", "AWS::Route53", "AWS::SNS"))]
    assert not types & {"AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter", "AWS::ApiGateway::Account"}
    assert "AWS::CloudWatch::Alarm" in types


def test_options_that_cost_are_off_by_default(source):
    types = {resource["Type"] for resource in rendered(source, Managed="true")["Resources"].values()}

    assert not [each for each in types if each.startswith(("AWS::WAFv2", "AWS::ApiGateway::Domain", "AWS::Route53"))]


def references(value: Any) -> set[str]:
    """The names that a part of a template speaks of."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(references, value.values()))
    if "Ref" in value:
        found.add(value["Ref"])
    if "Fn::GetAtt" in value:
        found.add(listed(value["Fn::GetAtt"])[0].partition(".")[0])
    if "Fn::Sub" in value:
        text = listed(value["Fn::Sub"])[0]
        found |= {name.partition(".")[0] for name in re.findall(r"\$\{([\w:.]+)\}", text)}
    return found


@pytest.mark.parametrize("options", [{}, {"Managed": "true"}, {"Managed": "true", "Monitoring": "false"}, ALL_OPTIONS])
def test_nothing_speaks_of_what_is_not_made(source, options):
    made = rendered(source, **options)

    known = made["Resources"].keys() | source["Parameters"].keys() | {"RestAPIId", "RestAPI.Stage"}
    spoken_of = references(made["Resources"]) | references(made["Outputs"]) | references(made["Globals"])
    assert {name for name in spoken_of if not name.startswith("AWS::")} <= known


# ---- the network -----------------------------------------------------------------------------------------------


def test_nothing_leads_out_of_the_network_or_into_it(template):
    types = {resource["Type"] for resource in template["Resources"].values()}

    leads_out = {
        "Route",
        "InternetGateway",
        "NatGateway",
        "EgressOnlyInternetGateway",
        "TransitGatewayAttachment",
        "EIP",
    }
    assert not types & {f"AWS::EC2::{each}" for each in leads_out}
    for group in of_type(template, "AWS::EC2::SecurityGroup").values():
        for rule in group.get("SecurityGroupIngress", []):
            assert "CidrIp" not in rule
            assert rule["SourceSecurityGroupId"] == {"Ref": "FunctionsSecurityGroup"}
        assert group["SecurityGroupEgress"]  # where none is said everything may go out
    for name in ("DataSecurityGroup", "EndpointsSecurityGroup"):
        (rule,) = template["Resources"][name]["Properties"]["SecurityGroupEgress"]
        assert rule["CidrIp"] == "127.0.0.1/32"


def test_endpoints_are_there_for_what_functions_ask_and_for_no_other(template):
    endpoints = of_type(template, "AWS::EC2::VPCEndpoint")

    kinds = {name: endpoint["VpcEndpointType"] for name, endpoint in endpoints.items()}
    assert kinds == {"S3Endpoint": "Gateway", "SqsEndpoint": "Interface", "StsEndpoint": "Interface"}
    for endpoint in endpoints.values():
        (statement,) = statements(endpoint["PolicyDocument"])
        assert statement["Condition"]["StringEquals"] == {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}
        assert "*" not in listed(statement["Resource"])


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


@pytest.mark.parametrize(("zones", "subnets"), [("1", ["SubnetA"]), ("2", ["SubnetA", "SubnetB"])])
def test_functions_and_endpoints_are_in_as_many_zones_as_are_paid_for(source, zones, subnets):
    made = rendered(source, Managed="true", EndpointZones=zones)

    wanted = [{"Ref": subnet} for subnet in subnets]
    assert made["Globals"]["Function"]["VpcConfig"]["SubnetIds"] == wanted
    assert made["Resources"]["SqsEndpoint"]["Properties"]["SubnetIds"] == wanted


# ---- the database and the cache --------------------------------------------------------------------------------


def test_the_database_sleeps_is_encrypted_and_is_reached_from_inside_alone(template):
    database = template["Resources"]["Database"]
    properties = database["Properties"]

    assert properties["ServerlessV2ScalingConfiguration"]["MinCapacity"] == 0
    assert properties["StorageEncrypted"] is True
    assert properties["Port"] == 5432  # CloudFormation's default is MySQL's
    assert database["DeletionPolicy"] == database["UpdateReplacePolicy"] == "Snapshot"
    assert of_type(template, "AWS::RDS::DBInstance")["DatabaseInstance"]["PubliclyAccessible"] is False
    assert template["Resources"]["DatabaseParameters"]["Properties"]["Parameters"]["rds.force_ssl"] == "1"


def test_nobody_has_a_password_of_the_database_and_its_server_is_verified(template, packages):
    properties = template["Resources"]["Database"]["Properties"]
    variables = template["Globals"]["Function"]["Environment"]["Variables"]

    assert properties["ManageMasterUserPassword"] is True  # RDS changes it every seven days
    assert "MasterUserPassword" not in properties
    assert properties["EnableIAMDatabaseAuthentication"] is True
    assert variables["DATABASE_IAM"] == {"Ref": "Managed"}
    url = urlsplit(variables["DATABASE_URL"]["Fn::Sub"])
    assert (url.username, url.password) == ("linkage_service", None)
    query = dict(parse_qsl(url.query))
    assert query["sslmode"] == "verify-full"
    (layer,) = packages.glob("layer-linkage-*.zip")
    with zipfile.ZipFile(layer) as archive:
        assert query["sslrootcert"].removeprefix("/opt/") in archive.namelist()


def test_the_migrations_alone_connect_as_the_owner_of_the_tables(template):
    functions = of_type(template, "AWS::Serverless::Function")
    urls = {
        name: each.get("Environment", {}).get("Variables", {}).get("DATABASE_URL") for name, each in functions.items()
    }

    assert urlsplit(urls.pop("Migrate")["Fn::Sub"]).username == "linkage_owner"
    assert not any(urls.values())


def test_the_cache_is_reached_with_tls_and_a_role(template):
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    user = template["Resources"]["CacheUser"]["Properties"]

    url = urlsplit(variables["REDIS_URL"]["Fn::Sub"])
    assert url.scheme == "rediss"
    assert dict(parse_qsl(url.query)) == {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}
    assert variables["REDIS_IAM_CACHE"] == {"Ref": "Cache"}
    assert user["AuthenticationMode"] == {"Type": "iam"}
    assert user["UserId"] == user["UserName"]  # else IAM does not sign it in
    assert template["Resources"]["Cache"]["Properties"]["UserGroupId"] == {"Ref": "CacheUsers"}


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


# ---- the API ---------------------------------------------------------------------------------------------------


def test_the_api_is_regional_throttled_and_logs_nothing_that_is_secret(template):
    api = of_type(template, "AWS::Serverless::Api")["RestAPI"]

    assert api["EndpointConfiguration"] == "REGIONAL"
    assert all({"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= each.keys() for each in api["MethodSettings"])
    assert api["MethodSettings"][0]["ResourcePath"] == "/*"
    assert api["AccessLogSetting"]["DestinationArn"] == {"Fn::GetAtt": ["AccessLogs", "Arn"]}
    logged = set(re.findall(r"\$context\.([\w.]+)", api["AccessLogSetting"]["Format"]))
    assert not [each for each in logged if re.search("authorizer|apiKey|header|user", each)]


def test_throttled_methods_are_there(template):
    api = of_type(template, "AWS::Serverless::Api")["RestAPI"]

    for setting in api["MethodSettings"][1:]:
        path = setting["ResourcePath"].removeprefix("/").replace("~1", "/")
        assert setting["HttpMethod"].lower() in api["DefinitionBody"]["paths"][path]


def test_the_api_is_the_only_thing_that_the_public_reaches(template):
    for permission in of_type(template, "AWS::Lambda::Permission").values():
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert "SourceArn" in permission
    for policy in [
        *of_type(template, "AWS::S3::BucketPolicy").values(),
        *of_type(template, "AWS::SQS::QueuePolicy").values(),
    ]:
        for statement in statements(policy["PolicyDocument"]):
            if statement["Effect"] == "Allow":
                assert statement["Principal"].keys() == {"Service"}
                assert statement["Condition"]
    types = {resource["Type"] for resource in template["Resources"].values()}
    assert not types & {"AWS::Lambda::Url", "AWS::Serverless::HttpApi"}


def test_the_firewall_and_the_domain_stand_before_the_stage_that_clients_use(template):
    resources = template["Resources"]

    (rule,) = resources["WebAcl"]["Properties"]["Rules"]
    assert rule["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 503  # clients retry nothing else
    assert resources["WebAclOfApi"]["Properties"]["ResourceArn"]["Fn::Sub"].endswith("/stages/${RestAPI.Stage}")
    assert resources["DomainOfApi"]["Properties"]["BasePath"] == "api"
    assert resources["Domain"]["Properties"]["SecurityPolicy"] == "TLS_1_2"


@pytest.mark.parametrize(
    ("region", "parameters", "given"),
    [
        ("us-east-1", {}, "true"),
        ("eu-central-1", {}, "false"),
        ("eu-central-1", {"UploadCredentials": "always"}, "true"),
        ("us-east-1", {"UploadCredentials": "never"}, "false"),
        ("eu-central-1", {"UploadEndpoint": "store.example.org"}, "true"),
    ],
)
def test_credentials_are_handed_out_where_released_clients_can_use_them(source, region, parameters, given):
    made = rendered(source, region, **parameters)

    assert made["Globals"]["Function"]["Environment"]["Variables"]["UPLOAD_CREDENTIALS"] == given


# ---- watching over it ------------------------------------------------------------------------------------------


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
        kind = re.sub("^(Intake|Plan|Compare|Solve|Delete|Reconcile)|Alarm$", "", name)
        assert f"### {kind}" in runbook or f"### {name.removesuffix('Alarm')}" in runbook, name


def test_filters_find_what_the_service_logs(template):
    reconciling = (ROOT / "layers/linkage/python/linkage/reconciling.py").read_text()

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


def test_all_functions_run_on_the_same_python_with_the_same_layers(template):
    shared = template["Globals"]["Function"]

    assert shared["Layers"] == [{"Ref": "Dependencies"}, {"Ref": "Kernel"}, {"Ref": "Linkage"}]
    for layer in of_type(template, "AWS::Serverless::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == [shared["Runtime"]]
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


def test_the_largest_upload_fits_into_the_memory_of_the_intake(source):
    most = Settings(uploads_bucket="u", store_bucket="s").max_upload_bytes

    assert source["Resources"]["Intake"]["Properties"]["MemorySize"] * 2**20 >= most + 256 * 2**20
