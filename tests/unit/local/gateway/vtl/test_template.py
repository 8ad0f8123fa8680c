"""What a mapping template means on AWS; where that is not what Velocity's guide says, airspeed-ext's tests saw it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from local.gateway.vtl import JavaMap, RenderError, ResponseOverride, Template, UnsupportedTemplateError, namespace

NO_PARAMETERS: dict[str, dict[str, str]] = {"path": {}, "querystring": {}, "header": {}}


def render(template: str, body: Any = None, **parameters: dict[str, str]) -> str:
    text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    variables = {"context": context(), "stageVariables": JavaMap({"color": "blue"})}
    return Template(template).render(namespace(text, NO_PARAMETERS | parameters, **variables))


def context() -> JavaMap:
    identity = JavaMap({"sourceIp": "127.0.0.1"})
    return JavaMap({"stage": "prod", "identity": identity, "responseOverride": JavaMap({"header": JavaMap()})})


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": "b", "c": {"d": 1}}, "{a=b, c={d=1}}"),
        ({"a": None, "b": True, "c": False}, "{a=null, b=true, c=false}"),
        ({"a": 'say "hi"', "b": "1, c=2"}, '{a=say "hi", b=1, c=2}'),
        ({}, "{}"),
        ({"a": [1, {"b": "c"}, None]}, '{a=[1,{"b":"c"},null]}'),
        ([1, "two", {"three": [True]}], '[1,"two",{"three":[true]}]'),
        ("text", "text"),
        ("", ""),
        (True, "true"),
        (None, ""),
    ],
)
def test_a_map_is_written_as_javas_text_and_an_array_as_json(value: Any, written: str) -> None:
    assert render("$input.path('$.value')", {"value": value}) == written


def test_base64_of_a_map_is_no_json_and_base64_of_its_json_is() -> None:
    body = {"records": [{"data": {"index": 7, "title": "x"}}]}

    of_map = render("#foreach($elem in $input.path('$.records'))$util.base64Encode($elem.data)#end", body)
    of_json = render('$util.base64Encode($input.json("$.records[0].data"))', body)

    assert decoded(of_map) == "{index=7, title=x}"
    assert json.loads(decoded(of_json)) == {"index": 7, "title": "x"}


@pytest.mark.parametrize(
    "number", ["1.10", "1E400", "-0.0", "12345678901234567890123", "1e-7", "0.1000000000000000055"]
)
def test_a_number_is_written_as_it_came(number: str) -> None:
    body = b'{"n": %b, "of": {"n": %b}, "all": [%b]}' % ((number.encode(),) * 3)

    assert render("$input.path('$.n') $input.json('$.n')", body) == f"{number} {number}"
    assert render("$input.path('$.of') $input.path('$.all')", body) == f"{{n={number}}} [{number}]"


@pytest.mark.parametrize(
    "text", ["é", "😀", "\u2028", "a\nb", "tab\t", '"', "\\", "'", "\\u0041", "\u00a0", "$x #if(1)"]
)
def test_a_text_is_json_for_json_and_bare_for_path(text: str) -> None:
    for body in (json.dumps({"t": text}), json.dumps({"t": text}, ensure_ascii=False)):
        assert json.loads(render("$input.json('$.t')", body.encode())) == text
        assert render("$input.path('$.t')", body.encode()) == text
        assert decoded(render("$util.base64Encode($input.path('$.t'))", body.encode())) == text


def test_what_was_sent_is_never_read_as_a_template() -> None:
    assert render("$input.path('$.t')", {"t": "$input.body #set($x = 1)$x"}) == "$input.body #set($x = 1)$x"


@pytest.mark.parametrize(
    ("path", "json_text", "value"),
    [
        ("$.a.b", "[1,2]", "[1,2]"),
        ("a.b", "[1,2]", "[1,2]"),
        ("$['a']['b'][1]", "2", "2"),
        ('$.a["b"][0]', "1", "1"),
        ("$['partition-key']", '"k"', "k"),
        ("$.partition-key", '"k"', "k"),
        ("$.missing", '""', ""),
        ("$.a.b[2]", '""', ""),
        ("$.a.b.c", '""', ""),
        ("$.nothing", "null", ""),
    ],
)
def test_a_path_finds_one_place(path: str, json_text: str, value: str) -> None:
    body = b'{"a": {"b": [1,2]}, "partition-key": "k", "nothing": null}'
    quoted = path.replace('"', '""')

    assert render(f'$input.json("{quoted}")', body) == json_text
    assert render(f'$input.path("{quoted}")', body) == value


@pytest.mark.parametrize("path", ["$..a", "$.a[*]", "$.a[?(@.b)]", "$.a[0:2]", "$.a[-1]", "$."])
def test_a_path_to_several_places_is_not_offered(path: str) -> None:
    with pytest.raises(UnsupportedTemplateError, match="JSONPath"):
        render(f"$input.json('{path}')", {"a": [1]})


def test_what_is_missing_compares_as_an_empty_text() -> None:
    template = "#if($input.path('$.ShardCount') == '')5#{else}$input.path('$.ShardCount')#end"

    assert (render(template, {}), render(template, {"ShardCount": 2})) == ("5", "2")


def test_an_undefined_reference_is_written_as_nothing_and_true_in_a_condition() -> None:
    assert render("<$nothing><${nothing.more}><$input.path('$.a').b.c>", {"a": {}}) == "<><><>"
    assert render("#if($nothing)yes#end") == "yes"
    assert render('#if("$nothing" == "")yes#end') == "yes"


@pytest.mark.parametrize("member", ["title", "items", "keys", "upper", "size", "class", "entries"])
def test_a_member_that_is_not_there_is_no_method_of_python_or_java(member: str) -> None:
    assert render(f"<$input.path('$').{member}><$input.path('$.text').{member}>", {"text": "t"}) == "<><>"


def test_a_hyphen_belongs_to_a_name() -> None:
    body = {"records": [{"partition-key": "k1"}, {"partition-key": "k2"}]}

    assert render("#foreach($e in $input.path('$.records'))$e.partition-key;#end", body) == "k1;k2;"


def test_a_loop_knows_where_it_is() -> None:
    template = "#foreach($e in $input.path('$'))$foreach.index/$foreach.count:$e#if($foreach.hasNext),#end#end"

    assert render(template, ["a", "b"]) == "0/1:a,1/2:b"
    assert render(template, []) == ""


def test_a_loop_over_a_map_visits_its_values_and_one_over_its_keys_its_keys() -> None:
    template = "#foreach($v in $input.path('$'))$v;#end#foreach($k in $input.path('$').keySet())$k;#end"

    assert render(template, {"a": 1, "b": 2}) == "1;2;a;b;"


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("$t.startsWith('He')", "true"),
        ("$t.contains('x')", "false"),
        ("$t.matches('[A-Za-z]+')", "true"),
        ("$t.matches('[a-z]+')", "false"),
        ("$t.length()", "5"),
        ("$t.substring(1, 3)", "el"),
        ("$t.replaceAll('[aeiou]', '-')", "H-ll-"),
        ("$t.toUpperCase()", "HELLO"),
        ("$t.indexOf('l')", "2"),
        ("$m.get('a')", "1"),
        ("$m.size()", "2"),
        ("$m.containsKey('z')", "false"),
        ("$m['a']", "1"),
        ("$m.put('a', 9)$m", "1{a=9, b=2}"),
        ("$l.size() $l.get(0) $l[1] $l.isEmpty()", "2 x y false"),
        ("$m.toString() $l.toString()", '{a=1, b=2} ["x","y"]'),
        ("#set($made = {'k': ['v', 1]})$made $made.k[0]", "{k=[v, 1]} v"),
        ("#foreach($n in [1..3])$n#end", "123"),
        ("#set($n = 1 + 2)$n", "3"),
        ("$t.get('a')", ""),
        ("#set($i = 0)$input.path('$.l')[$i]$input.path('$.l')[1]<$input.path('$.l')[7]>", "xy<>"),
        ("$input.path('$')['m'].b $input.path('$')['m']['a']", "2 1"),
    ],
)
def test_values_have_javas_methods(expression: str, written: str) -> None:
    variables = "#set($t = $input.path('$.t'))#set($m = $input.path('$.m'))#set($l = $input.path('$.l'))"

    assert render(variables + expression, {"t": "Hello", "m": {"a": 1, "b": 2}, "l": ["x", "y"]}) == written


def test_parameters_are_sought_in_path_query_and_headers() -> None:
    found = {"path": {"a": "p"}, "querystring": {"a": "q", "b": "q"}, "header": {"b": "h", "x-own": "h"}}

    assert (
        render("$input.params('a')$input.params('b')$input.params('X-Own')<$input.params('none')>", **found) == "pqh<>"
    )
    assert render("$input.params().querystring.get('a') $input.params().path", **found) == "q {a=p}"


def test_other_variables_are_there() -> None:
    assert render("$context.stage $context.identity.sourceIp $stageVariables.color") == "prod 127.0.0.1 blue"
    assert render("$input.body", b'{"as": "sent" }') == '{"as": "sent" }'
    assert render("$input.body") == "{}"


def test_the_status_and_headers_of_a_response_can_be_set() -> None:
    given = context()
    template = "#set($context.responseOverride.status = 404)#set($context.responseOverride.header.x-mine = 'a')"
    Template(template).render(namespace(b"", NO_PARAMETERS, context=given))

    override = ResponseOverride(given)
    assert (override.status, override.headers) == (404, {"x-mine": "a"})


@pytest.mark.parametrize("status", ["'404'", "99", "600", "$nothing"])
def test_a_status_that_is_none_is_ignored(status: str) -> None:
    given = context()
    Template(f"#set($context.responseOverride.status = {status})").render(namespace(b"", NO_PARAMETERS, context=given))

    assert ResponseOverride(given).status is None


@pytest.mark.parametrize(
    ("function", "result"),
    [
        ("base64Encode('é')", "w6k="),
        ("base64Decode('w6k=')", "é"),
        ("urlEncode('a b&c=ü~*')", "a+b%26c%3D%C3%BC%7E*"),
        ("urlDecode('a+b%26')", "a b&"),
        ("parseJson('{\"a\": [1, 2]}').a[1]", "2"),
        ("escapeJavaScript('a/b')", r"a\/b"),
        ('escapeJavaScript("it\'s")', r"it\'s"),
        ("escapeJavaScript('say \"hi\"')", r"say \"hi\""),
        ("escapeJavaScript('é😀')", r"\u00E9\uD83D\uDE00"),
    ],
)
def test_functions_of_util(function: str, result: str) -> None:
    assert render(f"$util.{function}") == result


def test_half_of_a_surrogate_pair_becomes_a_question_mark_in_bytes() -> None:
    body = b'{"t": "a\\ud800b", "l": [1.10]}'

    assert decoded(render("$util.base64Encode($input.path('$.t'))", body)) == "a?b"
    assert render("$input.json('$.t') $input.json('$.l[0]')", body) == '"a?b" 1.10'


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("#macro(m)x#end", "#macro"),
        ("#m()", "a call of a macro"),
        ("#define($d)x#end", "#define"),
        ("#include('a')", "#include"),
        ("#parse('a')", "#parse"),
        ("#evaluate($x)", "#evaluate"),
        ("#return($x)", "#return"),
        ("#stop", "#stop"),
        ("${x|'y'}", "a default"),
        ("$util.toJson($x)", r"\$util.toJson"),
        ("#if($util.isNull($x))a#end", r"\$util.isNull"),
        ("$input.header('x')", r"\$input.header"),
        ("$context.authorizer.principalId", r"\$context.authorizer.principalId"),
        ('"$context.resourcePath"', r"\$context.resourcePath"),
        ("$x.split(',')", "a method split"),
        ("$x.getClass()", "a method getClass"),
        ("#set($context.requestOverride.header.x = 'a')", "an assignment"),
        ("#set($input.body = 'a')", "an assignment"),
        ("#if($x", "cannot be read"),
        ("#foreach($x in [1])", "cannot be read"),
    ],
)
def test_what_would_not_mean_the_same_as_on_aws_is_refused_by_name(template: str, named: str) -> None:
    with pytest.raises(UnsupportedTemplateError, match=named):
        Template(template)


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ("$input.json('$.a')", b"{"),
        ("$input.path('$.a')", b'{"a": NaN}'),
        ("$util.parseJson('{')", b""),
        ("$util.base64Decode('a')", b""),
        ("$util.base64Encode()", b""),
        ("#foreach($x in 5)a#end", b""),
    ],
)
def test_a_failure_says_where(template: str, body: bytes) -> None:
    with pytest.raises(RenderError, match="position"):
        render(template, body)


def test_a_template_leaves_nothing_behind() -> None:
    template = Template("#set($seen = \"$seen$input.path('$.a')\")$seen")
    variables = namespace(b'{"a": 1}', NO_PARAMETERS)

    assert [template.render(variables), template.render(namespace(b'{"a": 2}', NO_PARAMETERS))] == ["1", "2"]
