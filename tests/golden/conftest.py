"""`pytest tests/golden --golden-update` writes the golden files anew; look at the diff."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-update", action="store_true", help="write the golden files instead of comparing")


@pytest.fixture(scope="session")
def golden_update(pytestconfig: pytest.Config) -> bool:
    # Unknown where pytest was started above this folder, which then is not there yet when options are read.
    return bool(pytestconfig.getoption("--golden-update", default=False))
