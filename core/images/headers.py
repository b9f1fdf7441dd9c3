"""Sizes and depths out of the first bytes of formats, where they must be known before a decoder is asked."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says.

    Attributes:
        hw: Height and width as stored, pixels.
        bits: Bits of a sample.
        channels: Samples of a pixel.
    """

    hw: tuple[int, int]
    bits: int
    channels: int

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a decoded pixel."""
        return self.channels * -(-self.bits // 8)


def png_header(data: bytes) -> Header | None:
    """Of a PNG; None: it is none."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR" or len(data) < 26:
        return None
    width, height, bits, kind = struct.unpack(">IIBB", data[16:26])
    return Header((height, width), bits, {0: 1, 2: 3, 3: 4, 4: 2, 6: 4}.get(kind, 4))


def jpeg_header(data: bytes) -> Header | None:
    """Of a JPEG of any process; None: it is none, or its frame does not come in these bytes."""
    if not data.startswith(b"\xff\xd8"):
        return None
    place = 2
    while place + 10 <= len(data):
        if data[place] != 0xFF:
            place += 1
            continue
        marker = data[place + 1]
        if marker in {0x00, 0x01, 0xFF} or 0xD0 <= marker <= 0xD8:
            place += 1 if marker == 0xFF else 2
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            bits, height, width, channels = struct.unpack(">BHHB", data[place + 4 : place + 10])
            return Header((height, width), bits, channels)
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def jpeg_hw(data: bytes) -> tuple[int, int] | None:
    """Height and width of a JPEG."""
    header = jpeg_header(data)
    return None if header is None else header.hw


def jpeg2000_header(data: bytes) -> Header | None:
    """Of a JPEG 2000 file or bare code stream; None: it is none, or its size does not come in these bytes."""
    if not data.startswith((b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")):
        return None
    place = data.find(b"\xff\x4f\xff\x51")
    if place < 0 or len(data) < place + 43:
        return None
    right, bottom, left, top = struct.unpack(">IIII", data[place + 8 : place + 24])
    channels, bits = struct.unpack(">HB", data[place + 40 : place + 43])
    return Header((max(bottom - top, 0), max(right - left, 0)), (bits & 0x7F) + 1, channels)


def bitmap_header(data: bytes) -> Header | None:
    """Of a Windows bitmap; None: it is none."""
    if not data.startswith(b"BM") or len(data) < 26:
        return None
    old = int.from_bytes(data[14:18], "little") == 12
    width, height = struct.unpack("<HH" if old else "<ii", data[18:22] if old else data[18:26])
    return Header((abs(height), abs(width)), 8, 4)


def netpbm_header(data: bytes) -> Header | None:
    """Of a PPM (plain or not), PAM or PFM in colour or grey; None: it is none."""
    if data.startswith(b"P7"):
        fields = dict(re.findall(rb"^(WIDTH|HEIGHT|DEPTH|MAXVAL) +(\d{1,9})", data[:1000], re.MULTILINE))
        if len(fields) < 4:
            return None
        sizes = {name: int(value) for name, value in fields.items()}
        bits = 8 if sizes[b"MAXVAL"] < 256 else 16
        return Header((sizes[b"HEIGHT"], sizes[b"WIDTH"]), bits, sizes[b"DEPTH"])
    between = rb"(?:\s+|\s*#[^\n\r]*[\n\r])+"
    match = re.match(rb"P([36F])" + (between + rb"(\d{1,9})") * 2 + between + rb"(-?\d{1,9})", data)
    if match is None:
        return None
    width, height, most = (int(each) for each in match.groups()[1:])
    bits = 32 if match[1] == b"F" else 8 if most < 256 else 16
    return Header((height, width), bits, 3)


def radiance_header(data: bytes) -> Header | None:
    """Of a Radiance picture (.hdr); None: it is none."""
    match = re.match(rb"#\?(?:RADIANCE|RGBE).*?\n\s*\n([-+][XY]) (\d{1,9}) [-+][XY] (\d{1,9})", data, re.DOTALL)
    if match is None:
        return None
    first, second = int(match[2]), int(match[3])
    return Header((first, second) if match[1].endswith(b"Y") else (second, first), 32, 3)
