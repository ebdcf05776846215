"""Deployment roots for the tests of this directory."""

from pathlib import Path

import pytest
from etc_trees import Trees, deployments


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Deployment roots with empty /etc."""
    return deployments(tmp_path)
