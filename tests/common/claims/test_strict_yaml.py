from pathlib import Path

import pytest

from common.claims.strict_yaml import Node, load
from common.errors import UsageError


def parse(folder: Path, text: str) -> Node:
    path = folder / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, "claims.yaml")


def plain(value: Node) -> object:
    if isinstance(value.data, dict):
        return {name: plain(inner) for name, inner in value.data.items()}
    if isinstance(value.data, list):
        return [plain(inner) for inner in value.data]
    return value.data


def test_reads_what_plain_yaml_says(tmp_path: Path) -> None:
    text = """\
# a comment
name: two words, and 3 % more
count: -3
share: 0.25
tiny: 1.0e-9
flag: true
nothing: null
empty:
flow: {a: [1, 2.5], b: text}
folded: first
  second
block: |
  no
"""
    assert plain(parse(tmp_path, text)) == {
        "name": "two words, and 3 % more",
        "count": -3,
        "share": 0.25,
        "tiny": 1e-9,
        "flag": True,
        "nothing": None,
        "empty": None,
        "flow": {"a": [1, 2.5], "b": "text"},
        "folded": "first second",
        "block": "no\n",
    }


def test_whole_numbers_and_decimals_keep_their_type(tmp_path: Path) -> None:
    numbers = parse(tmp_path, "[1, 1.0]").items()
    assert [type(number.data) for number in numbers] == [int, float]


def test_every_value_knows_its_line_and_column(tmp_path: Path) -> None:
    top = parse(tmp_path, "a: 1\nb:\n  - {c: x}\n  -   z\n").mapping()
    first, second = top["b"].items()
    places = [(v.line, v.column) for v in (top["a"], top["b"], first.mapping()["c"], second)]
    assert places == [(1, 4), (3, 3), (3, 9), (4, 7)]


WORDS = "yes Yes NO no on off Off y n True FALSE Null ~"
NUMBERS = "1e-3 1E5 1.5e3 .5 12:30 1:30:59.5 0o17 0x1F 0b101 007 1_000 .nan .NaN .inf -.inf +.INF"
NUMBERS += " -0x1F +0b101 -0o17 -007 1_0:30 -190:20:30 685_230.15 1._"
DATES = ["2024-01-01", "2024-1-1", "2001-12-14 21:59:43.10 -5", "2001-12-14t21:59:43Z", "2001-1-4T1:59:43"]


