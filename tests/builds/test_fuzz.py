"""For any input bytes, each path of the kernel finds the pairs of the definition; the solver answers or refuses."""

import shutil

import pytest

from tests.builds.fuzzing import NOT_THERE, fuzz


def test_inputs_chosen_by_what_they_reach_break_nothing(tmp_path):
    compiler = shutil.which("clang++")
    if compiler is None:
        pytest.skip(NOT_THERE)

    done = fuzz(compiler, tmp_path, seconds=5)

    assert done.returncode == 0, done.stdout
