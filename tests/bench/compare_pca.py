#!/usr/bin/env python3
"""Times this program's PCA beside NumPy's and scikit-learn's: ten exact components and the scores.

    tests/bench/compare_pca.py BUILD/bin/bench_pca

65,520 states of 4,096 units, of float32 in memory; all on all cores, the covariance in float64. NumPy: a
covariance by BLAS and eigh; scikit-learn: PCA(svd_solver="covariance_eigh"). Exit status 77 (skipped) where
they are not installed.
"""

import json
import subprocess
import sys
import time

try:
    import numpy as np
    import sklearn
    from sklearn.decomposition import PCA
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

STATES, UNITS, COMPONENTS = 1008 * 65, 4096, 10


def with_numpy(states):
    x = states.astype(np.float64)
    x -= x.mean(axis=0)
    values, vectors = np.linalg.eigh(x.T @ x / (len(x) - 1))
    return values[:-COMPONENTS - 1:-1], (x @ vectors[:, :-COMPONENTS - 1:-1]).astype(np.float32)


def with_sklearn(states):
    model = PCA(COMPONENTS, svd_solver="covariance_eigh")
    scores = model.fit_transform(states.astype(np.float64))
    return model.explained_variance_, scores.astype(np.float32)


def ours(bench):
    out = subprocess.run([bench, "--benchmark_filter=(covariance|pcaOf65kStates)/units:4096",
                          "--benchmark_format=json"], capture_output=True, check=True, text=True).stdout
    covariance, whole = json.loads(out)["benchmarks"]
    return whole["real_time"] / 1000, covariance["real_time"] / 1000, covariance["share_of_gemm"]


if len(sys.argv) != 2:
    sys.exit(__doc__)
mine, covariance, gemm = ours(sys.argv[1])
print(f"[{STATES}, {UNITS}]: {mine:.1f} s, {covariance:.1f} s of them the covariance, at {100 * gemm:.0f} % of GEMM")
rng = np.random.default_rng(1)
data = rng.random((STATES, UNITS), dtype=np.float32)
data -= 0.5
data /= np.sqrt(np.arange(1, UNITS + 1, dtype=np.float32))
for name, fit in ((f"NumPy {np.__version__}", with_numpy), (f"scikit-learn {sklearn.__version__}", with_sklearn)):
    begin = time.perf_counter()
    variances, _ = fit(data)
    seconds = time.perf_counter() - begin
    assert abs(variances[0] * 12 - 1) < 0.05  # a uniform unit's
    print(f"{name}: {seconds:.1f} s; {seconds / mine:.1f} times")
