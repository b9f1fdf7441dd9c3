"""The paper's tables: what was published, how a run is kept so that it can go on, and how a table is printed."""

from core.benchmarks.items import ItemStore, run_items
from core.benchmarks.published import PUBLISHED
from core.benchmarks.table import Row, Table

__all__ = ["PUBLISHED", "ItemStore", "Row", "Table", "run_items"]
