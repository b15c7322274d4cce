"""Writes blocks.json: random blocks of every GGUF format, and what the `gguf` package reads in them.

    pip install gguf==0.19.0 && python blocks.py > blocks.json
"""
import json

import gguf
import numpy as np

FORMATS = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0",
           "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]
# Where the 16-bit floats of a block are.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
          "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
rng = np.random.default_rng(1)
lines = []
for name in FORMATS:
    kind = gguf.GGMLQuantizationType[name]
    values, size = gguf.GGML_QUANT_SIZES[kind]
    count = 256 // values
    if name in ("F16", "BF16"):
        floats = rng.standard_normal(256).astype(np.float32)
        data = gguf.quantize(floats, kind).view(np.uint8).reshape(-1)
    else:
        data = rng.integers(0, 256, (count, size), dtype=np.uint8)
        for at in HALVES[name]:
            data[:, at:at + 2] = rng.standard_normal((count, 1)).astype("<f2").view(np.uint8)
        data = data.reshape(-1)
    read = gguf.dequantize(data if name != "F16" else data.view(np.float16), kind)
    read = np.asarray(read, dtype=np.float32).reshape(-1)
    lines.append(json.dumps({"name": name, "number": int(kind), "bytes": data.tolist(),
                             "values": [float(x) for x in read]}))
print("[\n" + ",\n".join(lines) + "\n]")
