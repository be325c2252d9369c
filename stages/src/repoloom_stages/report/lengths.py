"""Lengths of samples in tokens: quantiles and histograms, for the report."""

from bisect import bisect_left
from collections import Counter
from typing import Any

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Lengths = Counter[int]
"""Samples by their tokens: exact quantiles, in memory that the longest sample bounds."""


def quantile(lengths: Lengths, share: float) -> int:
    """The smallest length that so large a share of the samples does not exceed; 0 of none."""
    seen, wanted = 0, share * lengths.total()
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= wanted:
            return length
    return 0


def length_bins(longest: int) -> list[int]:
    """Edges of bins that widen by about the square root of two, from 0 to the longest or beyond."""
    edges = [0, 8]
    while edges[-1] < longest:
        edges.append(round(2 ** ((len(edges) + 5) / 2)))
    return edges


def histogram(lengths: Lengths, edges: list[int]) -> list[int]:
    """Samples in each bin: longer than an edge, up to and with the next."""
    counts = [0] * (len(edges) - 1)
    for length, samples in lengths.items():
        counts[bisect_left(edges, length) - 1] += samples
    return counts


def lengths_document(lengths: Lengths) -> dict[str, Any]:
    """Quantiles and histogram of tokens, as `stats.json` has them."""
    edges = length_bins(max(lengths, default=0))
    return {
        "quantiles": {f"p{round(share * 100):02}": quantile(lengths, share) for share in QUANTILES},
        "longest": max(lengths, default=0),
        "histogram": {"edges": edges, "samples": histogram(lengths, edges)},
    }
