"""`--update` rewrites golden texts; under tests the verifier runs after every stage."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update", action="store_true", help="rewrite the expectations of the golden cases"
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ["MORULA_VERIFY"] = "1"
