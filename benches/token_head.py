#!/usr/bin/env python3
"""Trains the token head of the default sentence encoder: what tokens count when they are compared.

    python3 -m pip install numpy onnx onnxruntime tokenizers jax
    python3 benches/token_head.py SHARED_DATA ENCODER_FOLDER OUT [LEFT_OUT,...]

OUT becomes a part of an ONNX graph that belongs behind the encoder's model.onnx, as token_head.onnx
in its folder; the one in src/model/minilm was made so. Collections named LEFT_OUT are not learnt from.

The encoder stays as it is. The head reads the unit vectors x of a token's fourth and last layer, side
by side, and gives

    in a query     softplus(q . x + c)        in a document     2 sigmoid(d . x)

It starts as the plain comparison (all weights 1) and learns from train queries (of mbpp dev ones too)
less those of the development collections: of the documents of a batch, which one belongs to a query? The
score is that of search, a third of the cosine of the whole texts and two thirds of the tokens, and every
second time BM25 is added, so that what BM25 knows need not be learnt. Every second batch is of documents
that are alike. What was learnt is taken at SHRINKAGE of its strength.
"""

import math
import sys
from collections import Counter
from pathlib import Path
from random import Random

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer

from development_sets import SETS, judgements, lines

# Name, folder, splits, most pairs.
TRAINING = [
    ("scifact", "scifact", ["train"], 3000),
    ("conala", "conala", ["train"], 3000),
    ("gorilla-pytorch", "gorilla-pytorch", ["train"], 3000),
    ("mbpp", "mbpp", ["train", "dev"], 3000),
    ("wtq", "wtq", ["train"], 3000),
    ("squad-sentences", "train/squad-sentences", ["train"], 3000),
    ("xquad-en", "train/xquad-en", ["train"], 3000),
    ("pubmedqa", "train/pubmedqa", ["train"], 3000),
    ("fairytaleqa", "train/fairytaleqa", ["train"], 3000),
    ("medquad", "train/medquad", ["train"], 3000),
    ("clapnq-dev", "train/clapnq-dev", ["train"], 3000),
]
LAYERS = ["layer_norm_8", "last_hidden_state"]
DIM = 384
QUERY_TOKENS, DOCUMENT_TOKENS, BATCH = 32, 128, 48
STEPS, WARM_UP, RATE, SHRINKAGE = 200, 20, 3e-3, 0.6
TOKEN_SHARE = 0.67
# The values of unit vectors are small, and the steps of Adam are not.
INPUT_SCALE = 10.0


def excluded(name, splits, queries):
    """Those of the development collection of that name, drawn as development_sets.py does."""
    for known, _, known_splits, count, _ in SETS:
        if known == name and known_splits == splits:
            chosen = sorted(queries)
            Random(7).shuffle(chosen)
            return set(chosen[:count])
    return set()


class Encoder:
    """The encoder of a folder, with the vectors of two of its layers."""

    def __init__(self, folder):
        model = onnx.load(folder / "model.onnx")
        known = {output.name for output in model.graph.output}
        new = [name for name in LAYERS if name not in known]
        model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in new)
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()

    def __call__(self, texts, limit):
        """Per text the unit vector of the whole, and of its tokens those of both layers side by side."""
        self.tokenizer.enable_truncation(limit)
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        whole, tokens = [None] * len(rows), [None] * len(rows)
        for start in range(0, len(order), 16):
            batch = order[start : start + 16]
            ids = np.zeros((len(batch), max(len(rows[at]) for at in batch)), np.int64)
            mask = np.zeros_like(ids)
            for line, at in enumerate(batch):
                ids[line, : len(rows[at])], mask[line, : len(rows[at])] = rows[at], 1
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            layers = self.session.run(LAYERS, feed)
            for line, at in enumerate(batch):
                last = layers[-1][line, : len(rows[at])]
                whole[at] = unit(last.mean(0))
                own = slice(1, max(2, len(rows[at]) - 1))
                both = [unit(layer[line, own]) for layer in layers]
                tokens[at] = np.concatenate(both, 1).astype(np.float16)
        return np.stack(whole), tokens


def unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def bm25(documents, queries):
    """BM25 of every query and document, over the best of the query. [queries, documents]"""
    words = lambda text: "".join(c if c.isalnum() else " " for c in text.lower()).split()
    counts = [Counter(words(text)) for text in documents]
    lengths = np.array([sum(count.values()) for count in counts], float)
    postings = {}
    for at, count in enumerate(counts):
        for word, times in count.items():
            postings.setdefault(word, []).append((at, times))
    scores = np.zeros((len(queries), len(documents)), np.float32)
    for row, query in zip(scores, queries):
        for word in set(words(query)) & postings.keys():
            at, times = (np.array(column, float) for column in zip(*postings[word]))
            at = at.astype(int)
            idf = math.log(1 + (len(documents) - len(at) + 0.5) / (len(at) + 0.5))
            row[at] += idf * times / (times + 1.2 * (0.25 + 0.75 * lengths[at] / lengths.mean()))
    return scores / np.maximum(scores.max(1, keepdims=True), 1e-6)


class Pairs:
    """Pairs of a query and a document that belongs to it, of one collection."""

    def __init__(self, data, encoder, name, folder, splits, most):
        documents, texts = lines(data / folder / "corpus.jsonl.gz"), lines(data / folder / "queries.jsonl.gz")
        relevant = judgements(data / folder, splits)
        chosen = sorted(query for query in relevant if query in texts)
        held_out = excluded(name, splits, chosen)
        chosen = [query for query in chosen if query not in held_out]
        Random(3).shuffle(chosen)
        passage = lambda one: f"{documents[one].get('title') or ''} {documents[one].get('text') or ''}".strip()
        places, self.document_of, self.relevant, queries = {}, [], [], []
        for query in chosen[:most]:
            of_query = [one for one in sorted(relevant[query]) if one in documents and passage(one)]
            if of_query:
                queries.append(texts[query]["text"])
                self.relevant.append({places.setdefault(one, len(places)) for one in of_query})
                self.document_of.append(places[Random(len(queries)).choice(of_query)])
        passages = [passage(one) for one in places]
        self.documents, self.document_tokens = encoder(passages, DOCUMENT_TOKENS + 2)
        self.queries, self.query_tokens = encoder(queries, QUERY_TOKENS + 2)
        self.bm25 = bm25(passages, queries)
        self.queries_of = {}
        for query, document in enumerate(self.document_of):
            self.queries_of.setdefault(document, []).append(query)
        print(f"{name}: {len(queries)} pairs, {len(passages)} documents", flush=True)

    def batch(self, draw):
        """Tokens and masks of queries and documents, cosines, BM25, and who is no wrong answer."""
        if draw.random() < 0.5:
            near = np.argsort(-(self.documents @ self.documents[draw.integers(len(self.documents))]))
            near = [one for one in draw.permutation(near[: 3 * BATCH]) if one in self.queries_of]
            chosen = [draw.choice(self.queries_of[one]) for one in near[:BATCH]]
        else:
            chosen = draw.choice(len(self.queries), min(BATCH, len(self.queries)), replace=False)
        chosen = np.concatenate([chosen, draw.choice(len(self.queries), BATCH - len(chosen))]).astype(int)
        documents = [self.document_of[query] for query in chosen]
        related = np.array([[one in self.relevant[query] for one in documents] for query in chosen])
        added = self.bm25[chosen][:, documents] * (draw.random() < 0.5)
        return (
            *padded([self.query_tokens[query] for query in chosen], QUERY_TOKENS),
            *padded([self.document_tokens[one] for one in documents], DOCUMENT_TOKENS),
            self.queries[chosen] @ self.documents[documents].T,
            added,
            related & ~np.eye(BATCH, dtype=bool),
        )


def padded(rows, width):
    values, mask = np.zeros((len(rows), width, 2 * DIM), np.float32), np.zeros((len(rows), width), bool)
    for line, row in enumerate(rows):
        values[line, : len(row)], mask[line, : len(row)] = row, True
    return values, mask


def initial():
    return {
        "query": jnp.zeros(2 * DIM),
        "constant": jnp.log(jnp.e - 1),
        "document": jnp.zeros(2 * DIM),
        "sharpness": jnp.log(20.0),
        "bm25": jnp.float32(3.0),
    }


