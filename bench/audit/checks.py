"""What is asked: in Great Expectations' words, which the gate and pandas are given alike."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bench.audit.data import DAY, DAYS, EMAIL, LINES, STATUSES

LARGE: list[tuple[str, dict[str, Any]]] = [
    ("expect_table_row_count_to_be_between", {"min_value": 1000}),
    ("expect_column_values_to_not_be_null", {"column": "order_id"}),
    ("expect_column_values_to_be_unique", {"column": "order_id"}),
    ("expect_compound_columns_to_be_unique",
     {"column_list": ["customer_id", "order_id"], "ignore_row_if": "never"}),
    ("expect_column_values_to_not_be_null", {"column": "customer_id"}),
    ("expect_column_values_to_be_between", {"column": "total", "min_value": 0, "max_value": 10_000_000}),
    ("expect_column_values_to_be_between", {"column": "quantity", "min_value": 1, "max_value": 100}),
    ("expect_column_values_to_be_in_set", {"column": "status", "value_set": list(STATUSES)}),
    ("expect_column_values_to_match_regex", {"column": "email", "regex": EMAIL}),
    ("expect_column_value_lengths_to_equal", {"column": "code", "value": 10}),
    ("expect_column_pair_values_a_to_be_greater_than_b",
     {"column_A": "sent_at", "column_B": "ordered_at", "or_equal": True}),
    ("expect_column_values_to_be_between",
     {"column": "ordered_at", "min_value": DAY, "max_value": DAY + timedelta(days=1)}),
    ("expect_column_sum_to_be_between", {"column": "total", "min_value": 1}),
    ("expect_column_mean_to_be_between", {"column": "weight", "min_value": 10, "max_value": 40}),
    ("expect_column_unique_value_count_to_be_between", {"column": "status", "min_value": 2, "max_value": 10}),
]  # fmt: skip

SMALL: list[tuple[str, dict[str, Any]]] = [
    ("expect_table_row_count_to_be_between", {"min_value": 1, "max_value": LINES}),
    ("expect_table_columns_to_match_set",
     {"column_set": ["day", "line", "orders", "ordered", "revenue", "region"], "exact_match": True}),
    ("expect_column_type_to_be", {"column": "day", "type_": "date"}),
    ("expect_column_type_to_be", {"column": "revenue", "type_": "decimal(18,2)"}),
    *[("expect_column_values_to_not_be_null", {"column": c}) for c in ("day", "line", "orders", "ordered", "revenue")],
    *[("expect_column_values_to_be_between", {"column": c, "min_value": 0}) for c in ("line", "orders", "revenue")],
    ("expect_column_values_to_be_in_set", {"column": "region", "value_set": ["north", "south"]}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["day", "line"], "ignore_row_if": "never"}),
    ("expect_column_pair_values_a_to_be_greater_than_b",
     {"column_A": "ordered", "column_B": "revenue", "or_equal": True}),
    ("expect_column_mean_to_be_between", {"column": "orders", "min_value": 0, "max_value": DAYS + LINES}),
    ("expect_column_sum_to_be_between", {"column": "revenue", "min_value": 1}),
    ("expect_column_value_lengths_to_equal", {"column": "region", "value": 5}),
]  # fmt: skip
