"""What IAM policies allow, as far as S3's are needed: who is not clearly allowed is refused.

A condition that is not known here makes an Allow not apply and a Deny apply, and so does NotAction or NotResource.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """What somebody asks for, and the condition keys that are known of it."""

    action: str
    resource: str
    conditions: Mapping[str, str]


def allows(policies: Iterable[Document], ask: Ask) -> bool:
    """Tell whether some statement of the policies allows it and none denies it.

    Examples
    --------
    >>> policy = {"Statement": {"Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::b/p/*"}}
    >>> allows([policy], Ask("s3:PutObject", "arn:aws:s3:::b/p/x", {}))
    True
    >>> allows([policy], Ask("s3:PutObject", "arn:aws:s3:::b/other", {}))
    False
    """
    statements = [statement for policy in policies for statement in listed(policy["Statement"])]
    effects: set[str] = {statement["Effect"] for statement in statements if _applies(statement, ask)}
    return effects == {"Allow"}


def listed(value: Any) -> list[Any]:
    """Return what may be one or several as a list."""
    return value if isinstance(value, list) else [value]


def _applies(statement: Mapping[str, Any], ask: Ask) -> bool:
    doubt: bool = statement["Effect"] == "Deny"
    if "NotAction" in statement or "NotResource" in statement:
        return doubt
    return (
        any(_matches(each.lower(), ask.action.lower()) for each in listed(statement["Action"]))
        and any(_matches(each, ask.resource) for each in listed(statement["Resource"]))
        and _holds(statement.get("Condition", {}), ask.conditions, doubt=doubt)
    )


def _holds(conditions: Mapping[str, Mapping[str, Any]], known: Mapping[str, str], *, doubt: bool) -> bool:
    known = {name.lower(): value for name, value in known.items()}
    verdicts = [
        _compare(operator, known.get(key.lower()), [str(value) for value in listed(wanted)], doubt=doubt)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    ]
    return all(verdicts)


def _compare(operator: str, found: str | None, wanted: list[str], *, doubt: bool) -> bool:
    comparison = _COMPARISONS.get(operator)
    if comparison is None or found is None:
        return doubt
    return comparison(found, wanted)


def _equal(found: str, wanted: list[str]) -> bool:
    return found in wanted


def _same_truth(found: str, wanted: list[str]) -> bool:
    return found.lower() in {value.lower() for value in wanted}


def _like(found: str, wanted: list[str]) -> bool:
    return any(_matches(pattern, found) for pattern in wanted)


_COMPARISONS: dict[str, Callable[[str, list[str]], bool]] = {
    "Bool": _same_truth,
    "StringEquals": _equal,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "StringNotEquals": lambda found, wanted: not _equal(found, wanted),
    "StringNotLike": lambda found, wanted: not _like(found, wanted),
}


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    """Translate IAM's two wildcards; nothing else is special, a bracket least of all."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
