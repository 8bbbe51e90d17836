"""Compares rheo with hooks in transformers; started by `run`.

States: largest difference over the RMS at a point, at most 3e-5; coordinates and distances over the norm of a state.
Values derived from logits, and derivatives (float32 there, float64 here): 1e-4 of their size, or of the range that they
are scaled by; logarithms of stretching 1e-3. Greedy and likeliest tokens: identical.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import h5py
import numpy as np
import safetensors
import torch
import transformers

transformers.logging.set_verbosity_error()
torch.set_grad_enabled(False)

HERE = os.path.dirname(os.path.abspath(__file__))
STATES, DERIVED = 3e-5, 1e-4


class Hooked:
    """A model of transformers, with the modules that read the residual stream at each of its points."""

    def __init__(self, folder, prepare=lambda model: model):
        self.model = prepare(transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval())
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
        sys.exit(f"rheo {arguments[0]} failed: {ran.stderr or ran.stdout}")
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
    own = hooked.run(corrupted)[0]

    def effects(part):
        """[token, point, outcome] with one state moved by `part` of the way to the clean one."""
        effect = torch.empty(len(corrupted), len(hooked.points), 3, dtype=torch.float64)
        for token in range(len(corrupted)):
            for point in range(len(hooked.points)):

                def change(p, at, token=token, point=point):
                    if p == point:
                        at[token] = own[point, token] + part(states[point, token] - own[point, token])

                effect[token, point] = outcomes(hooked.run(corrupted, change)[1][-1])
        return effect

    effect = effects(lambda whole: whole)
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

    # Along two directions alone: by the projector A (A'A)^-1 A'.
    axes = torch.randn(2, states.shape[-1], generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    projector = axes.T @ torch.linalg.inv(axes @ axes.T) @ axes
    along = effects(lambda whole: (projector @ whole.double()).to(whole.dtype))[:, :, 0]
    np.save(os.path.join(work, "along.npy"), axes.float().numpy())
    out = os.path.join(work, "map.h5")
    rheo(program, "patch", "--model", folder, "--clean-ids", ",".join(map(str, clean)), "--corrupt-ids",
         ",".join(map(str, corrupted)), "--answer-id", answer, "--foil-id", foil, "--axes",
         os.path.join(work, "along.npy"), "--out", out, "--force")
    with h5py.File(out) as file:
        found = torch.tensor(file["effect"][...])
    span = (of_clean[0] - of_corrupted[0]).abs()
    checks.within("patch map along two directions", ((found - along).abs().max() / span).item(), DERIVED)


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


def dual_of(axes):
    return torch.linalg.inv(axes @ axes.T) @ axes


def pushed_run(hooked, ids, point, token, push):
    def change(p, at):
        if p == point:
            at[token] += push.to(at.dtype)

    states, logits = hooked.run(ids, change)
    return states[point:, token].double(), logits[-1]


def written_axes(hooked, work):
    """Two directions that are not orthogonal, at length 1, in a file."""
    units = hooked.model.config.hidden_size
    axes = torch.randn(2, units, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    axes[1] += axes[0]
    path = os.path.join(work, "axes.h5")
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = axes.float().numpy()
    axes = axes.float().double()
    return path, axes / axes.norm(dim=1, keepdim=True)


def flow(program, folder, hooked, ids, work, checks):
    """Every cell of a grid over skew axes, about an early token, by a hooked run of its own."""
    point, token = len(hooked.points) // 3, 2
    path, axes = written_axes(hooked, work)
    dual = dual_of(axes)
    out = os.path.join(work, "flow.h5")
    extent = [0.5 * hooked.run(ids)[0][point, 1:].norm(dim=1).mean().item()] * 2
    rheo(program, "flow", "--model", folder, "--ids", ",".join(map(str, ids)), "--point", hooked.points[point],
         "--token", token, "--axes", path, "--skew", "--grid", "3x3", "--extent", ",".join(map(str, extent)),
         "--controls", 0, "--out", out, "--force")
    natural, logits = pushed_run(hooked, ids, point, token, torch.zeros(axes.shape[1]))
    rms = natural.pow(2).mean(dim=1).sqrt()
    with h5py.File(out) as file:
        scores, distance, likeliest = file["scores"][...], file["distance"][...], file["likeliest"][...]
        probability, divergence = file["probability"][...], file["kl"][...]
    errors = {"scores": 0, "distances": 0, "probabilities": 0, "KL": 0}
    expected_tokens = []
    log_natural = torch.log_softmax(logits.double(), -1)
    for cell in range(9):
        dz = torch.tensor([(cell % 3 - 1) * extent[0], (cell // 3 - 1) * extent[1]], dtype=torch.float64)
        moved, logits = pushed_run(hooked, ids, point, token, dz @ axes)
        log = torch.log_softmax(logits.double(), -1)
        expected_tokens.append(int(log.argmax()))
        size = rms * axes.shape[1] ** 0.5 * dual.norm(dim=1).max()  # how far a state's rounding can move a score
        errors["scores"] = max(errors["scores"], ((torch.tensor(scores[cell]) - moved @ dual.T).abs()
                                                  / size[:, None]).max().item())
        errors["distances"] = max(errors["distances"], ((torch.tensor(distance[cell]) - (moved - natural).norm(dim=1))
                                                        .abs() / (rms * axes.shape[1] ** 0.5)).max().item())
        errors["probabilities"] = max(errors["probabilities"], abs(probability[cell] - log.max().exp().item()))
        expected_kl = (log_natural.exp() * (log_natural - log)).sum().item()
        errors["KL"] = max(errors["KL"], abs(divergence[cell] - expected_kl) / max(1, expected_kl))
    checks.equal("flow, likeliest tokens", likeliest, expected_tokens)
    for name, error in errors.items():
        checks.within(f"flow, {name}", error, DERIVED if name in ("probabilities", "KL") else STATES)


def response(program, folder, hooked, ids, work, checks):
    """Pushes in both signs, by hooked runs."""
    point, token = len(hooked.points) // 2, len(ids) - 1
    path, axes = written_axes(hooked, work)
    out = os.path.join(work, "response.h5")
    unit = 0.1 * hooked.run(ids)[0][point, 1:].norm(dim=1).mean().item()
    rheo(program, "response", "--model", folder, "--ids", ",".join(map(str, ids)), "--point", hooked.points[point],
         "--axes", path + ":b", "--unit", unit, "--largest", 4, "--steps", 4, "--controls", 0, "--out", out, "--force")
    natural, logits = pushed_run(hooked, ids, point, token, torch.zeros(axes.shape[1]))
    log_natural = torch.log_softmax(logits.double(), -1)
    with h5py.File(out) as file:
        sizes, distance, divergence = file["sizes"][...], file["distance"][...], file["kl"][...]
    far = close = 0
    for i, size in enumerate(sizes):
        moved, logits = pushed_run(hooked, ids, point, token, size * unit * axes[1])
        log = torch.log_softmax(logits.double(), -1)
        far = max(far, abs(distance[i] - (moved[-1] - natural[-1]).norm().item()) / natural[-1].norm().item())
        expected = (log_natural.exp() * (log_natural - log)).sum().item()
        close = max(close, abs(divergence[i] - expected) / max(1, expected))
    checks.within("response, distances", far, STATES)
    checks.within("response, KL", close, DERIVED)


def step_jacobians(hooked, ids):
    """Of every step for the last token, by autograd through the hooked model: [step, unit, unit] float64."""
    hooked.model.requires_grad_(False)
    found = []
    natural, _ = hooked.run(ids)
    for point in range(len(hooked.points) - 1):
        with torch.enable_grad():
            row = natural[point, -1].clone().requires_grad_(True)

            def change(p, at, point=point, row=row):
                if p == point:
                    at[-1] = row

            after = hooked.run(ids, change)[0][point + 1, -1]
            eye = torch.eye(len(row))
            found.append(torch.autograd.grad(after, row, eye, is_grads_batched=True)[0].double())
    return found


def jacobians(program, folder, hooked, ids, work, checks):
    factors = step_jacobians(hooked, ids)
    with open(os.path.join(work, "prompts.jsonl"), "w") as file:
        file.write(json.dumps({"ids": ids}) + "\n")
    trace, out = os.path.join(work, "trace.rheo.h5"), os.path.join(work, "jacobian.h5")
    rheo(program, "capture", "--model", folder, "--prompts", os.path.join(work, "prompts.jsonl"), "--out", trace,
         "--force")
    rheo(program, "analyze", trace, "--stat", "jacobian", "--model", folder, "--rows", 1, "--out", out, "--force")
    with h5py.File(out) as file:
        group = file["jacobian"]
        singular = torch.tensor(group["singular_values"][0])
        eigenvalues = torch.view_as_complex(torch.tensor(group["eigenvalues"][0]))
        henrici, lyapunov = group["henrici"][0], torch.tensor(group["lyapunov"][0])
        remaining = torch.tensor(group["remaining_singular_values"][0, 0])
    errors = {"singular values": 0, "eigenvalues": 0, "departure from normality": 0}
    product, q, logs = torch.eye(len(factors[0]), dtype=torch.float64), torch.eye(len(factors[0]), dtype=torch.float64), 0
    for s, factor in enumerate(factors):
        expected = torch.linalg.svdvals(factor)
        errors["singular values"] = max(errors["singular values"], ((singular[s] - expected).abs().max() / expected[0]).item())
        values = torch.linalg.eigvals(factor)
        size = factor.norm()
        # Eigenvalues have no order that rounding leaves alone: sums of their powers have.
        for power in (1, 2, 3):
            errors["eigenvalues"] = max(errors["eigenvalues"], ((eigenvalues[s] ** power).sum() - (values ** power).sum()).abs()
                                        .item() / (values.abs() ** power).sum().item())
        departure = ((size**2 - values.abs().square().sum()).clamp(min=0) / size**2).sqrt().item()
        errors["departure from normality"] = max(errors["departure from normality"], abs(henrici[s] ** 2 - departure**2))
        product = factor @ product
        q, r = torch.linalg.qr(factor @ q)
        logs = logs + r.diagonal().abs().log()
    for name, error in errors.items():
        checks.within(f"derivatives, {name}", error, DERIVED)
    expected = torch.linalg.svdvals(product)
    checks.within("derivatives, all steps", ((remaining - expected).abs().max() / expected[0]).item(), DERIVED)
    exponents = (logs / len(factors)).sort(descending=True).values
    checks.within("derivatives, Lyapunov exponents", (lyapunov - exponents).abs().max().item(), 1e-3)
    # Columns of the derivative of the last steps: what they do to the directions they carry farthest.
    first = len(factors) - min(6, len(factors))
    vectors = os.path.join(work, "carried.safetensors")
    said = rheo(program, "directions", "--model", folder, "--ids", ",".join(map(str, ids)), "--point",
                hooked.points[first], "--carried", 3, "--out", vectors, "--force")
    product = factors[first]
    for factor in factors[first + 1:]:
        product = factor @ product
    expected = torch.linalg.svd(product)
    with safetensors.safe_open(vectors, "pt") as file:
        for i in range(3):
            carried = product @ file.get_tensor(f"sv{i + 1}").double()
            checks.within(f"derivatives, column along sv{i + 1}",
                          abs(carried.norm() - expected.S[i]).item() / expected.S[0].item(), DERIVED)
    return said


def meaning(program, folder, hooked, work, checks):
    """Nearest tokens of a direction, by the unembedding with the final norm folded in."""
    path, axes = written_axes(hooked, work)
    said = rheo(program, "directions", "--list", path, "--model", folder, "--tokens", 3)["directions"]
    norm, head = hooked.readers[-1], hooked.model.get_output_embeddings().weight.double()
    weight = norm.weight.double()
    if "Gemma" in type(norm).__name__:
        weight = weight + 1
    for i, direction in enumerate(said):
        unit = axes[i] / axes[i].pow(2).mean().sqrt()
        if isinstance(norm, torch.nn.LayerNorm):
            unit = (axes[i] - axes[i].mean()) / (axes[i] - axes[i].mean()).pow(2).mean().sqrt()
        logits = head @ (weight * unit)
        best = logits.topk(3)
        checks.equal(f"nearest tokens of {direction['name']}", [t["id"] for t in direction["toward"]],
                     best.indices.tolist())
        found = torch.tensor([t["logit"] for t in direction["toward"]])
        checks.within("their logits", ((found - best.values).abs().max() / best.values[0]).item(), DERIVED)


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
            flow(asked.rheo, folder, hooked, clean, work, checks)
            response(asked.rheo, folder, hooked, clean, work, checks)
            jacobians(asked.rheo, folder, hooked, clean, work, checks)
            meaning(asked.rheo, folder, hooked, work, checks)
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