def loss(head, query, query_mask, document, document_mask, cosine, added, ignored):
    document_weights = 2 * jax.nn.sigmoid(document * INPUT_SCALE @ head["document"])
    weighed = document[..., DIM:] * document_weights[..., None]
    products = jnp.einsum("aid,bjd->aibj", query[..., DIM:], weighed)
    best = jnp.where(document_mask[None, None], products, -1.0).max(-1)
    weights = jax.nn.softplus(query * INPUT_SCALE @ head["query"] + head["constant"]) * query_mask
    tokens = (best * weights[:, :, None]).sum(1) / (weights.sum(1)[:, None] + 1e-6)
    score = (1 - TOKEN_SHARE) * cosine + TOKEN_SHARE * tokens
    logits = score * jnp.exp(head["sharpness"]) + head["bm25"] * added
    return -jnp.diag(jax.nn.log_softmax(jnp.where(ignored, -1e9, logits), 1)).mean()


@jax.jit
def adam(head, first, second, step, rate, *batch):
    value, gradient = jax.value_and_grad(loss)(head, *batch)
    first = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, first, gradient)
    second = jax.tree.map(lambda old, new: 0.99 * old + 0.01 * new * new, second, gradient)

    def moved(weight, mean, square):
        return weight - rate * (mean / (1 - 0.9**step)) / (jnp.sqrt(square / (1 - 0.99**step)) + 1e-8)

    return jax.tree.map(moved, head, first, second), first, second, value


def train(collections):
    """Collections are drawn in proportion to the square root of their numbers of pairs."""
    head = initial()
    first = second = jax.tree.map(jnp.zeros_like, head)
    draw = np.random.default_rng(0)
    share = np.sqrt([len(pairs.queries) for pairs in collections])
    losses = []
    for step in range(1, STEPS + 1):
        pairs = collections[draw.choice(len(collections), p=share / share.sum())]
        rate = RATE * min(1, step / WARM_UP) * (1 - step / (STEPS + 1))
        head, first, second, value = adam(head, first, second, step, rate, *pairs.batch(draw))
        losses.append(float(value))
        if step % 50 == 0:
            print(f"step {step}: loss {np.mean(losses[-50:]):.4f}", flush=True)
    return head


def graph_part(head):
    """The nodes, weights and outputs of the head, to be merged into the encoder's graph."""
    name = lambda what: f"token_head/{what}"
    learnt = {key: np.asarray(head[key], np.float32) * SHRINKAGE * INPUT_SCALE for key in ["query", "document"]}
    values = {
        "directions": np.stack([learnt["query"], learnt["document"]], 1),
        "constants": np.array([head["constant"], 0], np.float32),
        "two": np.array(2, np.float32),
        "first": np.array(0),
        "second": np.array(1),
    }
    node = lambda kind, inputs, output, **settings: helper.make_node(kind, inputs, [output], name=name(output), **settings)
    nodes = [
        node("LpNormalization", [LAYERS[0]], name("fourth"), axis=-1, p=2),
        node("LpNormalization", [LAYERS[1]], name("last"), axis=-1, p=2),
        node("Concat", [name("fourth"), name("last")], name("input"), axis=-1),
        node("MatMul", [name("input"), name("directions")], name("products")),
        node("Add", [name("products"), name("constants")], name("sums")),
        node("Gather", [name("sums"), name("first")], name("query_sum"), axis=-1),
        node("Softplus", [name("query_sum")], "query_token_weights"),
        node("Gather", [name("sums"), name("second")], name("document_sum"), axis=-1),
        node("Sigmoid", [name("document_sum")], name("document_share")),
        node("Mul", [name("document_share"), name("two")], "document_token_weights"),
    ]
    outputs = [
        helper.make_tensor_value_info(f"{text}_token_weights", TensorProto.FLOAT, ["batch", "sequence"])
        for text in ["query", "document"]
    ]
    weights = [numpy_helper.from_array(value, name(key)) for key, value in values.items()]
    return onnx.ModelProto(graph=onnx.GraphProto(node=nodes, initializer=weights, output=outputs))


def main():
    data, folder, out = (Path(argument) for argument in sys.argv[1:4])
    left_out = sys.argv[4].split(",") if len(sys.argv) > 4 else []
    encoder = Encoder(folder)
    collections = [Pairs(data, encoder, *one) for one in TRAINING if one[0] not in left_out]
    out.write_bytes(graph_part(train(collections)).SerializeToString())


if __name__ == "__main__":
    main()
