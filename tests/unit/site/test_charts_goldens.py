"""Charts are drawn exactly as they were."""

import pytest
from tests.unit.site.drawn import FOLDER, charts


@pytest.mark.parametrize("name", sorted(charts()))
def test_a_chart_is_drawn_as_it_was(name: str) -> None:
    assert f"{charts()[name].svg}\n".replace("><", ">\n<") == (FOLDER / f"{name}.html").read_text()


def test_every_golden_has_its_chart() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(charts())
