"""Policies as IAM reads them: every request that is not clearly allowed is refused."""

import pytest

from infra.local.localstack_plugin.s3_permissions.policies import Ask, allows

PUT = Ask("s3:PutObject", "arn:aws:s3:::bucket/party/file", {"aws:SecureTransport": "true", "s3:prefix": "party/"})


def policy(**statement):
    return {
        "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*"} | statement]
    }


@pytest.mark.parametrize(
    "statement",
    [
        {},
        {"Action": ["s3:GetObject", "s3:putobject"]},
        {"Action": "s3:*"},
        {"Action": "*", "Resource": "*"},
        {"Resource": "arn:aws:s3:::bucket/party/????"},
        {"Condition": {"Bool": {"aws:securetransport": True}}},
        {"Condition": {"StringLike": {"s3:prefix": ["other/*", "party/*"]}}},
        {"Condition": {"StringNotEquals": {"s3:prefix": "other/"}}},
    ],
)
def test_what_is_allowed(statement):
    assert allows([policy(**statement)], PUT)


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": "s3:GetObject"},
        {"Action": "s3:Put"},
        {"Resource": "arn:aws:s3:::bucket/party"},
        {"Resource": "arn:aws:s3:::bucket/party/?"},
        {"Resource": "arn:aws:s3:::bucket/[p]arty/*"},
        {"Resource": "arn:aws:s3:::bucket2/*"},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Condition": {"StringEquals": {"s3:prefix": "party"}}},
        {"Condition": {"StringEquals": {"s3:prefix": "party/", "aws:PrincipalTag/x": "y"}}},
        {"Condition": {"NumericLessThan": {"s3:max-keys": "10"}}},
        {"Condition": {"ForAllValues:StringEquals": {"s3:prefix": "party/"}}},
    ],
)
def test_what_is_not(statement):
    assert not allows([policy(**statement)], PUT)


def test_no_policy_allows_nothing():
    assert not allows([], PUT)
    assert not allows([{"Statement": []}], PUT)


@pytest.mark.parametrize(
    "denial",
    [
        {},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
        {"NotAction": "s3:PutObject"},
        {"NotResource": "arn:aws:s3:::bucket/*"},
    ],
)
def test_a_denial_goes_before_what_allows_even_where_it_is_not_understood(denial):
    assert not allows([policy(), policy(Effect="Deny", **denial)], PUT)


def test_a_denial_of_something_else_denies_nothing():
    others = [
        policy(Effect="Deny", Action="s3:GetObject"),
        policy(Effect="Deny", Resource="arn:aws:s3:::bucket/other/*"),
        policy(Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}),
    ]
    assert allows([policy(), *others], PUT)


def test_an_exclusion_allows_nothing():
    statement = {"Effect": "Allow", "NotAction": "s3:GetObject", "Resource": "*"}
    assert not allows([{"Statement": statement}], PUT)
