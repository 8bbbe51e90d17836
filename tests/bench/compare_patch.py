#!/usr/bin/env python3
"""Times a patch map beside plain hooks in transformers: same model, prompts, dtype and threads.

    tests/bench/compare_patch.py BUILD/bin/rheo MODEL [--rounds N] [--threads N] [--clean S] [--corrupt S] [--answer S] [--foil S]

The hooks run one forward pass a cell, keep the logits of the last token only, and copy one state. Both programs have
loaded the model before the clock starts, and take turns, round by round. Two figures: all cells, and only those of
tokens after the prefix that both prompts share, which rheo does not compute. The largest difference of the two maps, in
shares of the clean outcome, is printed too. Exit status 77 (skipped) where torch or transformers is not installed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("rheo")
parser.add_argument("model")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--clean", default="The capital of France is")
parser.add_argument("--corrupt", default="The capital of Italy is")
parser.add_argument("--answer", default=" Paris")
parser.add_argument("--foil", default=" Rome")
asked = parser.parse_args()

os.environ["OMP_NUM_THREADS"] = str(asked.threads)
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin take the cores of other programs
try:
    import h5py
    import numpy as np
    import torch
    import transformers
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

torch.set_num_threads(asked.threads)
transformers.logging.set_verbosity_error()
model = transformers.AutoModelForCausalLM.from_pretrained(asked.model, dtype=torch.float32).eval()
layers, final = model.model.layers, model.model.norm
readers = [norm for layer in layers for norm in (layer.input_layernorm, layer.post_attention_layernorm)] + [final]


@torch.inference_mode()
def run(ids, hook_of):
    hooks = [reader.register_forward_pre_hook(hook) for p, reader in enumerate(readers) if (hook := hook_of(p))]
    logits = model(ids, use_cache=False, logits_to_keep=1).logits[0, -1]
    for hook in hooks:
        hook.remove()
    return logits


def hooked(clean, corrupted, answer, foil):
    """Differences of logits [token, point], and the seconds of each token's cells."""
    states = [None] * len(readers)

    def keeping(p):
        def keep(module, inputs):
            states[p] = inputs[0].clone()
        return keep

    outcome = lambda logits: float(logits[answer] - logits[foil])
    of_clean, of_corrupted = outcome(run(clean, keeping)), outcome(run(corrupted, lambda p: None))
    tokens = corrupted.shape[1]
    effect, seconds = np.empty((tokens, len(readers))), np.zeros(tokens)
    for token in range(tokens):
        started = time.perf_counter()
        for point in range(len(readers)):

            def patching(p):
                def patch(module, inputs):
                    inputs[0][0, token] = states[point][0, token]
                return patch if p == point else None

            effect[token, point] = outcome(run(corrupted, patching))
        seconds[token] = time.perf_counter() - started
    return (effect - of_corrupted) / (of_clean - of_corrupted), seconds


def ours(work):
    out = os.path.join(work, "map.h5")
    said = subprocess.run(
        [asked.rheo, "patch", "--model", asked.model, "--clean", asked.clean, "--corrupt", asked.corrupt, "--answer",
         asked.answer, "--foil", asked.foil, "--out", out, "--force", "--json", "--threads", str(asked.threads)],
        capture_output=True, check=True, text=True)
    return json.loads(said.stdout), out


with tempfile.TemporaryDirectory() as work:
    all_ratios, some_ratios, best = [], [], [float("inf")] * 3
    for _ in range(asked.rounds):
        said, out = ours(work)
        with h5py.File(out) as file:
            clean, corrupted = (torch.tensor(file[name][...])[None].long() for name in ("clean_ids", "corrupted_ids"))
            map_of_rheo = file["normalized"][...]
        share, seconds = hooked(clean, corrupted, said["answer"], said["foil"])
        different = int((clean != corrupted)[0].nonzero()[0])
        times = (said["map_seconds"], seconds.sum(), seconds[different:].sum())
        best = [min(pair) for pair in zip(best, times)]
        all_ratios.append(times[1] / times[0])
        some_ratios.append(times[2] / times[0])
    print(f"{os.path.basename(os.path.normpath(asked.model))}: {clean.shape[1]} tokens, the first {different} shared, "
          f"{len(readers)} points; {asked.threads} threads, torch {torch.__version__}, transformers "
          f"{transformers.__version__}, {asked.rounds} rounds; best times, median ratio (range)")
    print(f"rheo {best[0]:.2f} s; largest difference of the maps {np.abs(share - map_of_rheo).max():.1e}")
    for name, took, ratios in (("all cells", best[1], all_ratios), ("cells after the shared prefix", best[2], some_ratios)):
        print(f"hooks, {name}: {took:.2f} s, {statistics.median(ratios):.1f} times ({min(ratios):.1f} to {max(ratios):.1f})")
