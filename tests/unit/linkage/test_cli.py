"""The command: an answer, a refusal, or wrong usage, told apart by the exit code."""

import json

import pytest

from linkage.cli import main

RUN = ["cost", "--records", "1e4,2e4", "--threshold", "0.8"]


def test_the_answer_comes_with_all_that_it_takes_for_given(capsys):
    assert main([*RUN, "--workers", "7"]) == 0

    told = capsys.readouterr()
    assert told.err == ""
    assert "200,000,000 comparisons in 1 chunks" in told.out
    assert "with 7 workers" in told.out
    assert "Taken for given:" in told.out
    assert "list prices of us-east-1, mid 2026" in told.out


def test_json_says_the_same_for_programs(capsys):
    assert main([*RUN, "--workers", "7", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["comparisons"] == 200_000_000
    assert [scenario["workers"] for scenario in told["scenarios"]] == [1, 7, 100, 1000]
    for scenario in told["scenarios"]:
        assert scenario["total_dollars"] == pytest.approx(sum(scenario["dollars"].values()))
    assert told["prices"]["SQS"] == {"dollars": 0.4, "per": 1_000_000, "unit": "requests"}


@pytest.mark.parametrize(
    ("blocks", "comparisons"),
    [
        (["--blocks", "5:20"], 10_000_000),
        (["--blocks", "5", "--comparisons", "1e6"], 1_000_000),
        (["--comparisons", "1e6"], 1_000_000),
    ],
)
def test_blocks_are_told_by_their_size_or_by_what_they_leave(capsys, blocks, comparisons):
    assert main(["cost", "--records", "1e5,1e5", "--threshold", "0.8", *blocks, "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["comparisons"] == pytest.approx(comparisons, rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--blocks", "5"], "the size of a block"),
        (["--blocks", "5:20", "--comparisons", "1e6"], "not both"),
        (["--comparisons", "1e12"], "comparisons, not 1,000,000,000,000"),
        (["--encoding-size", "100"], "multiple"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(capsys, arguments, reason):
    assert main([*RUN, *arguments]) == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("linkage: ")
    assert reason in told.err


def test_a_data_set_that_the_service_would_not_take_is_refused(capsys):
    assert main(["cost", "--records", "1e8,1e6", "--threshold", "0.8"]) == 1

    assert "a data set of 100,000,000 records needs 14.9 GiB" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["cost"],
        ["cost", "--records", "1e6", "--threshold", "0.8"],
        ["cost", "--records", "1e6,0", "--threshold", "0.8"],
        ["cost", "--records", "1e6,1.5", "--threshold", "0.8"],
        ["cost", "--records", "1e6,many", "--threshold", "0.8"],
        ["cost", "--records", "1e6,1e999", "--threshold", "0.8"],
        [*RUN, "--threshold", "0"],
        [*RUN, "--threshold", "1.01"],
        [*RUN, "--threshold", "nan"],
        [*RUN, "--blocks", "5:0"],
        [*RUN, "--blocks", "5:x"],
        [*RUN, "--blocks", ":5"],
        [*RUN, "--engine", "steam"],
        [*RUN, "--workers", "0"],
    ],
)
def test_wrong_usage_is_told(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "usage: linkage" in capsys.readouterr().err
