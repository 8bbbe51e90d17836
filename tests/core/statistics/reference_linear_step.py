#!/usr/bin/env python3
"""Reference values of test_statistics_linear_step: scikit-learn's Ridge in float64 on the golden trace.

    reference_linear_step.py ../../fixtures/golden/small.rheo.h5

Needs numpy, h5py and scikit-learn. Maps are fitted to the states themselves by singular values, whatever the
number of rows; only the order of the samples (xoshiro256++, Fisher-Yates) is written out again here.
"""
import sys

import h5py
import numpy as np
from sklearn.linear_model import Ridge

MASK = (1 << 64) - 1
PENALTIES = [10.0**k for k in range(-4, 5)]


def split_mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    z = x
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return x, z ^ (z >> 31)


def numbers(seed, stream=0):
    x = seed ^ split_mix(stream)[1]
    s = []
    for _ in range(4):
        x, value = split_mix(x)
        s.append(value)
    rotate = lambda v, k: ((v << k) | (v >> (64 - k))) & MASK
    while True:
        yield (rotate((s[0] + s[3]) & MASK, 23) + s[0]) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)


def permutation(seed, n):
    draws, order = numbers(seed), list(range(n))
    for i in range(n - 1, 0, -1):
        limit = MASK - MASK % (i + 1)
        x = next(x for x in draws if x < limit)
        j = x % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def fit(x, y, penalty):
    centred = x - x.mean(0)
    mean_eigenvalue = (centred**2).sum() / x.shape[1]
    return Ridge(alpha=penalty * mean_eigenvalue, solver="svd", tol=0).fit(x, y)


def choose(x, y, training, held):
    errors = [((fit(x[training], y[training], p).predict(x[held]) - y[held]) ** 2).sum() for p in PENALTIES]
    return PENALTIES[int(np.argmin(errors))]


def linear_step(states, sample_of_row, seed):
    order = permutation(seed, sample_of_row.max() + 1)
    fold_of_sample = np.empty(len(order), int)
    fold_of_sample[order] = np.arange(len(order)) % 5
    fold = fold_of_sample[sample_of_row]
    steps = states.shape[1] - 1
    x_all, y_all = states[:, :-1], states[:, 1:]
    error, identity, one, total = np.zeros((4, steps))
    flat = lambda a, rows: a[rows].reshape(-1, a.shape[2])
    chosen = []
    for f in range(5):
        held, inner = fold == f, fold == (f + 1) % 5
        training, rest = ~held, ~held & ~inner
        for p in range(steps):
            x, y = x_all[:, p], y_all[:, p]
            penalty = choose(x, y, rest, inner)
            chosen.append(penalty)
            error[p] += ((fit(x[training], y[training], penalty).predict(x[held]) - y[held]) ** 2).sum()
            total[p] += ((y[held] - y[training].mean(0)) ** 2).sum()
            identity[p] += ((y[held] - x[held]) ** 2).sum()
        errors = [
            ((fit(flat(x_all, rest), flat(y_all, rest), c).predict(flat(x_all, inner)) - flat(y_all, inner)) ** 2).sum()
            for c in PENALTIES
        ]
        best = PENALTIES[int(np.argmin(errors))]
        chosen.append(best)
        model = fit(flat(x_all, training), flat(y_all, training), best)
        for p in range(steps):
            one[p] += ((model.predict(x_all[held, p]) - y_all[held, p]) ** 2).sum()
    print("// penalties chosen:", sorted(set(chosen)))
    return 1 - error / total, 1 - identity / total, 1 - one / total


def show(name, states, sample_of_row, seed=0):
    print(name)
    for values in linear_step(states, sample_of_row, seed):
        print("    {" + ", ".join(f"{v!r}" for v in values.tolist()) + "},")


def main():
    raw = h5py.File(sys.argv[1])["residual"][:].astype(np.float64)
    rms = raw / np.sqrt((raw**2).mean(2, keepdims=True))
    every = np.arange(len(raw))
    show("raw", raw, every)
    show("rms, seed 3", rms, every, 3)
    show("samples of three rows", raw, every // 3)
    show("20 rows, fewer than units", raw[:20], every[:20])
    show("6 rows of 3 points, fewer states than units", raw[:6, :3], every[:6])


main()
