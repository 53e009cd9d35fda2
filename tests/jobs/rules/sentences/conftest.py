"""Failing claims show their values."""

import pytest

pytest.register_assert_rewrite("tests.jobs.rules.sentences")
