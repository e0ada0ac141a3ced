"""The network, the API and the options of the deployed template."""

import re
from typing import Any

import pytest

from tests.rendering import (
    ALL_OPTIONS,
    listed,
    of_type,
    rendered,
    statements,
)

MANAGED_ALONE = ("AWS::EC2::", "AWS::ElastiCache::", "AWS::KMS::", "AWS::RDS::")


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
    """The names that a part of a template refers to."""
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    names = set().union(*map(references, value.values()))
    if "Ref" in value:
        names.add(value["Ref"])
    if "Fn::GetAtt" in value:
        names.add(listed(value["Fn::GetAtt"])[0].partition(".")[0])
    if "Fn::Sub" in value:
        text = listed(value["Fn::Sub"])[0]
        names |= {name.partition(".")[0] for name in re.findall(r"\$\{([\w:.]+)\}", text)}
    return names


@pytest.mark.parametrize("options", [{}, {"Managed": "true"}, {"Managed": "true", "Monitoring": "false"}, ALL_OPTIONS])
def test_nothing_speaks_of_what_is_not_made(source, options):
    made = rendered(source, **options)

    known = made["Resources"].keys() | source["Parameters"].keys() | {"RestAPIId", "RestAPI.Stage"}
    spoken_of = references(made["Resources"]) | references(made["Outputs"]) | references(made["Globals"])
    assert {name for name in spoken_of if not name.startswith("AWS::")} <= known


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


@pytest.mark.parametrize(("zones", "subnets"), [("1", ["SubnetA"]), ("2", ["SubnetA", "SubnetB"])])
def test_functions_and_endpoints_are_in_as_many_zones_as_are_paid_for(source, zones, subnets):
    made = rendered(source, Managed="true", EndpointZones=zones)

    wanted = [{"Ref": subnet} for subnet in subnets]
    assert made["Globals"]["Function"]["VpcConfig"]["SubnetIds"] == wanted
    assert made["Resources"]["SqsEndpoint"]["Properties"]["SubnetIds"] == wanted


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
