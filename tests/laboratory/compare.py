"""Compares rheo with hooks in transformers; started by `run`.

States: largest difference over the RMS at a point, at most 3e-5. Values derived from logits: 1e-4 of their size, or of
the range that they are scaled by. Greedy tokens: identical.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import torch
import transformers

transformers.logging.set_verbosity_error()
torch.set_grad_enabled(False)

HERE = os.path.dirname(os.path.abspath(__file__))
STATES, DERIVED = 3e-5, 1e-4


class Hooked:
    """A model of transformers, with the modules that read the residual stream at each of its points."""

    def __init__(self, folder):
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        base = self.model.base_model
        kind = self.model.config.model_type
        if kind == "gpt2":
            blocks, names, final = base.h, ["ln_1", "ln_2"], base.ln_f
        elif kind == "gpt_neox":
            parallel = self.model.config.use_parallel_residual
            names = ["input_layernorm"] if parallel else ["input_layernorm", "post_attention_layernorm"]
            blocks, final = base.layers, base.final_layer_norm
        else:
            blocks, names, final = base.layers, ["input_layernorm", "post_attention_layernorm"], base.norm
        sites = {1: ["block_in"], 2: ["attn_in", "mlp_in"]}[len(names)]
        self.readers = [getattr(block, name) for block in blocks for name in names] + [final]
        self.points = [f"L{i:02}.{site}" for i in range(len(blocks)) for site in sites] + ["final"]

    def run(self, ids, change=None):
        """States [point, token, unit] and logits [token, vocabulary]; `change(point, states)` edits in place."""
        states = [None] * len(self.points)
        hooks = []
        for p, reader in enumerate(self.readers):

            def hook(module, args, p=p):
                if change is not None:
                    change(p, args[0][0])
                states[p] = args[0][0].clone()

            hooks.append(reader.register_forward_pre_hook(hook))
        logits = self.model(torch.tensor([ids]), use_cache=False).logits[0]
        for hook in hooks:
            hook.remove()
        return torch.stack(states), logits


class Checks:
    def __init__(self):
        self.failed = 0

    def equal(self, name, found, expected):
        ok = list(found) == list(expected)
        self.failed += not ok
        print(f"  {name}: {'identical' if ok else f'DIFFERENT: {list(found)} and {list(expected)}'}")

    def within(self, name, error, bound):
        ok = error <= bound
        self.failed += not ok
        print(f"  {name}: {error:.2g} of at most {bound:.0e}{'' if ok else '  TOO LARGE'}")


def rheo(program, *arguments):
    ran = subprocess.run([program, *map(str, arguments), "--json"], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"rheo {arguments[0]} failed: {ran.stderr}")
    return json.loads(ran.stdout)


def state_error(found, expected):
    """Over points: [token, point, unit] beside [point, token, unit]."""
    found = torch.tensor(found).permute(1, 0, 2)
    rms = expected.pow(2).mean(dim=(1, 2)).sqrt()
    return ((found - expected).abs().amax(dim=(1, 2)) / rms).max().item()


def steering(program, folder, hooked, ids, work, checks):
    count = 10
    p = len(hooked.points) // 2
    natural, _ = hooked.run(ids)
    vector = torch.randn(natural.shape[-1], generator=torch.Generator().manual_seed(5))
    np.save(os.path.join(work, "v.npy"), vector.numpy())
    strength = 1.5
    edits = {
        "edits": [
            {"point": hooked.points[p], "tokens": "2:", "op": "add", "vector": "v.npy", "strength": strength, "unit": "rms"},
            {"point": hooked.points[1], "tokens": "generated", "op": "project_out", "vector": "v.npy"},
        ]
    }
    with open(os.path.join(work, "edits.json"), "w") as file:
        json.dump(edits, file)
    out = os.path.join(work, "intervened.h5")
    said = rheo(program, "intervene", "--model", folder, "--ids", ",".join(map(str, ids)), "--edits",
                os.path.join(work, "edits.json"), "--generate", count, "--out", out, "--force")
    rms = natural[p, 1:].pow(2).sum(-1).mean().sqrt()
    push = strength * rms * vector / vector.norm()
    unit = vector / vector.norm()

    def change(point, states):
        if point == p:
            states[2:] += push
        if point == 1:
            states[len(ids):] -= (states[len(ids):] @ unit)[:, None] * unit

    for name, edit in [("natural", None), ("intervened", change)]:
        sequence = list(ids)
        for _ in range(count):
            _, logits = hooked.run(sequence, edit)
            sequence.append(int(logits[-1].argmax()))
        checks.equal(f"greedy tokens, {name}", said[f"{name}_ids"], sequence[len(ids):])
        with h5py.File(out) as file:
            states, _ = hooked.run(sequence, edit)
            checks.within(f"states, {name}", state_error(file[name][...], states), STATES)


def corrupted_of(ids, vocabulary):
    changed = list(ids)
    changed[2] = (changed[2] + 7) % vocabulary
    changed[4] = (changed[4] + 9) % vocabulary
    return changed


def contrasting(hooked, clean, corrupted):
    """The tokens whose logits rise and fall most from the corrupted to the clean run."""
    change = hooked.run(clean)[1][-1] - hooked.run(corrupted)[1][-1]
    return int(change.argmax()), int(change.argmin())


def patching(program, folder, hooked, clean, corrupted, work, checks):
    """Every cell by a hooked run of its own, for the three outcomes."""
    answer, foil = contrasting(hooked, clean, corrupted)
    states, logits = hooked.run(clean)
    clean_log = torch.log_softmax(logits[-1].double(), -1)

    def outcomes(row):
        log = torch.log_softmax(row.double(), -1)
        return torch.stack([(row[answer] - row[foil]).double(), log[answer].exp(),
                            (clean_log.exp() * (clean_log - log)).sum()])

    of_clean = outcomes(logits[-1])
    of_corrupted = outcomes(hooked.run(corrupted)[1][-1])
    effect = torch.empty(len(corrupted), len(hooked.points), 3, dtype=torch.float64)
    for token in range(len(corrupted)):
        for point in range(len(hooked.points)):

            def change(p, at, token=token, point=point):
                if p == point:
                    at[token] = states[point, token]

            effect[token, point] = outcomes(hooked.run(corrupted, change)[1][-1])
    for i, (name, options) in enumerate([
        ("logit_difference", ["--answer-id", answer, "--foil-id", foil]),
        ("probability", ["--answer-id", answer]),
        ("kl", []),
    ]):
        out = os.path.join(work, "map.h5")
        rheo(program, "patch", "--model", folder, "--clean-ids", ",".join(map(str, clean)), "--corrupt-ids",
             ",".join(map(str, corrupted)), *options, "--out", out, "--force")
        with h5py.File(out) as file:
            found = torch.tensor(file["effect"][...])
            share = torch.tensor(file["normalized"][...])
            runs = [abs(file.attrs["clean"] - of_clean[i]), abs(file.attrs["corrupted"] - of_corrupted[i])]
        span = (of_clean[i] - of_corrupted[i]).abs()
        checks.within(f"patch map, {name}", ((found - effect[:, :, i]).abs().max() / span).item(), DERIVED)
        expected = (effect[:, :, i] - of_corrupted[i]) / (of_clean[i] - of_corrupted[i])
        checks.within(f"patch map, {name}, normalised", (share - expected).abs().max().item(), DERIVED)
        checks.within(f"patch map, {name}, both runs", (max(runs) / span).item(), DERIVED)


def attribution(program, folder, hooked, ids, work, checks):
    """Writes as differences of hooked states, through the final norm at the scale it has."""
    states, logits = hooked.run(ids)
    answer, foil = int(logits[-1].argmax()), int(logits[-1].argmin())
    states = states[:, -1].double()
    norm, head = hooked.readers[-1], hooked.model.get_output_embeddings().weight
    direction = (head[answer] - head[foil]).double() * norm.weight.double()
    layer = isinstance(norm, torch.nn.LayerNorm)
    centred = lambda h: h - h.mean(-1, keepdim=True) if layer else h
    epsilon = norm.eps if layer else norm.variance_epsilon
    scale = (centred(states[-1]).pow(2).mean() + epsilon).rsqrt()
    expected = centred(states.diff(dim=0)) @ direction * scale
    out = os.path.join(work, "attribution.h5")
    rheo(program, "attribute", "--model", folder, "--ids", ",".join(map(str, ids)), "--answer-id", answer, "--foil-id",
         foil, "--out", out, "--force")
    with h5py.File(out) as file:
        found = torch.tensor(file["contribution"][...])
        sum_of = found.sum() + file.attrs["embedding"] + file.attrs["bias"]
        logit = (logits[-1, answer] - logits[-1, foil]).double()
        checks.within("attribution", ((found - expected).abs().max() / logit.abs()).item(), DERIVED)
        checks.within("attribution, sum beside the logits", ((sum_of - logit).abs() / logit.abs()).item(), 1e-5)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rheo", required=True)
    parser.add_argument("--model", action="append", help="a folder; left out: the demo model and fixtures")
    asked = parser.parse_args()
    fixtures = os.path.join(HERE, "../fixtures/models")
    folders = asked.model or [
        os.path.join(HERE, "../../resources/demo-model"),
        *(os.path.join(fixtures, name, "model") for name in ("gpt2", "gpt_neox-parallel", "qwen2")),
    ]
    checks = Checks()
    for folder in folders:
        print(os.path.relpath(folder))
        hooked = Hooked(folder)
        vocabulary = hooked.model.config.vocab_size
        clean = [(i * 37 + 11) % vocabulary for i in range(8)]
        with tempfile.TemporaryDirectory() as work:
            steering(asked.rheo, folder, hooked, clean, work, checks)
            patching(asked.rheo, folder, hooked, clean, corrupted_of(clean, vocabulary), work, checks)
            attribution(asked.rheo, folder, hooked, clean, work, checks)
    sys.exit(1 if checks.failed else 0)


main()
