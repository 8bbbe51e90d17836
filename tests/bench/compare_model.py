#!/usr/bin/env python3
"""Times capture and generation beside transformers: same dtype, threads, batch and shape of model.

    tests/bench/compare_model.py BUILD/bin/bench_model [--rounds N] [--threads N] [--dtype float32|bfloat16]

Both take turns, round by round, so that what else the machine does hits both; the ratio is the median over the
rounds. Capture keeps the state of every token at every residual point, before attention and before the MLP
of each block and after the last; transformers does so by hooks that keep references and copy nothing.
Exit status 77 (skipped) where torch or transformers is not installed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("bench")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
asked = parser.parse_args()

os.environ["OMP_NUM_THREADS"] = str(asked.threads)
try:
    import torch
    import transformers
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

torch.set_num_threads(asked.threads)
dtype = getattr(torch, asked.dtype)
DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../resources/demo-model")


def model_of(which):
    if which == 0:
        return transformers.AutoModelForCausalLM.from_pretrained(DEMO, dtype=dtype).eval()
    config = json.loads(subprocess.run([asked.bench, "--config"], capture_output=True, check=True).stdout)
    torch.manual_seed(1)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).to(dtype).eval()


def prompts(batch, tokens):
    return torch.tensor([[0] + [2 + (i * 37 + salt * 101) % 4000 for i in range(1, tokens)]
                         for salt in range(batch)])


@torch.inference_mode()
def capture(model, batch, tokens):
    """Seconds for all residual points of every token."""
    kept = []

    def keep(module, inputs):
        kept.append(inputs[0])

    hooks = [norm.register_forward_pre_hook(keep) for layer in model.model.layers
             for norm in (layer.input_layernorm, layer.post_attention_layernorm)]
    hooks.append(model.model.norm.register_forward_pre_hook(keep))
    ids = prompts(batch, tokens)
    best = float("inf")
    for _ in range(4):
        kept.clear()
        start = time.perf_counter()
        model.model(ids, use_cache=False)
        best = min(best, time.perf_counter() - start)
    assert len(kept) == 2 * model.config.num_hidden_layers + 1
    for hook in hooks:
        hook.remove()
    return best


@torch.inference_mode()
def next_token(model):
    """Seconds for one more token with the cache."""
    best = float("inf")
    for _ in range(3):
        out = model(prompts(1, 64), use_cache=True)
        start = time.perf_counter()
        for _ in range(16):
            out = model(out.logits[:, -1:].argmax(-1), past_key_values=out.past_key_values, use_cache=True)
        best = min(best, (time.perf_counter() - start) / 16)
    return best


def ours(name):
    """Milliseconds, the best of three repetitions."""
    environment = dict(os.environ, RHEO_BENCH_THREADS=str(asked.threads), RHEO_BENCH_DTYPE=asked.dtype)
    out = subprocess.run(
        [asked.bench, f"--benchmark_filter={name}", "--benchmark_format=json", "--benchmark_repetitions=3",
         "--benchmark_min_time=0.2"],
        capture_output=True, check=True, text=True, env=environment).stdout
    return min(run["real_time"] for run in json.loads(out)["benchmarks"] if run["run_type"] == "iteration")


models = [model_of(0), model_of(1)]
names = ["demo, 32 blocks of 128", "24 blocks of 1,024"]
captures = [(0, 1, 64), (0, 16, 64), (1, 1, 128), (1, 8, 128)]
times = {}
for _ in range(asked.rounds):
    for case in captures:
        which, batch, tokens = case
        mine = ours(f"captureAll/model:{which}/batch:{batch}/tokens:{tokens}/")
        times.setdefault(case, []).append((mine, 1000 * capture(models[which], batch, tokens)))
    for which in (0, 1):
        mine, memory = ours(f"nextToken/model:{which}/"), ours(f"readMemory/model:{which}/")
        times.setdefault(which, []).append((mine, 1000 * next_token(models[which]), memory))

print(f"{asked.dtype}, {asked.threads} threads, torch {torch.__version__}, transformers "
      f"{transformers.__version__}, {asked.rounds} rounds; best times, median ratio (range)")
for case, rounds in times.items():
    ratios = sorted(other / mine for mine, other, *_ in rounds)
    mine, other, *memory = (min(column) for column in zip(*rounds))
    ratio = f"{statistics.median(ratios):.2f} times ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    if isinstance(case, tuple):
        which, batch, tokens = case
        rate = 1000 * batch * tokens
        print(f"capture, {names[which]}, {batch} x {tokens} tokens: {rate / mine:,.0f} tokens/s; "
              f"transformers {rate / other:,.0f}; {ratio}")
    else:
        print(f"next token, {names[case]}: {mine:.2f} ms; transformers {other:.2f} ms; {ratio}; "
              f"reading the weights once {memory[0]:.2f} ms")
