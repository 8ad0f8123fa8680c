from pinpipe_cli.sphinx_docstrings import shown

OPERATOR = """\
Makes topics.

:param topics: names, see :func:`~x.names`.
:return: a receipt
    of what was done.
:raises ValueError: never.
"""


def test_what_an_operator_returns_is_a_paragraph_before_its_arguments():
    assert shown(OPERATOR, of_class=True) == (
        "Makes topics.\n\n**Returns** a receipt of what was done.\n\n"
        ":param topics: names, see `x.names`.\n:raises ValueError: never.\n"
    )


def test_what_a_function_returns_stays_where_it_is():
    assert ":return: a receipt\n    of what was done.\n" in shown(OPERATOR, of_class=False)


def test_links_are_markdowns():
    text = "Sets it.\n\n.. seealso::\n    - `Logging\n      of X <https://x.example/a>`__\n\n:param x: y\n"
    assert shown(text, of_class=True) == (
        "Sets it.\n\nSee also:\n\n- [Logging\n  of X](https://x.example/a)\n\n:param x: y\n"
    )
