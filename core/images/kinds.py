"""Which files are photographs: the formats that are read, and the suffixes that are looked for in folders."""

from __future__ import annotations

IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".tif", ".tiff", ".bmp", ".dib", ".gif", ".webp"),
        *(".heic", ".heif", ".hif", ".avif", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga", ".pcx", ".sgi", ".ras", ".qoi", ".dds"),
    }
)
"""Names by which a file in a folder is taken for a photograph; one that is given by itself is known by its contents."""

USUAL_FORMATS = ("BMP", "GIF", "JPEG", "PPM", "PNG")
"""What Pillow knows without loading its other readers."""
_OTHER_FORMATS = (
    "DIB AVIF BLP CUR PCX DCX DDS FITS FLI FTEX GBR ICNS ICO JPEG2000 MCIDAS TIFF MSP PIXAR PSD QOI SGI SUN WEBP XBM"
    " XPM XVTHUMB IM IMT PCD SPIDER TGA"  # the last have no mark at the start of the file
)
PILLOW_FORMATS = (*USUAL_FORMATS, *_OTHER_FORMATS.split())
"""What Pillow may open. Not EPS (runs Ghostscript), WMF (drawn by Windows), IPTC (opens what it holds by any format),
nor BUFR, GRIB, HDF5 and MPEG, which it names and cannot decode."""

_DRAWINGS = (
    (b"%!PS", "a PostScript drawing (EPS)"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript drawing (EPS)"),
    (b"%PDF", "a PDF document"),
    (b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"mif2"})


def drawing(start: bytes) -> str:
    """What kind of drawing, instructions and not pixels, a file is by its first bytes; empty where it is none."""
    return next((kind for mark, kind in _DRAWINGS if start.startswith(mark)), "")


def is_tiff(start: bytes) -> bool:
    """Whether a file is a TIFF by its first four bytes, BigTIFF included."""
    return start[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}


def is_heif(start: bytes) -> bool:
    """Whether a file may be HEIF by its first twelve bytes."""
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS
