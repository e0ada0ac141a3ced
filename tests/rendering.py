"""What CloudFormation makes of a template under given parameters: conditions decided, `Fn::If` resolved.

References and attributes stay as they are; what is not made under these parameters is not there.
"""

from typing import Any

Template = dict[str, Any]
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
    return {"Fn::And": all, "Fn::Or": any, "Fn::Not": lambda found: not found[0]}[how](parts)


def _resolve(value: Any, decided: dict[str, bool]) -> Any:
    if isinstance(value, list):
        return [found for each in value if (found := _resolve(each, decided)) is not _NOTHING]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return _NOTHING
    if value.keys() == {"Fn::If"}:
        condition, one, other = value["Fn::If"]
        return _resolve(one if decided[condition] else other, decided)
    return {name: found for name, each in value.items() if (found := _resolve(each, decided)) is not _NOTHING}
