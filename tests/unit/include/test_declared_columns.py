"""What is declared of a data set: a new column that is wanted, and contracts that say what no rule judges by."""

import copy
from importlib import resources

import pytest
import yaml

from include import schema
from include.contracts import contract
from include.schema import dataset

DECLARED = {name: dataset(name) for name in schema.DATASETS}
SWATCH = {"description": "Swatch of the pin.", "type": ["string", "number", "null"], "x-conversion": "text"}


@pytest.fixture
def load(monkeypatch):
    """Return what loads a data set of changed declarations."""

    def load(name="pin", *, properties=None, required=(), columns=None, clean=()):
        sent = copy.deepcopy(contract(name, 1))
        for column, of in (properties or {}).items():
            sent["properties"][column] = {**sent["properties"].get(column, {}), **of}
            sent["properties"][column] = {k: v for k, v in sent["properties"][column].items() if v is not None}
        sent["required"] += required
        monkeypatch.setattr(schema, "contract", lambda *_: sent)
        declared = yaml.safe_load(resources.files("include").joinpath("schemas", f"{name}.yaml").read_text())
        declared["columns"] |= columns or {}
        declared["clean"] += clean
        return schema._from_mapping(declared)

    return load


@pytest.mark.parametrize("name", schema.DATASETS)
def test_what_is_declared_loads(load, name):
    assert load(name) == DECLARED[name]


def test_an_optional_column_is_one_more_that_may_be_null(load):
    pin = load(
        properties={"swatch": SWATCH}, columns={"swatch": {"sql": "text"}}, clean=[{"name": "swatch", "type": "string"}]
    )
    assert (pin.columns[-1].name, pin.columns[-1].optional, pin.clean[-1].sources) == ("swatch", True, ("swatch",))
    assert pin.nullable_clean == (*DECLARED["pin"].nullable_clean, "swatch")
    assert [rule.name for rule in pin.rules if rule.column == "swatch"] == ["swatch_unparsable"]


def test_a_column_of_the_contract_alone_is_refused_with_where_to_add_it(load):
    with pytest.raises(ValueError, match=r"'pin'.* pin\.yaml does not declare: swatch\. .*swatch: \{sql: text\}"):
        load(properties={"swatch": SWATCH})


def test_a_column_that_the_contract_does_not_have_is_refused(load):
    with pytest.raises(ValueError, match=r"pin\.v1\.json has no properties swatch"):
        load(columns={"swatch": {"sql": "text"}})
    with pytest.raises(ValueError, match=r"pin\.v1\.json has no properties swatch"):
        load(required=["swatch"])


def test_a_clean_column_of_nothing_is_refused(load):
    with pytest.raises(ValueError, match=r"pin\.yaml: the clean column 'swatch' is made from none of the columns ind"):
        load(clean=[{"name": "swatch", "type": "string"}])


@pytest.mark.parametrize(
    ("name", "column", "change", "told"),
    [
        ("pin", "index", {"maximum": 10}, "maximum 10, and rules judge by 2147483647"),
        ("pin", "index", {"minimum": None}, "minimum none, and rules judge by 0"),
        (
            "pin",
            "unique_id",
            {"pattern": "^[0-9]+$"},
            r"pattern \^\[0-9\]\+\$, and rules judge by \^\\s\*\[0-9a-fA-F\]",
        ),
        ("pin", "unique_id", {"maximum": 3}, "maximum 3, and rules judge by none"),
        ("pin", "title", {"pattern": "[A-Z]"}, r"pattern \[A-Z\], and rules judge by none"),
        ("pin", "title", {"maxLength": 9}, "maxLength 9, and rules judge by none"),
        ("pin", "title", {"x-earliest": "2005-01-01T00:00:00"}, "x-earliest 2005-01-01T00:00:00, .* none"),
        ("pin", "category", {"pattern": None}, r"pattern none, and rules judge by \\S"),
        ("pin", "category", {"enum": ["art"]}, r"enum \['art'\], and rules judge by none"),
        ("pin", "follower_count", {"x-null-when": ["None (yet)"]}, r"rules judge by .*\|None \\\(yet\\\)\|"),
        ("geo", "latitude", {"type": "number"}, r"type \['number'\], and rules judge by \['number', 'string'\]"),
        ("geo", "latitude", {"type": None}, "type none, and rules judge by"),
        ("user", "age", {"type": ["number", "string"]}, r"type .*, and rules judge by \['integer', 'string'\]"),
        ("geo", "country", {"type": ["string", "number", "null"]}, r"type .*'null'.*x-null-when"),
        ("geo", "country", {"x-null-when": ["None"]}, r"type .*, and rules judge by \['null', "),
    ],
)
def test_a_contract_that_says_what_no_rule_judges_by_is_refused(load, name, column, change, told):
    with pytest.raises(ValueError, match=rf"contract {name}\.v1\.json: column '{column}' says .*{told}"):
        load(name, properties={column: change})


@pytest.mark.parametrize("conversion", [None, "moment"])
def test_a_column_that_is_read_in_no_known_way_is_refused(load, conversion):
    with pytest.raises(ValueError, match=f"column 'country' .* x-conversion {conversion!r}: give one of text, whole_"):
        load("geo", properties={"country": {"x-conversion": conversion}})


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("latitude", {"minimum": -80, "maximum": None}),
        ("timestamp", {"x-earliest": "1999-01-01T00:00:00"}),
        ("country", {"x-expected": ["Fiji"], "description": "Any.", "examples": ["Fiji"]}),
        ("country", {"type": ["null", "string", "number"], "pattern": None, "x-null-when": [""]}),
    ],
)
def test_what_rules_are_made_from_a_contract_may_say_as_it_likes(load, column, change):
    load("geo", properties={column: change})
