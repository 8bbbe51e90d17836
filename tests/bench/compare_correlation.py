#!/usr/bin/env python3
"""Times this program's correlation of all points with all, unit by unit, beside NumPy's fastest way to it.

    tests/bench/compare_correlation.py BUILD/bin/bench_analysis

States [1000, 65, 4096] of float32 in memory; both on all cores, sums in float64. NumPy's is a batched matrix
product over units, which runs in BLAS. Exit status 77 (skipped) where NumPy is not installed.
"""

import json
import subprocess
import sys
import time

try:
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROWS, POINTS, UNITS = 1000, 65, 4096


def correlation(states, at_once=256):
    """Mean over units of the correlations of points with points, [point, point]."""
    total = np.zeros((POINTS, POINTS))
    for first in range(0, UNITS, at_once):
        part = states[:, :, first:first + at_once].transpose(2, 1, 0).astype(np.float64)  # [unit, point, row]
        part -= part.mean(axis=2, keepdims=True)
        part /= np.sqrt(np.einsum("upn,upn->up", part, part))[:, :, None]
        total += (part @ part.transpose(0, 2, 1)).sum(axis=0)
    return total / UNITS


def theirs():
    rng = np.random.default_rng(1)
    states = rng.random((ROWS, POINTS, UNITS), dtype=np.float32)
    states -= 0.5
    np.cumsum(states, axis=1, out=states)
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        mean = correlation(states)
        best = min(best, time.perf_counter() - start)
    # A walk of p steps has taken part of that of q.
    expected = np.sqrt(np.add.outer(np.arange(1, POINTS + 1), np.zeros(POINTS)) / np.arange(1, POINTS + 1))
    assert np.abs(np.triu(mean - expected)).max() < 0.01
    return best


def ours(bench):
    out = subprocess.run([bench, "--benchmark_filter=correlation/units:4096", "--benchmark_format=json"],
                         capture_output=True, check=True, text=True).stdout
    (run,) = json.loads(out)["benchmarks"]
    return run["real_time"] / 1000, run["share_of_gemm"], run["share_of_floor"]


if len(sys.argv) != 2:
    sys.exit(__doc__)
mine, gemm, floor = ours(sys.argv[1])
other = theirs()
print(f"[{ROWS}, {POINTS}, {UNITS}]: {mine:.2f} s, {100 * gemm:.0f} % of GEMM, {100 * floor:.0f} % of what GEMM "
      f"and memory allow; NumPy {np.__version__} {other:.2f} s; {other / mine:.1f} times")
