"""Reading and writing annotations in the formats that others use. No torch, no Qt."""

from core.formats.base import ExportOptions, ExportReport, Format, ImportReport
from core.formats.exporting import export_project
from core.formats.guessing import guess_format
from core.formats.importing import ImportAnnotations, import_into, plan_import
from core.formats.previewing import ImportPreview, preview_import, rehearse_import
from core.formats.table import FORMATS, format_named

__all__ = [
    "FORMATS",
    "ExportOptions",
    "ExportReport",
    "Format",
    "ImportAnnotations",
    "ImportPreview",
    "ImportReport",
    "export_project",
    "format_named",
    "guess_format",
    "import_into",
    "plan_import",
    "preview_import",
    "rehearse_import",
]
