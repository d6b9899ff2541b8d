"""The arithmetic of the report: what is typical, how far it spreads, and which way a ratio points."""

from collections import namedtuple
# What is no peer, and shows how fast anything could be: a bare loop on a connection for each thread, and one that shares.
FLOORS = {"bare", "mux"}

# What is typical of several figures, and what lies around it.
Spread = namedtuple("Spread", "median low high")

# What is measured of a run, in the order in which a client prints it, and whether more of it is better.
MEASURES = {"ops": True, "cpu": False, "p50": False, "p99": False, "p999": False}


def at(ordered, share):
    """The figure at this share of the way from the least to the most, between two neighbours if need be."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(figures):
    """The median and the quartiles; of fewer than five figures, the least and the most."""
    ordered = sorted(figures)
    if not ordered:
        raise ValueError("no figures")
    few = len(ordered) < 5
    return Spread(at(ordered, 0.5), at(ordered, 0 if few else 0.25), at(ordered, 1 if few else 0.75))


def times_better(ours, theirs, more_is_better):
    """How many times better librredis is: above 1 it is better, below 1 the peer is, whichever way the figure points."""
    over, under = (ours, theirs) if more_is_better else (theirs, ours)
    if under == 0:
        return 1.0 if over == 0 else float("inf")
    return over / under


def ratio(ours, theirs, more_is_better):
    """The spread of the ratios of runs that followed each other: pair by pair, for the machine is not the same all the time."""
    if len(ours) != len(theirs):
        raise ValueError("runs without a partner")
    return spread([times_better(a, b, more_is_better) for a, b in zip(ours, theirs)])


def slower(cells):
    """Where a peer is better in throughput or in processor time, in the median: first where all of the spread is below 1, and the
    worst first."""
    found = []
    for cell in cells:
        for peer, measures in cell["ratios"].items():
            for measure in ("ops", "cpu"):
                if peer not in FLOORS and measure in measures and measures[measure].median < 1:
                    found.append((measures[measure], cell, peer, measure))
    return sorted(found, key=lambda one: (one[0].high >= 1, one[0].median))
