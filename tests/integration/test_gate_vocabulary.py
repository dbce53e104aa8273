"""Our table of expectations against Great Expectations' real classes."""

from __future__ import annotations

import great_expectations as gx
import pytest
from great_expectations.expectations import registry
from great_expectations.expectations.metadata_types import FailureSeverity

from sluice.quality import engine_expectations, engine_metrics
from sluice.quality.engine import PolarsExecutionEngine
from sluice.quality.gate import SEVERITIES
from sluice.quality.vocabulary import EXPECTATIONS, UNSUPPORTED

# What every expectation has and no contract says: housekeeping, or the old text form of row conditions.
HOUSEKEEPING = {
    "id", "meta", "notes", "description", "severity", "result_format", "catch_exceptions", "rendered_content",
    "windows", "batch_id", "condition_parser", "library_metadata",
}  # fmt: skip
LEFT_OUT = {  # of a whole column's type, where these mean nothing
    "expect_column_values_to_be_of_type": {"mostly", "row_condition"},
    "expect_column_values_to_be_in_type_list": {"mostly", "row_condition"},
}


@pytest.mark.parametrize("expectation", EXPECTATIONS)
def test_the_table_has_exactly_the_arguments_of_the_real_class(expectation):
    """An argument we know and GX does not would fail at night; one GX knows and we do not cannot be used."""
    fields = registry.get_expectation_impl(expectation).__fields__
    assert set(EXPECTATIONS[expectation].args) == set(fields) - HOUSEKEEPING - LEFT_OUT.get(expectation, set())


@pytest.mark.parametrize("expectation", EXPECTATIONS)
def test_required_arguments_are_those_of_the_real_class(expectation):
    """A missing argument must be found by `sluice check`, not by the first audit."""
    fields = registry.get_expectation_impl(expectation).__fields__
    ours = {name for name, arg in EXPECTATIONS[expectation].args.items() if arg.required}
    theirs = {name for name, each in fields.items() if each.required and name not in HOUSEKEEPING}
    assert ours >= theirs
    assert ours - theirs <= {"regex", "type_list", "column_set", "column_list"}  # GX has defaults that pass everything


def test_every_expectation_of_great_expectations_is_supported_or_refused_with_a_reason():
    """A new version of GX brings new ones: somebody has to decide, and this test asks."""
    shipped = set(registry.list_registered_expectation_implementations())
    assert shipped == set(EXPECTATIONS) | set(UNSUPPORTED)


@pytest.mark.parametrize("expectation", EXPECTATIONS)
def test_our_engine_answers_every_metric_an_expectation_asks_for(expectation):
    """A metric without a provider is an error at run time, in every audit that uses it."""
    engine_metrics.register()
    spec = EXPECTATIONS[expectation]
    impl = registry.get_expectation_impl(expectation)
    assert getattr(impl, "map_metric", None) in (spec.metric, "column_values.of_type", "column_values.in_type_list")
    wanted = [f"{spec.metric}.unexpected_count", f"{spec.metric}.unexpected_values"] if spec.metric else []
    for metric in [*wanted, *impl.metric_dependencies]:
        provider, _ = registry.get_metric_provider(metric, PolarsExecutionEngine())
        assert provider is engine_metrics.PolarsMetric


def test_bounds_stay_as_they_are_given():
    """GX declares bounds as floats: 2^53 + 1 became 2^53, and the row at the boundary passed."""
    assert engine_expectations
    impl = registry.get_expectation_impl("expect_column_values_to_be_between")
    assert impl(column="x", max_value=2**53 + 1).configuration.kwargs["max_value"] == 2**53 + 1


def test_severities_are_those_of_great_expectations():
    """A severity GX does not know is dropped there with its expectation."""
    assert set(SEVERITIES) == {each.value for each in FailureSeverity}


def test_the_version_is_the_one_this_engine_was_proven_on():
    """The engine uses GX's inner protocol; another version needs this suite to be read, not only to be run."""
    assert gx.__version__.startswith("1.24.")
