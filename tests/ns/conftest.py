"""Failures in the shared checks show the values that they compared."""

import pytest

pytest.register_assert_rewrite("linkcases", "prepared", "scenarios")
