"""What all tests share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests cache apart from the user's cache: one folder for all tests of a session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INFOT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
