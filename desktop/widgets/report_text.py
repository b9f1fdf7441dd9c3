"""Reports in dialogs: lists under headings, and counts with what they count."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from counterpart.desktop.widgets.theme import colours

SHOWN = 200
_NAMED = 3


def section(title: str, lines: Sequence[str]) -> str:
    """A heading with its number of lines, and the lines; of very many, the first."""
    shown = "".join(f"<li>{html.escape(line)}</li>" for line in lines[:SHOWN])
    more = f"<li>and {len(lines) - SHOWN:,} more</li>" if len(lines) > SHOWN else ""
    head = f"<p style='color:{colours().muted}'>{html.escape(title)} ({len(lines):,})</p>"
    return f"{head}<ul style='margin:0'>{shown}{more}</ul>"


def by_reason(pairs: Sequence[tuple[str, str]]) -> list[Count]:
    """(name, reason) pairs as counts: one line for each reason, with the names that it is given for; most first."""
    names: dict[str, list[str]] = {}
    for name, reason in pairs:
        names.setdefault(reason, []).append(name)
    return [Count(len(each), reason, each) for reason, each in sorted(names.items(), key=lambda item: -len(item[1]))]


@dataclass(frozen=True, slots=True)
class Count:
    """A line of a table of counts.

    Attributes:
        number: How many.
        text: Of what.
        names: Some of them by name.
        tone: `good`, `warning`, `danger` or empty.
    """

    number: int
    text: str
    names: Sequence[str] = ()
    tone: str = ""


def counts_table(counts: Sequence[Count]) -> str:
    """Numbers to the right, what they count beside them, some names below in small."""
    theme = colours()
    rows = []
    for count in counts:
        if not count.number:
            continue
        colour = getattr(theme, count.tone) if count.tone else theme.text
        names = ", ".join(count.names[:_NAMED]) + (" …" if len(count.names) > _NAMED else "")
        small = f" <span style='color:{theme.muted}'>&nbsp; {html.escape(names)}</span>" if names else ""
        rows.append(
            f"<tr><td align='right' style='color:{colour}; padding:2px 12px 2px 0'><b>{count.number:,}</b></td>"
            f"<td style='padding:2px 0'>{html.escape(count.text)}{small}</td></tr>"
        )
    return f"<table cellspacing='0'>{''.join(rows)}</table>" if rows else ""


def counts_text(counts: Sequence[Count]) -> str:
    """The same as plain text, to be copied: with every name."""
    return "\n".join(
        f"{count.number:,} {count.text}" + (f": {', '.join(count.names)}" if count.names else "")
        for count in counts
        if count.number
    )


def paragraphs(lines: Sequence[str]) -> str:
    """Sentences one below the other."""
    return "".join(f"<p style='margin:0 0 4px 0'>{html.escape(each)}</p>" for each in lines)


def titled(title: str, body: str) -> str:
    """A heading over a part of a report."""
    return f"<p style='color:{colours().muted}; margin:8px 0 2px 0'>{html.escape(title)}</p>{body}"
