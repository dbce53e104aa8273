"""JSON bodies become landing frames without losing a digit, a record or a field."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.errors import Broken
from sluice.model.contract import Column
from sluice.sources.json_rows import OURS, rows_to_frame

ID = {"id": Column(type="int64", nullable=False)}


def landed(body: str | bytes, path: str = "", columns: dict[str, Column] | None = None) -> pl.DataFrame:
    raw = body.encode() if isinstance(body, str) else body
    return rows_to_frame(raw, path, columns or ID, "https://api.test/orders?page=1")


@pytest.mark.parametrize(
    "number",
    [
        "1.10", "12345678901234567.89", "9223372036854775809", "-9223372036854775809", "1" * 60, "0.1", "1E2", "-0.0",
        "5e-324", "123456789.123456789123456789", "1e400",
    ],
)  # fmt: skip
def test_a_number_keeps_every_digit(number: str) -> None:
    """Money passed through a float is money lost: 12345678901234567.89 as a float is …68.0."""
    frame = landed(f'[{{"id": {number}}}]')
    assert frame.schema["id"] == pl.String
    assert Decimal(frame["id"][0]) == Decimal(number)


finite = st.decimals(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | st.integers() | finite | st.text()
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))
records = st.lists(
    st.dictionaries(st.sampled_from(["id", "a", "b.c", "_raw", "é", ""]), values), min_size=1, max_size=8
)


def written(value: Any) -> str:
    """JSON text of a value whose numbers may be decimals."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + " , ".join(map(written, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def expected(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return written(value)


@settings(max_examples=100, deadline=None)
@given(records)
def test_what_goes_in_comes_out(rows: list[dict[str, Any]]) -> None:
    """Over mixed types, missing keys and nested values: each field is its exact text, or a number equal to it."""
    frame = landed(written(rows), columns={"id": Column(type="string")})
    assert frame.height == len(rows)
    for number, row in enumerate(rows):
        for key, value in row.items():
            found = frame[f"source.{key}" if key in OURS else key][number]
            if isinstance(value, int | Decimal) and not isinstance(value, bool):
                assert Decimal(found) == Decimal(value)
            else:
                assert found == expected(value)


def test_a_nested_value_lands_as_its_exact_text() -> None:
    """A json column is compared byte for byte later; writing it anew would turn 1.10 into 1.1."""
    body = '{"data": [{"id": 1, "tags": {"b" : 1.10, "a": [1,  2]}}, {"id": 2, "tags": "none"}]}'
    assert landed(body, "data")["tags"].to_list() == ['{"b" : 1.10, "a": [1,  2]}', "none"]


def test_null_and_empty_text_stay_two_things() -> None:
    """Only the contract's `empty_to_null` may make one of them the other."""
    assert landed('[{"id": 1, "x": null}, {"id": 2, "x": ""}, {"id": 3}]')["x"].to_list() == [None, "", None]


def test_a_record_that_is_no_object_is_one_rejected_row() -> None:
    """One bad record must neither stop the page nor vanish from its count."""
    frame = landed('[7, {"id": 1}, "x", {"id": 2}, [1, 2.50]]')
    assert frame["id"].to_list() == [None, "1", None, "2", None]
    assert frame["_problem"].to_list() == ["type:record", None, "type:record", None, "type:record"]
    assert frame["_raw"].to_list() == ["7", None, '"x"', None, "[1, 2.50]"]
    assert frame["_line"].to_list() == [1, 2, 3, 4, 5]


def test_a_dotted_path_reads_a_member_and_shows_its_siblings() -> None:
    """A new member of an object we read from is drift like any other new field."""
    columns = {"name": Column(type="string", source_name="customer.name"), **ID}
    body = '[{"id": 1, "customer": {"name": "Aziza", "vip": {"since": 2020.0}}}, {"id": 2, "customer": null}]'
    frame = landed(body, columns=columns)
    assert frame["name"].to_list() == ["Aziza", None]
    assert frame["customer.vip"].to_list() == ['{"since": 2020.0}', None]
    assert "customer" not in frame.columns


def test_a_literal_key_with_dots_wins_over_a_path() -> None:
    """Keys like `@odata.etag` are plain names."""
    columns = {"etag": Column(type="string", source_name="@odata.etag")}
    assert landed('[{"@odata.etag": "a"}]', columns=columns)["etag"].to_list() == ["a"]


def test_a_field_called_like_ours_does_not_overwrite_ours() -> None:
    """A source that sends `_problem` must not be able to quarantine, or to un-quarantine, a row."""
    columns = {"total": Column(type="string", source_name="sum")}
    frame = landed('[{"sum": 1, "total": 2, "_problem": "x"}]', columns=columns)
    assert frame.row(0, named=True) | {"_origin": ""} == {
        "total": "1", "source.total": "2", "source._problem": "x",
        "_origin": "", "_line": 1, "_problem": None, "_raw": None,
    }  # fmt: skip


def test_a_promised_column_that_no_record_has_is_named_with_its_nearest_key() -> None:
    """A renamed field must stop the batch, not fill silver with nulls."""
    columns = {"order_total": Column(type="decimal(12,2)", nullable=False)}
    with pytest.raises(Broken, match=r"'order_total'.*nearest key is 'order_totl'") as caught:
        landed('[{"order_totl": 1, "id": 2}]', columns=columns)
    assert caught.value.code == "contract.missing_column"
    assert landed("[]", columns=columns).height == 0


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ('{"items": [], "total": 0}', "", r"in the body there is an object with the keys 'items', 'total'"),
        ('{"items": [], "total": 0}', "data", r"'data': in the body there is .* 'items', 'total'"),
        ('{"data": {"rows": []}}', "data.items", r"at 'data' there is an object with the keys 'rows'"),
        ('{"data": "no"}', "data", r"at 'data' there is a JSON string"),
        ("null", "", r"JSON null"),
    ],
)
def test_a_wrong_records_path_names_what_is_there(body: str, path: str, says: str) -> None:
    """Reading nothing from a body that changed its shape would look like a quiet day."""
    with pytest.raises(Broken, match=says):
        landed(body, path)


def test_a_null_list_is_an_empty_list() -> None:
    """Go writes a nil slice as null."""
    assert landed('{"data": null}', "data").height == 0


@pytest.mark.parametrize(
    ("body", "byte"),
    [
        (b'[{"id": NaN}]', 8), (b'[{"id": 1},]', 11), (b'[{"id": "\xff"}]', 9), (b'[{"id": "\\ud800"}]', 9),
        (b'\xef\xbb\xbf[{"id": tru}]', 15), (b"[" * 100_000, 99_999), (b'[{"id": 1', 9),
    ],
)  # fmt: skip
def test_a_broken_body_names_the_byte(body: bytes, byte: int) -> None:
    """`invalid JSON` alone sends people searching through megabytes."""
    with pytest.raises(Broken, match=f"byte {byte}") as caught:
        landed(body)
    assert caught.value.facts["byte"] == byte


def test_a_body_that_ends_early_says_so() -> None:
    """A cut-short body is worth another try, a malformed one is not: the caller must be able to tell."""
    with pytest.raises(Broken) as caught:
        landed('[{"id": 1}, {"i')
    assert caught.value.facts["cut_short"] is True
