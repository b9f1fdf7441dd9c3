"""Colours of parts and keypoints.

The colours are the seven chromatic ones of Okabe and Ito (2008), and others chosen greedily: each the one farthest from
those before it in CIELAB, taking the least distance over normal sight, protanopia, deuteranopia and tritanopia
(simulated after Machado et al. 2009), among colours that are neither too dark, too light nor too grey for an overlay.

The order decides what lies side by side, as most work has few parts. It is greedy too, but by what is seen: the colours
half transparent over dark, middle and light ground, compared by CIEDE2000 (Sharma, Wu, Dalal 2005) for each kind of
sight. Okabe and Ito's own order has orange and yellow among the first four, which an overlay makes alike. The tests
beside it hold the distances reached.
"""

from __future__ import annotations

from counterpart.core.errors import UsageError

Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255."""

PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (0, 114, 178),
    (0, 255, 221),
    (136, 0, 51),
    (187, 238, 153),
    (86, 180, 233),
    (153, 85, 119),
    (213, 94, 0),
    (102, 51, 102),
    (187, 85, 255),
    (240, 228, 66),
    (136, 204, 153),
    (204, 121, 167),
    (136, 0, 255),
    (68, 51, 170),
    (0, 158, 115),
    (204, 170, 85),
    (119, 51, 17),
    (153, 255, 119),
    (238, 0, 85),
    (238, 204, 255),
    (170, 85, 34),
    (187, 0, 153),
    (153, 153, 255),
)


def colour_at(index: int) -> Colour:
    """The palette's colour at a place; past its end it repeats, lighter, then darker."""
    turn, place = divmod(index, len(PALETTE))
    if turn == 0:
        return PALETTE[place]
    towards = 255 if turn % 2 else 0
    share = 0.35 if turn <= 2 else 0.6
    red, green, blue = (round(value + (towards - value) * share) for value in PALETTE[place])
    return red, green, blue


def next_colour(taken: frozenset[Colour] | set[Colour]) -> Colour:
    """The first colour of the palette that is not taken; any of it when all are."""
    for index in range(5 * len(PALETTE)):
        colour = colour_at(index)
        if colour not in taken:
            return colour
    return colour_at(len(taken))


def colour_hex(colour: Colour) -> str:
    """`#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def parse_colour(text: str) -> Colour:
    """Read `#rrggbb`.

    Raises:
        UsageError: Not of that form.
    """
    digits = text.strip().removeprefix("#")
    if len(digits) != 6 or any(char not in "0123456789abcdefABCDEF" for char in digits):
        raise UsageError(f"'{text}' is not a colour", hint="Use #rrggbb")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
