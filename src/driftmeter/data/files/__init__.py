"""Files: CSV, Parquet, Arrow and Delta tables, read into Arrow tables of plain types."""

from driftmeter.data.files.read import read_table

__all__ = ["read_table"]
