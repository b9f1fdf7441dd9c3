"""Reading and writing annotations in the formats that others use. No torch, no Qt."""

from core.formats.base import ExportOptions, ExportReport, Format, ImportReport
from core.formats.exporting import export_project
from core.formats.importing import ImportAnnotations, import_into, plan_import
from core.formats.table import FORMATS, format_named

__all__ = [
    "FORMATS",
    "ExportOptions",
    "ExportReport",
    "Format",
    "ImportAnnotations",
    "ImportReport",
    "export_project",
    "format_named",
    "import_into",
    "plan_import",
]
