from types import SimpleNamespace

from local.home import ROOT
from pinpipe_cli.source_links import on_page_markdown


def led(markdown, repo_url=""):
    page = SimpleNamespace(file=SimpleNamespace(abs_src_path=str(ROOT / "docs/how-to/x.md"), src_uri="how-to/x.md"))
    config = SimpleNamespace(docs_dir=str(ROOT / "docs"), repo_url=repo_url)
    return on_page_markdown(markdown, page=page, config=config)


def test_a_link_within_the_docs_stays():
    assert led("[data](../data.md#contracts), [x](x.md)") == "[data](../data.md#contracts), [x](x.md)"


def test_a_link_to_a_file_or_folder_of_the_repository_leads_there():
    text = "[a](../../include/schema.py#L3) and [b](../../include/schemas)"
    base = "https://git.example/pinpipe"
    assert (
        led(text, f"{base}/") == f"[a]({base}/blob/main/include/schema.py#L3) and [b]({base}/tree/main/include/schemas)"
    )


def test_where_the_repository_is_not_known_the_text_stays():
    assert led("see [include/schemas](../../include/schemas).") == "see include/schemas."


def test_what_is_code_stays_and_what_is_missing_is_told(caplog):
    block = "```\n[a](../../include/schemas)\n```"
    assert led(f"{block}\n[b](../../include/schemas)") == f"{block}\nb"
    led("[c](../../none.py)")
    assert [record.getMessage() for record in caplog.records] == [
        "how-to/x.md links to ../../none.py, which is not there"
    ]
