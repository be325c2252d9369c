"""What report pages share: templates, numbers for people, figures, and what keeps hostile text still.

A page is one file without scripts. Whatever a repository or a model brought is text in it: templates escape by default,
the page's policy forbids scripts and requests, and characters that hide or turn text are shown.
"""

import io
import re
from collections.abc import Callable
from functools import lru_cache

import jinja2
import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

PAINTS = {
    "ink": "#010101",
    "soft": "#020202",
    "line": "#030303",
    "train": "#040404",
    "validation": "#050505",
    "test": "#060606",
}
"""Colours of figures by what they mean. They stand for the page's own, which differ by light and dark."""

_HIDDEN = (
    *range(0x7F, 0xA0),  # C1 controls
    *(0x061C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF),  # without width
    *range(0x202A, 0x202F),  # turn the direction of what follows (https://trojansource.codes)
    *range(0x2066, 0x206A),
)
_SHOWN = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"} | dict.fromkeys(
    _HIDDEN, "\ufffd"
)
"""What stands for characters that cannot be seen: pictures of controls, the replacement character for the rest."""

_UNWANTED = (
    re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r"\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL),  # it would hold for the whole page
    re.compile(r'(?<=<g) id="[^"]*"'),  # the same in every figure, and nothing refers to them
    re.compile(r"font-family: [^;\"]*;\s*"),
    re.compile(r' (?:width|height)="[\d.]+pt"'),  # the page decides
)
"""Parts of a drawing that are of no use in a page, or do harm there."""

_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",  # it comes with matplotlib: widths are the same everywhere
    "font.size": 10,
    "text.color": PAINTS["ink"],
    "axes.edgecolor": PAINTS["line"],
    "axes.labelcolor": PAINTS["soft"],
    "xtick.color": PAINTS["soft"],
    "ytick.color": PAINTS["soft"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "ytick.major.size": 0,
}


def render(template: str, **context: object) -> str:
    """A template of this package with its values filled in; HTML is escaped, a missing value is an error."""
    return _environment().get_template(template).render(**context)


@lru_cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("repoloom_stages.report"),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": number,
        "compact": compact,
        "size": size,
        "percent": percent,
        "visible": visible,
    }
    return environment


def number(value: int) -> str:
    """1234567 as 1,234,567."""
    return f"{value:,}"


def compact(value: float) -> str:
    """Exact up to four digits, else three digits and a unit: 1.23 M."""
    return f"{value:,.0f}" if abs(value) < 9_999.5 else _scaled(value, ("", "k", "M", "G", "T"))


def size(value: float) -> str:
    """Bytes with three digits: 1.23 MB."""
    return _scaled(value, ("B", "kB", "MB", "GB", "TB"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    if abs(value) < 999.5:
        return f"{value:,.0f}\N{NO-BREAK SPACE}{units[0]}".rstrip()
    power = 1
    while abs(value) >= 999.5 * 1000**power and power < len(units) - 1:
        power += 1
    scaled = value / 1000**power
    digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
    return f"{scaled:,.{digits}f}\N{NO-BREAK SPACE}{units[power]}"


def percent(part: float, whole: float) -> str:
    """A share with one digit: 12.3 %; 0 % of nothing."""
    return f"{100 * part / whole if whole else 0:.1f}\N{NO-BREAK SPACE}%"


def visible(text: str) -> str:
    """Text whose control, direction and invisible characters are shown instead of obeyed."""
    return text.translate(_SHOWN)


def figure_svg(title: str, draw: Callable[[Figure], None], width: float = 4.2, height: float = 2.2) -> Markup:
    """What `draw` draws on an empty figure (inches of 72 points), as SVG to stand in the page, in its colours and font.

    The same drawing gives the same bytes. Axes are placed by fractions of the figure, never by the extent of text.
    """
    buffer = io.StringIO()
    with mpl.rc_context(_STYLE | {"svg.hashsalt": title}):
        figure = Figure(figsize=(width, height))
        draw(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    for meaning, paint in PAINTS.items():
        drawing = drawing.replace(paint, f"var(--{meaning})")
    for unwanted in _UNWANTED:
        drawing = unwanted.sub("", drawing)
    opening = f'<svg role="img" aria-label="{escape(title)}"'
    return Markup(opening + drawing.removeprefix("<svg"))  # noqa: S704 (matplotlib escapes what it draws)