@pytest.mark.parametrize("trap", [*WORDS.split(), *NUMBERS.split(), *DATES, "=", "<<"])
def test_refuses_what_readers_of_yaml_disagree_about_unless_it_is_quoted(tmp_path: Path, trap: str) -> None:
    for text, place in ((f"fine: 1\nkey: {trap}\n", "2:6"), (f"fine: 1\nkey: [a, {trap}]\n", "2:10")):
        with pytest.raises(UsageError) as error:
            parse(tmp_path, text)
        assert str(error.value).startswith(f"claims.yaml:{place}: '{trap}' ")
    with pytest.raises(UsageError, match=r"\Aclaims\.yaml:2:1: '"):
        parse(tmp_path, f"fine: 1\n{trap}: key\n")
    assert plain(parse(tmp_path, f"""key: "{trap}"\n""")) == {"key": trap}
    assert plain(parse(tmp_path, f"key: '{trap}'\n")) == {"key": trap}


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", "3:1", "duplicate key 'a', first used in line 1", id="duplicate"),
        pytest.param("x:\n  {a: 1, a: 2}\n", "2:10", "duplicate key 'a'", id="duplicate in flow"),
        pytest.param("a: 1\n'a': 2\n", "2:1", "duplicate key 'a'", id="duplicate though quoted"),
        pytest.param("a: &x 1\n", "1:4", "anchors, aliases, tags", id="anchor"),
        pytest.param("a: 1\nb: *x\n", "2:4", "anchors, aliases, tags", id="alias"),
        pytest.param("a: &x {b: 1}\n", "1:4", "anchors, aliases, tags", id="anchor on a mapping"),
        pytest.param("a:\n  - !!float 3\n", "2:5", "anchors, aliases, tags", id="tag"),
        pytest.param("a: !python/object:os.system ls\n", "1:4", "tags", id="tag of a programming language"),
        pytest.param("a: ! 12\n", "1:4", "tags", id="tag without a name"),
        pytest.param("a: !!binary aGVsbG8=\n", "1:4", "tags", id="binary"),
        pytest.param("a: 1\n<<: {b: 2}\n", "2:1", "'<<' means different things", id="merge key"),
        pytest.param("%YAML 1.2\n---\na: 1\n", "1:1", "directives are not used", id="version"),
        pytest.param("%TAG ! tag:example.org:\n---\na: 1\n", "1:1", "directives are not used", id="tag directive"),
        pytest.param("yes: 1\n", "1:1", "'yes'", id="trap as a key"),
        pytest.param("a: 1\n2: b\n", "2:1", "expected text, found 2", id="number as a key"),
        pytest.param("? [a]\n: 1\n", "1:3", "expected text, found a list", id="list as a key"),
        pytest.param("a:\n  b: [1, 2\n", "3:1", "not valid YAML", id="open bracket"),
        pytest.param("a: b: c\n", "1:5", "not valid YAML", id="two colons"),
        pytest.param("a:\n\tb: 1\n", "2:1", "not valid YAML", id="tab"),
        pytest.param('a: "b\n', "2:1", "not valid YAML", id="open quote"),
        pytest.param("a:\n  b: 1.0e+999\n", "2:6", "1.0e+999 is too large a number", id="infinite decimal"),
        pytest.param("a: -1.0e+999\n", "1:4", "-1.0e+999 is too large a number", id="negative infinite decimal"),
        pytest.param(f"a: {10**309}\n", "1:4", "1000000000000000... is too large", id="whole number beyond floats"),
        pytest.param(f"a: {'9' * 5000}\n", "1:4", "9999999999999999... is too large", id="thousands of digits"),
        pytest.param('"a\\nb": 1\n"a\\nb": 1\n', "2:1", r"duplicate key 'a\nb'", id="line break in a key"),
        pytest.param("a: 1\n---\nb: 2\n", "2:1", "not valid YAML", id="second document"),
        pytest.param("", "1:1", "the file is empty", id="empty"),
        pytest.param("# only a comment\n", "1:1", "the file is empty", id="comment only"),
    ],
)
def test_errors_name_file_line_and_column(tmp_path: Path, text: str, place: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(tmp_path, text)
    assert str(error.value).startswith(f"claims.yaml:{place}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_largest_numbers_a_float_holds_are_read(tmp_path: Path) -> None:
    top = parse(tmp_path, f"[1.7e+308, -1.7e+308, {10**308}]")
    assert [value.number() for value in top.items()] == [1.7e308, -1.7e308, 1e308]


BREAKS = ["\x85", "\u2028", "\u2029", "\v", "\f", "\x1c"]  # of a line, for some readers
UNSEEN = [*"\a\0\x1b\x7f\ufffe\ufeff\u200b\u200d\u2060\xad\xa0\u202e\ue000"]


@pytest.mark.parametrize("character", [*BREAKS, *UNSEEN])
@pytest.mark.parametrize(
    ("text", "place"), [("a: 1\nb: {}\n", "2:4"), ("a: 'x\n  y{}'\n", "2:4"), ("a: 1 # and {}b: 2\n", "1:12")]
)
def test_what_nobody_sees_is_refused_with_its_place(tmp_path: Path, character: str, text: str, place: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(tmp_path, text.format(character))
    code = f"U+{ord(character):04X}"
    assert str(error.value).startswith(f"claims.yaml:{place}: the character {code} cannot be seen: leave it out, or")


def test_what_nobody_sees_may_be_written_as_an_escape(tmp_path: Path) -> None:
    assert plain(parse(tmp_path, 'a: "x\\N\\u2028\\_y"\n')) == {"a": "x\x85\u2028\xa0y"}


def test_letters_and_signs_of_all_scripts_are_read(tmp_path: Path) -> None:
    byte_order_mark = "\ufeff"  # some editors put it first
    assert plain(parse(tmp_path, byte_order_mark + "a: ± β → é 字 \U0001f600\n")) == {"a": "± β → é 字 \U0001f600"}


def test_an_unknown_field_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\Aclaims\.yaml:1:9: unknown field 'a\\nb'; allowed here: c\Z"):
        parse(tmp_path, '"a\\nb": 1\n').fields(required=("c",))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.yaml: cannot be read"):
        load(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(UsageError, match=r"latin\.yaml: cannot be read"):
        load(tmp_path / "latin.yaml")


@pytest.mark.parametrize(
    ("text", "method", "words"),
    [
        ("a: 1", "items", "expected a list, found a mapping"),
        ("[1]", "mapping", "expected a mapping, found a list"),
        ("some text", "number", "expected a number, found the text 'some text'"),
        ("true", "number", "expected a number, found True"),
        ("true", "integer", "expected a whole number, found True"),
        ("1.0", "integer", "expected a whole number, found 1.0"),
        ("1", "truth", "expected true or false, found 1"),
        ("word", "truth", "expected true or false, found the text 'word'"),
        ("null", "truth", "expected true or false, found nothing"),
        ("3", "text", "expected text, found 3"),
        ("' '", "text", "expected text, found the text ' '"),
        ("null", "text", "expected text, found nothing"),
        ("[1]", "scalar", "expected a single value, found a list"),
    ],
)
def test_asking_for_the_wrong_kind_says_what_was_found(tmp_path: Path, text: str, method: str, words: str) -> None:
    value = parse(tmp_path, text)
    with pytest.raises(UsageError) as error:
        getattr(value, method)()
    assert str(error.value) == f"claims.yaml:1:1: {words}"


def test_accessors_return_the_value(tmp_path: Path) -> None:
    top = parse(tmp_path, "{a: 2, b: 0.5, c: word, d: null, e: true, f: false}").mapping()
    assert top["a"].number() == 2.0
    assert isinstance(top["a"].number(), float)
    assert top["a"].integer() == 2
    assert top["b"].number() == 0.5
    assert top["c"].text() == "word"
    assert (top["e"].truth(), top["f"].truth()) == (True, False)
    assert top["c"].choice("other", "word") == "word"
    assert [top[name].scalar() for name in "abcdef"] == [2, 0.5, "word", None, True, False]


def test_choice_lists_the_options(tmp_path: Path) -> None:
    value = parse(tmp_path, "{a: 1, b: blue}").mapping()["b"]
    with pytest.raises(UsageError, match=r"^claims\.yaml:1:11: expected one of red, green; found 'blue'$"):
        value.choice("red", "green")


def test_fields_refuses_missing_and_unknown_names(tmp_path: Path) -> None:
    value = parse(tmp_path, "a: 1\nb: 2\n")
    assert set(value.fields(required=("a",), optional=("b", "c"))) == {"a", "b"}
    with pytest.raises(UsageError, match=r"^claims\.yaml:1:1: field 'c' is missing$"):
        value.fields(required=("a", "b", "c"))
    with pytest.raises(UsageError, match=r"^claims\.yaml:2:4: unknown field 'b'; allowed here: a, c$"):
        value.fields(required=("a",), optional=("c",))
