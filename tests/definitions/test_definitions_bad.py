"""Each mistake has one file, and exactly the messages beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sloengine.definitions import load_definitions
from sloengine.errors import DefinitionsError

FOLDER = Path(__file__).parent / "bad"
FILES = sorted(FOLDER.glob("*.bad.yaml"))


@pytest.mark.parametrize("file", FILES, ids=[file.name.split(".")[0] for file in FILES])
def test_a_mistake_gets_exactly_its_messages(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    expected = (FOLDER / file.name.replace(".bad.yaml", ".expected")).read_text(encoding="utf-8")
    with pytest.raises(DefinitionsError) as caught:
        load_definitions(Path(file.name))
    assert str(caught.value) + "\n" == expected


def test_every_expected_message_belongs_to_a_mistake() -> None:
    wanted = {file.name.replace(".bad.yaml", ".expected") for file in FILES}
    assert {file.name for file in FOLDER.glob("*.expected")} == wanted


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &x 1\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(
        "apiVersion: sloengine/v1\nkind: Ignore\nmetadata: {name: A}\nspec: {entry: span.nam}\n",
        encoding="utf-8",
    )
    (tmp_path / "c.yaml").write_text("kind: SLO\n", encoding="utf-8")
    with pytest.raises(DefinitionsError) as caught:
        load_definitions(tmp_path)
    assert [Path(problem.position.file).name for problem in caught.value.problems] == [
        "a.yaml",
        "b.yaml",
        "c.yaml",
    ]


def test_a_name_that_may_stand_in_an_unreadable_file_is_not_called_unknown(tmp_path: Path) -> None:
    (tmp_path / "checkout.yaml").write_text("a: [\n", encoding="utf-8")
    (tmp_path / "slo.yaml").write_text(
        (FOLDER / "unknown-transaction.bad.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    with pytest.raises(DefinitionsError) as caught:
        load_definitions(tmp_path)
    assert {Path(problem.position.file).name for problem in caught.value.problems} == {
        "checkout.yaml"
    }
