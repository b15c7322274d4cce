"""Tokens per second of llama.cpp: `llama_speed.py MODEL.gguf THREADS`, with the package
llama-cpp-python. Prints a JSON object: prefill of 128 tokens, decoding in batches of 1, 8 and 32.
`benches/generation.rs` runs it beside ours.
"""

import json
import sys
import time

import llama_cpp as ll

BATCHES = [1, 8, 32]
PREFILL = 128
STEPS = 8


def fill(batch, tokens, positions, sequences, last_only):
    batch.n_tokens = len(tokens)
    for at, (token, position, sequence) in enumerate(zip(tokens, positions, sequences)):
        batch.token[at] = token
        batch.pos[at] = position
        batch.n_seq_id[at] = 1
        batch.seq_id[at][0] = sequence
        batch.logits[at] = at + 1 == len(tokens) or not last_only


def main() -> None:
    path, threads = sys.argv[1], int(sys.argv[2])
    model = ll.llama_model_load_from_file(path.encode(), ll.llama_model_default_params())
    params = ll.llama_context_default_params()
    params.n_ctx = 4_096
    params.n_batch = 512
    params.n_seq_max = max(BATCHES)
    params.n_threads = params.n_threads_batch = threads
    context = ll.llama_init_from_model(model, params)
    memory = ll.llama_get_memory(context)
    batch = ll.llama_batch_init(512, 0, max(BATCHES))
    tokens = [100 + 7 * n for n in range(PREFILL)]

    def decode():
        if ll.llama_decode(context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        ll.llama_synchronize(context)

    speeds = {}
    for warm in (True, False):
        ll.llama_memory_clear(memory, True)
        started = time.time()
        fill(batch, tokens, range(PREFILL), [0] * PREFILL, True)
        decode()
        speeds["prefill"] = PREFILL / (time.time() - started)
    for rows in BATCHES:
        ll.llama_memory_clear(memory, True)
        for row in range(rows):
            fill(batch, tokens[:32], range(32), [row] * 32, True)
            decode()
        started = time.time()
        for step in range(STEPS):
            fill(batch, [100 + step] * rows, [32 + step] * rows, range(rows), False)
            decode()
        speeds[f"decode {rows}"] = rows * STEPS / (time.time() - started)
    print(json.dumps(speeds))


main()
