"""Render a template as CloudFormation does: conditions decided by given parameters, `Fn::If` resolved.

References and attributes stay as they are; what is not made under these parameters is not there.
"""

from typing import Any

Template = dict[str, Any]
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
"""The parameters that enable every option of the template."""
_NOTHING = object()


def rendered(template: Template, region: str = "us-east-1", **parameters: str) -> Template:
    """The template's resources and outputs, under its defaults and these parameters."""
    values: dict[str, Any] = {name: given.get("Default") for name, given in template["Parameters"].items()}
    unknown = parameters.keys() - values.keys()
    assert not unknown, f"no such parameters: {unknown}"
    values |= parameters | {"AWS::Region": region}
    decided = {name: _decide(condition, template, values) for name, condition in template["Conditions"].items()}
    made = {
        part: {
            name: _resolve(each, decided)
            for name, each in template[part].items()
            if decided.get(each.get("Condition"), True)
        }
        for part in ("Resources", "Outputs")
    }
    return {**template, **made, "Globals": _resolve(template["Globals"], decided)}


def _decide(condition: dict[str, Any], template: Template, values: dict[str, Any]) -> bool:
    ((how, what),) = condition.items()
    if how == "Condition":
        return _decide(template["Conditions"][what], template, values)
    if how == "Fn::Equals":
        left, right = (str(values[side["Ref"]] if isinstance(side, dict) else side) for side in what)
        return left == right
    parts = [_decide(part, template, values) for part in what]
    if how == "Fn::Not":
        return not parts[0]
    return {"Fn::And": all, "Fn::Or": any}[how](parts)


def _resolve(value: Any, decided: dict[str, bool]) -> Any:
    if isinstance(value, list):
        return [result for each in value if (result := _resolve(each, decided)) is not _NOTHING]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return _NOTHING
    if value.keys() == {"Fn::If"}:
        condition, one, other = value["Fn::If"]
        return _resolve(one if decided[condition] else other, decided)
    return {name: result for name, each in value.items() if (result := _resolve(each, decided)) is not _NOTHING}


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The properties of all resources of a type, by their names."""
    return {
        name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"] == kind
    }


def queue_events(template: Template) -> dict[str, Any]:
    """The workers, with their event source mappings."""
    functions = of_type(template, "AWS::Serverless::Function")
    return {
        name: properties["Events"]["Messages"]["Properties"]
        for name, properties in functions.items()
        if "Events" in properties
    }


def statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    assert policy["Version"] == "2012-10-17"
    stated: list[dict[str, Any]] = policy["Statement"]
    return stated


def policies(template: Template) -> dict[str, list[dict[str, Any]]]:
    """The permissions of each role, from its own policies and from those beside it."""
    permissions = {
        f"{name}.{policy['PolicyName']}": statements(policy["PolicyDocument"])
        for name, role in of_type(template, "AWS::IAM::Role").items()
        for policy in role.get("Policies", [])
    }
    for name, policy in of_type(template, "AWS::IAM::Policy").items():
        permissions[name] = statements(policy["PolicyDocument"])
    return permissions


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
