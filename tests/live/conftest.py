"""Engines that are stopped in the middle of their work leave sockets to the garbage collector."""

import pytest

LEFT = "ignore::pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/live/" in item.path.as_posix():
            item.add_marker(pytest.mark.filterwarnings(LEFT))
