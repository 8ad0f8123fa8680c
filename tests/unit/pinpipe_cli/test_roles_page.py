from include.iam_roles import ROLES
from pinpipe_cli import roles_page


def test_the_page_is_what_the_documents_say_whatever_the_caller_has_set(monkeypatch):
    monkeypatch.setenv("PINPIPE_BUCKET", "mine")
    monkeypatch.setenv("PINPIPE_REGION", "eu-west-1")
    assert roles_page.main(["--check"]) == 0


def test_every_role_has_its_section_and_no_account_is_shown():
    text = roles_page.page()
    assert all(f"\n## {role}\n" in text for role in ROLES)
    assert "111122223333" not in text
    assert "<<" not in text


def test_the_page_links_to_the_documents():
    for role in ROLES:
        for document in ("trust", "policy"):
            assert (roles_page.PAGE.parent / "../../include/iam" / role / f"{document}.yaml").resolve().is_file()


def test_a_page_that_is_behind_is_told(monkeypatch, capsys):
    monkeypatch.setattr(roles_page, "PAGE", roles_page.ROOT / "docs" / "data.md")
    assert roles_page.main(["--check"]) == 1
    assert "docs/data.md is not what include/iam says: run `make docs`" in capsys.readouterr().err
