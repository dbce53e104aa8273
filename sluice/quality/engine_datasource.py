"""A fluent data source over Polars frames: `context.data_sources.add_polars(name).add_frame_asset(name)`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import polars as pl
from great_expectations.core.batch import LegacyBatchDefinition
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.batch_spec import RuntimeDataBatchSpec
from great_expectations.core.id_dict import IDDict
from great_expectations.datasource.fluent.batch_request import BatchRequest
from great_expectations.datasource.fluent.interfaces import Batch, DataAsset, Datasource

from sluice.quality.engine import PolarsExecutionEngine


class FrameAsset(DataAsset[Any, Any]):
    """One frame at a time, handed over as the batch parameter `dataframe`.

    The name matters: Great Expectations leaves a parameter of this name, and no other, out of the results it stores.
    """

    type: Literal["frame"] = "frame"

    def test_connection(self) -> None:
        """There is nothing to connect to."""

    def get_batch_parameters_keys(self, partitioner: Any = None) -> tuple[str, ...]:
        return ("dataframe",)

    def get_batch_identifiers_list(self, batch_request: Any) -> list[dict[Any, Any]]:
        return [IDDict()]

    def add_whole_frame(self, name: str) -> BatchDefinition[Any]:
        return self.add_batch_definition(name=name, partitioner=None)

    def build_batch_request(
        self, options: dict[str, Any] | None = None, batch_slice: Any = None, partitioner: Any = None
    ) -> BatchRequest[Any]:
        if not options or not isinstance(options.get("dataframe"), pl.LazyFrame):
            raise ValueError("batch_parameters must be {'dataframe': a polars.LazyFrame}")
        return BatchRequest(datasource_name=self.datasource.name, data_asset_name=self.name, options=options)

    def get_batch(self, batch_request: BatchRequest[Any]) -> Batch:
        spec = RuntimeDataBatchSpec(batch_data=batch_request.options["dataframe"])
        data, markers = self.datasource.get_execution_engine().get_batch_data_and_markers(spec)
        definition = LegacyBatchDefinition(
            datasource_name=self.datasource.name, data_connector_name="fluent", data_asset_name=self.name,
            batch_identifiers=IDDict(dataframe="a Polars frame"),
        )  # fmt: skip
        return Batch(
            datasource=self.datasource, data_asset=self, batch_request=batch_request, data=data,
            metadata=self._get_batch_metadata_from_batch_request(batch_request, ignore_options=("dataframe",)),
            batch_markers=markers, batch_spec=spec, batch_definition=definition,
        )  # fmt: skip


class PolarsDatasource(Datasource[FrameAsset, PolarsExecutionEngine]):
    asset_types: ClassVar[list[type[DataAsset[Any, Any]]]] = [FrameAsset]
    type: Literal["polars"] = "polars"
    assets: list[FrameAsset] = []  # noqa: RUF012 - a pydantic field

    @property
    def execution_engine_type(self) -> Any:
        return PolarsExecutionEngine

    def test_connection(self, test_assets: bool = True) -> None:
        """There is nothing to connect to."""

    def add_frame_asset(self, name: str) -> FrameAsset:
        asset: FrameAsset = self._add_asset(FrameAsset(name=name))
        return asset
