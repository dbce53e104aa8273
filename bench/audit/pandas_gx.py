"""The same questions through Great Expectations' own pandas engine. python -m bench.audit.pandas_gx FILE

Reading the file is told apart: in its favour, as the other programs read it within their audit.
"""

from __future__ import annotations

import sys

from bench.audit.checks import LARGE
from bench.measure import Report


def main() -> None:
    report = Report()
    with report.stage("start"):
        import great_expectations as gx
        import pandas as pd
        import polars as pl
        from great_expectations.data_context.types.base import ProgressBarsConfig
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        batches = (
            context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")
        )
        suite = gx.ExpectationSuite(
            name="s", expectations=[ExpectationConfiguration(type=t, kwargs=k).to_domain_obj() for t, k in LARGE]
        )
    with report.stage("read"):
        rows = pl.read_parquet(sys.argv[1]).with_columns(pl.col("total").cast(pl.Float64))  # it has no decimals
        frame = pd.DataFrame({each.name: each.to_numpy() for each in rows})
    with report.stage("audit"):
        found = batches.get_batch(batch_parameters={"dataframe": frame}).validate(suite, result_format="BASIC")
    asked = [(type_, str(kwargs.get("column"))) for type_, kwargs in LARGE]
    broken = [each.expectation_config for each in found.results if not each.success]
    places = [asked.index((each.type, str(each.kwargs.get("column")))) for each in broken if each]
    report.facts["held"] = bool(found.success)
    report.facts["broken"] = sorted(places)
    report.hand_back()


if __name__ == "__main__":
    main()
