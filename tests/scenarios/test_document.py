import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios import ScenarioError
from scenarios.document import ALIAS_NODES_MAX, FILE_BYTES_MAX, decode, read_file, read_text
from scenarios.errors import Mark


def message(text: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        read_text(text, "f.yaml")
    return str(caught.value)


def test_values_are_those_of_yaml_1_2() -> None:
    text = (
        "a: 1:30\nb: no\nc: 017\nd: 0o17\ne: 1e3\nf: 2020-01-01\ng: '5'\nh: ~\ni: true\nj: 0x1f\nk: !!str 5\n"
    )
    assert read_text(text, "f.yaml").data == {
        "a": "1:30", "b": "no", "c": 17, "d": 15, "e": 1000.0, "f": "2020-01-01", "g": "5", "h": None,
        "i": True, "j": 31, "k": "5",
    }  # fmt: skip


def test_every_key_and_value_has_its_place() -> None:
    document = read_text("a:\n  - {b: 1, c: [2]}\n", "f.yaml")
    assert document.mark(("a", 0, "c"), key=True) == Mark("f.yaml", 2, 12)
    assert document.mark(("a", 0, "c")) == Mark("f.yaml", 2, 15)
    assert document.mark(("a", 0, "c", 0)) == Mark("f.yaml", 2, 16)
    assert document.mark(("a", 0, "missing")) == Mark("f.yaml", 2, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: a: duplicate key 'a', first given in line 1"),
        ("a: 1\n b: 2\n", "f.yaml:2:3: not YAML: mapping values are not allowed here"),
        ("a: [1, 2\n", "f.yaml:2:1: not YAML: while parsing a flow sequence expected ',' or ']'"),
        ("a: *b\n", "f.yaml:1:4: not YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 1\n", "f.yaml:2:1: not YAML: expected a single document"),
        ("a: !secret x\n", "f.yaml:1:4: a: tag '!secret'; expected plain YAML without tags"),
        ("? [1]\n: 2\n", "f.yaml:1:3: a key that is not text; expected a word as key"),
        ("a: 1e999\n", "f.yaml:1:4: a: 1e999 is not a finite number"),
        ('a: "\\ud800"\n', "f.yaml:1:4: a: half a surrogate pair"),
        ("", "f.yaml: the file is empty; expected a mapping"),
        ("a: &x [*x]\n", "nested too deeply"),
        ("[" * 2000, "f.yaml"),
        ("a:\tb\n\tc: d\n", "f.yaml"),
        ("a: \x00\n", "f.yaml"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, expected: str) -> None:
    assert expected in message(text)


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    assert f"at most {ALIAS_NODES_MAX:,} values" in message("\n".join(lines))


def test_ordinary_aliases_are_welcome() -> None:
    assert read_text("a: &x {b: 1}\nc: *x\n", "f.yaml").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_bytes_that_are_not_utf_8_are_named_with_their_place() -> None:
    with pytest.raises(ScenarioError, match=r"f.yaml:2:4: byte 0xff is not UTF-8; expected a file in UTF-8"):
        decode(b"a: 1\nb: \xff\n", "f.yaml")


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode("\ufeffa: 1".encode(), "f.yaml") == "a: 1"


def test_a_large_file_is_refused_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as stream:
        stream.truncate(200_000_000)  # sparse: nothing of it is on the disk
    with pytest.raises(ScenarioError, match=rf"200,000,000 bytes; expected at most {FILE_BYTES_MAX:,} bytes"):
        read_file(file)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        read_file(tmp_path / "nothing.yaml")
    with pytest.raises(ScenarioError, match="not a file"):
        read_file(tmp_path)


def test_json_is_read_with_its_own_errors(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"a": NaN}')
    with pytest.raises(ScenarioError, match="NaN is not a number"):
        read_file(file)
    file.write_text('{"a": }')
    with pytest.raises(ScenarioError, match=r"x.json:1:7: not JSON"):
        read_file(file)


def test_a_value_in_json_has_a_place_too(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(
        '{\n "a": [1, {"b c": "d\\"]}", "e": [\n  true,\n   null]}],\n "f": {}\n}', encoding="utf-8"
    )
    document = read_file(file)
    places = {
        (): (1, 1),
        ("a",): (2, 7),
        ("a", 1): (2, 11),
        ("a", 1, "b c"): (2, 19),
        ("a", 1, "e", 0): (3, 3),
        ("a", 1, "e", 1): (4, 4),
        ("f",): (5, 7),
        ("f", "missing"): (5, 7),  # the nearest around it
        ("a", 1, "e", 9): (2, 33),
        ("a", 0, "deeper"): (2, 8),
    }
    for path, place in reversed(places.items()):
        mark = document.mark(path)
        assert (mark.line, mark.column) == place, path
    below = document.below(("a", 1)).mark(("e", 1))
    assert (below.line, below.column) == (4, 4)
    document.marks[("f",)] = (Mark("--set f=1"), Mark("--set f=1"))
    assert document.mark(("f",)).source == "--set f=1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda it: st.lists(it) | st.dictionaries(st.text(), it),
)


@given(JSON, st.sampled_from([None, 0, 3]))
def test_the_place_of_a_value_in_json_is_where_it_begins(data: Any, indent: int | None) -> None:
    text = json.dumps(data, indent=indent)
    lines = [line + "\n" for line in text.split("\n")]
    document = read_text(text, "x.json", as_json=True)
    for path, value in leaves(data):
        mark = document.mark(path)
        offset = sum(map(len, lines[: mark.line - 1])) + mark.column - 1
        assert json.JSONDecoder().raw_decode(text, offset)[0] == value


def leaves(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    yield path, data
    for key, value in inner:
        yield from leaves(value, (*path, key))
