"""Evaluate IAM policies, as far as S3 needs them: a request that is not clearly allowed is refused.

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
    """A request: its action, its resource, and the condition keys that are known."""

    action: str
    resource: str
    conditions: Mapping[str, str]


def allows(policies: Iterable[Document], ask: Ask) -> bool:
    """Tell whether some statement of the policies allows a request and none denies it.

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
    """Return a value as a list: a policy may hold one or several."""
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


def _compare(operator: str, value: str | None, wanted: list[str], *, doubt: bool) -> bool:
    comparison = _COMPARISONS.get(operator)
    if comparison is None or value is None:
        return doubt
    return comparison(value, wanted)


def _equal(value: str, wanted: list[str]) -> bool:
    return value in wanted


def _same_truth(value: str, wanted: list[str]) -> bool:
    return value.lower() in {text.lower() for text in wanted}


def _like(value: str, wanted: list[str]) -> bool:
    return any(_matches(pattern, value) for pattern in wanted)


_COMPARISONS: dict[str, Callable[[str, list[str]], bool]] = {
    "Bool": _same_truth,
    "StringEquals": _equal,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "StringNotEquals": lambda value, wanted: not _equal(value, wanted),
    "StringNotLike": lambda value, wanted: not _like(value, wanted),
}


def _matches(pattern: str, text: str) -> bool:
    return _compiled(pattern).fullmatch(text) is not None


@cache
def _compiled(pattern: str) -> "re.Pattern[str]":
    """Translate IAM's two wildcards; nothing else is special, a bracket least of all."""
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)
