#!/usr/bin/env python3
"""Times this program's KSG estimator beside scikit-learn's, both on one thread and the same kinds of data.

    tests/bench/compare_mutual_information.py BUILD/bin/bench_mutual_information

Exit status 77 (skipped) where scikit-learn is not installed.
"""

import json
import os
import subprocess
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
try:
    import numpy as np
    from sklearn.feature_selection import mutual_info_regression
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def theirs(rows, units=20):
    """Milliseconds an estimate takes: `units` of them, as a walk of one step."""
    rng = np.random.default_rng(1)
    seconds = 0
    for _ in range(units):
        here = rng.normal(size=rows)
        after = here + rng.normal(size=rows)
        start = time.perf_counter()
        mutual_info_regression(here[:, None], after, n_neighbors=3, random_state=0)
        seconds += time.perf_counter() - start
    return 1000 * seconds / units


def ours(bench):
    """Milliseconds an estimate takes within a trace of 1,000 rows, all of its parts counted."""
    out = subprocess.run(
        [bench, "--benchmark_filter=trace256Units/threads:1", "--benchmark_format=json"],
        capture_output=True, check=True, text=True).stdout
    (run,) = json.loads(out)["benchmarks"]
    return 1000 / run["estimates/s"]


if len(sys.argv) != 2:
    sys.exit(__doc__)
mine, other = ours(sys.argv[1]), theirs(1000)
print(f"1,000 rows, one thread: {mine:.3f} ms an estimate; scikit-learn {other:.3f} ms; {other / mine:.1f} times")
print(f"4,096 units by 64 steps: {mine * 4096 * 64 / 60000:.1f} min a thread; "
      f"scikit-learn {other * 4096 * 64 / 60000:.1f} min")
