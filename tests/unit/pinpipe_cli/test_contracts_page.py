from include.schema import datasets
from pinpipe_cli import contracts_page


def test_the_page_is_what_the_contracts_say():
    assert contracts_page.main(["--check"]) == 0


def test_the_page_names_every_column_and_every_rule():
    text = contracts_page.page()
    for of in datasets():
        section = text.split(f"## {of.name}, version {of.version}\n")[1].split("\n## ")[0]
        for column in of.columns:
            (row,) = [line for line in section.splitlines() if line.startswith(f"| `{column.name}` |")]
            assert all(f"`{rule.name}`" in row for rule in column.rules)


def test_a_page_that_is_behind_is_told(monkeypatch, tmp_path, capsys):
    behind = contracts_page.ROOT / "docs" / "data.md"
    monkeypatch.setattr(contracts_page, "PAGE", behind)
    assert contracts_page.main(["--check"]) == 1
    assert "docs/data.md is not what the contracts say: run `make docs`" in capsys.readouterr().err
