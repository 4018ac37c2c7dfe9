"""Colors as a reader sees them."""

from __future__ import annotations

import re

__all__ = ["between", "contrast", "luminance"]


def luminance(color):
    """Return the relative luminance of a CSS color, as WCAG 2.2 defines it."""
    parts = [int(each) / 255 for each in re.findall(r"\d+", color)[:3]]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page, selector, *, behind=None):
    """Return the contrast of an element's text with what is behind it, 1 to 21."""
    style = "(element, name) => getComputedStyle(element)[name]"
    text = page.eval_on_selector(selector, style, "color")
    return between(text, page.eval_on_selector(behind or selector, style, "backgroundColor"))


def between(one, other):
    """Return the contrast of two colors, 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
