"""Reading and writing annotations in the formats that others use. No torch, no Qt."""

from counterpart.core.formats.base import ExportOptions, ExportReport, Format, ImportReport
from counterpart.core.formats.exporting import export_project
from counterpart.core.formats.guessing import guess_format, why_unknown
from counterpart.core.formats.import_annotations import ImportAnnotations
from counterpart.core.formats.importing import import_into, plan_import
from counterpart.core.formats.previewing import ImportPreview, preview_import, rehearse_import
from counterpart.core.formats.table import FORMATS, format_named

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
    "why_unknown",
]
