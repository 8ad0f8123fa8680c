import pytest

from local.databricks import references
from local.databricks.errors import ApiError


def test_a_reference_becomes_its_value_inside_other_text():
    values = {"job.parameters.day": "2026-01-02", "job.run_id": "7"}
    assert references.resolve("{{job.parameters.day}}/{{ job.run_id }}!", values) == "2026-01-02/7!"


def test_text_without_references_stays_as_it_is():
    assert references.resolve("{day} {{}", {}) == "{day} {{}"


def test_a_value_that_looks_like_a_reference_is_not_replaced_again():
    assert references.resolve("{{job.parameters.a}}", {"job.parameters.a": "{{job.id}}"}) == "{{job.id}}"


def test_an_unknown_reference_is_refused_by_name_with_those_there_are():
    with pytest.raises(ApiError, match=r"task 'a' refers to \{\{run\.id\}\}, which is none of job\.id"):
        references.check(["{{run.id}}"], references.OF_JOB, "task 'a'")
