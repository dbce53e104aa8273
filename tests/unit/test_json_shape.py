"""Pages decoded in the shape of the page before them: what comes out is what it would have been without."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import Broken
from sluice.model.contract import Column
from sluice.sources import json_rows
from sluice.sources.json_shape import Reader

columns = {
    "id": Column(type="string"),
    "total": Column(type="decimal(12,2)"),
    "city": Column(**{"type": "string", "from": "at.city"}),
}
values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
)
values |= st.lists(st.integers(), max_size=2) | st.dictionaries(
    st.sampled_from(["city", "x"]), st.text(max_size=2), max_size=2
)
usual = st.fixed_dictionaries({"id": values, "total": values, "at": values})
records = st.lists(usual, max_size=4) | st.lists(
    usual | values | st.dictionaries(st.sampled_from(["id", "total", 'quo"te', "a.b"]), values, max_size=3), max_size=4
)


@settings(deadline=None)
@given(st.lists(records, min_size=1, max_size=5), st.sampled_from(["", "rows", "data.rows"]))
def test_a_page_is_the_same_whatever_came_before(pages: list[list[Any]], path: str) -> None:
    """A decoder made for one page must not lose a key, bend a number or pass over a bad record of the next."""
    reader = Reader(path)
    for number, page in enumerate(pages):
        value: Any = page
        for part in reversed(path.split(".") if path else []):
            value = {part: value, "total": number}
        body = json.dumps(value).encode()
        shaped, plain = reader.parse(body, "w"), json_rows.parse(body, "w")
        assert json_rows.frame(shaped, path, columns).equals(json_rows.frame(plain, path, columns))
        assert shaped.at("total") == plain.at("total")


@pytest.mark.parametrize("bad", ['{"rows": [{"id": 1.}]}', '{"rows": [{"id": "\\ud800"}]}', '{"rows": [{"id": 1}', ""])
def test_a_body_that_is_no_json_says_the_same_as_ever(bad: str) -> None:
    """The byte in the message is what people look for."""
    reader = Reader("rows")
    reader.parse(b'{"rows": [{"id": 1}]}', "w")
    with pytest.raises(Broken) as shaped:
        reader.parse(bad.encode(), "w")
    with pytest.raises(Broken) as plain:
        json_rows.parse(bad.encode(), "w")
    assert (shaped.value.what, shaped.value.facts) == (plain.value.what, plain.value.facts)


def test_an_api_that_sends_each_page_in_another_shape_is_read_all_the_same() -> None:
    """After some tries no shape is looked for any more."""
    reader = Reader("")
    for number in range(20):
        assert reader.parse(json.dumps([{f"k{number}": 1.10}]).encode(), "w").records("")
    assert reader.parse(b'[{"k": 1.10}]', "w").records("") == [{"k": "1.10"}]
