#!/usr/bin/env python3
"""One rank of one thread beside two of one thread each: how much faster, and how many bytes they exchange.

usage: compare_ranks.py BUILD/bin/rheo MODEL PROMPTS [--ranks 2] [--limit 400] [--repeats 200] [--times 3]

Takes minutes of two cores with nothing else running; says the load of the machine. A time is the best of some.
"""
import argparse
import os
import re
import subprocess
import tempfile
import time


def run(rheo, ranks, arguments):
    """Seconds of one call, and the bytes that its ranks sent."""
    environment = dict(os.environ, RHEO_THREADS="1", OMP_WAIT_POLICY="passive", OMP_NUM_THREADS="1")
    command = [rheo, *arguments, "--progress", "plain"]
    if ranks > 1:
        command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-n", str(ranks), *command]
    started = time.monotonic()
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{ran.stderr}")
    return seconds, sum(int(sent) for sent in re.findall(r"sent (\d+) bytes", ran.stderr))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rheo")
    parser.add_argument("model")
    parser.add_argument("prompts")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.2f}, cores: {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as folder:
        trace = os.path.join(folder, "trace.rheo.h5")
        capture = ["capture", "--model", options.model, "--prompts", options.prompts, "--limit", str(options.limit)]
        analyze = ["analyze", trace, "--stat", "density,correlation,motion,rotation,pca",
                   "--null", "sign_flip,gaussian_walk", "--repeats", str(options.repeats)]
        calls = [
            ("capture", [*capture, "--rows", "stride:4", "--out", trace]),
            ("analyze", [*analyze, "--out", os.path.join(folder, "results.h5")]),
        ]
        for name, arguments in calls:
            best, sent = {}, 0
            for _ in range(options.times):
                for ranks in (1, options.ranks):
                    seconds, bytes_sent = run(options.rheo, ranks, [*arguments, "--force"])
                    best[ranks] = min(seconds, best.get(ranks, seconds))
                    sent = max(sent, bytes_sent)
            print(f"{name}: 1 rank {best[1]:.2f} s, {options.ranks} ranks {best[options.ranks]:.2f} s, "
                  f"{best[1] / best[options.ranks]:.2f} times as fast, {sent} bytes sent", flush=True)
    print(f"load after: {os.getloadavg()[0]:.2f}")


main()
