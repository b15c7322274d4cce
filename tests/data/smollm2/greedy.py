"""Writes greedy.json: what llama.cpp says to 20 prompts, greedily, in 32-bit floats.

    pip install llama-cpp-python==0.3.36 gguf==0.19.0
    python greedy.py SmolLM2-135M-Instruct.Q4_1.gguf > greedy.json

The weights are first turned to 32-bit floats by the `gguf` package, and keys and values are kept
as such, so that nothing is rounded on the way. The ends of texts are ignored: every continuation
has the same length.
"""
import json, os, sys, tempfile

import gguf
import llama_cpp
import numpy as np

NEW_TOKENS = 64
PROMPTS = [
    "The aim of information retrieval is",
    "Once upon a time, in a village by the sea,",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "SELECT name, COUNT(*) FROM orders",
    "| planet | moons |\n|---|---|\n| Earth | 1 |\n| Mars | 2 |\n",
    "Q: What is the boiling point of water at sea level?\nA:",
    "Thin wings vibrate when the air flows fast, because",
    "In 1969, 2 of 3 astronauts walked on the moon. 1 of them",
    "Zutaten für Brot: 500 g Mehl, 320 ml Wasser,",
    "La capitale de la France est",
    "{\"title\": \"Heat transfer\", \"keywords\": [",
    "fn main() {\n    let words: Vec<&str> = text.split_whitespace().collect();\n",
    "Abstract. We study the effect of vitamin D on",
    "Dear Sir or Madam,\n\nI am writing to",
    "1, 1, 2, 3, 5, 8, 13,",
    "∀x ∈ ℝ: x² ≥ 0. Proof:",
    "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nYou write search keywords.<|im_end|>\n<|im_start|>user\nThe bridge was"
    " closed after engineers found cracks in two of its cables.<|im_end|>\n"
    "<|im_start|>assistant\n",
    "<|im_start|>user\nName three mammals that lay eggs or live in water.<|im_end|>\n"
    "<|im_start|>assistant\n",
    "Document: Interest rates rose for the third time this year.\nKeywords: interest rates, rise\n"
    "Document: A new species of frog was found in Borneo.\nKeywords:",
]


def to_floats(source, target):
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    skipped = ("general.architecture", "general.file_type", "general.quantization_version")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in skipped:
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            writer.add_array(name, field.contents())
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
    writer.add_file_type(0)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        writer.add_tensor(tensor.name, values.reshape([int(n) for n in reversed(tensor.shape)]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def open_model(path):
    floats = llama_cpp.GGML_TYPE_F32
    return llama_cpp.Llama(path, n_ctx=512, type_k=floats, type_v=floats, flash_attn=False,
                           n_threads=2, n_threads_batch=2, verbose=False)


def last_logits(model):
    logits = llama_cpp.llama_get_logits_ith(model.ctx, -1)
    return np.ctypeslib.as_array(logits, (model.n_vocab(),)).copy()


def continued(model, text):
    prompt = model.tokenize(text.encode(), add_bos=False, special=True)
    model.reset()
    model.eval(prompt)
    first = last_logits(model)
    tokens, smallest_lead = [], float("inf")
    for _ in range(NEW_TOKENS):
        logits = last_logits(model)
        second, best = np.sort(np.partition(logits, -2)[-2:])
        smallest_lead = min(smallest_lead, float(best - second))
        tokens.append(int(np.argmax(logits)))
        model.eval(tokens[-1:])
    some = [int(i) for i in np.argsort(-first)[:8]]
    return {
        "text": text,
        "prompt_ids": prompt,
        "continuation_ids": tokens,
        "smallest_lead": round(smallest_lead, 6),
        "first_logits": {str(i): round(float(first[i]), 6) for i in some},
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "f32.gguf")
        to_floats(sys.argv[1], path)
        model = open_model(path)
        lines = [json.dumps(continued(model, text), ensure_ascii=False) for text in PROMPTS]
    print("[\n" + ",\n".join(lines) + "\n]")
