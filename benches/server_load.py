"""Searches the server of `examples/server.rs` from several connections while a writer adds documents.

    cargo run --release --example server -- COPY.zgr 127.0.0.1:8080 &
    python3 benches/server_load.py 127.0.0.1:8080 queries.jsonl $! --seconds 120

Adds one document a second to the index, so give it a copy. Prints searches per second and percentiles of their
times for 1, 8 and 64 connections, and the resident memory of the server (Linux). Fails when an answer does, or
when a document that was said to be durable is not found in the end.
"""

import argparse
import asyncio
import json
import time
import urllib.parse


async def ask(reader, writer, method, path, body=b""):
    """The body of the answer, over a connection that stays open."""
    head = f"{method} {path} HTTP/1.1\r\nHost: load\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
    answer = await reader.readexactly(length)
    if not lines[0].startswith("http/1.1 200"):
        raise SystemExit(f"{method} {path}: {lines[0]}: {answer[:200]!r}")
    return answer


async def search(host, port, queries, until, times):
    reader, writer = await asyncio.open_connection(host, port)
    while time.monotonic() < until:
        query = next(queries)
        begin = time.monotonic()
        await ask(reader, writer, "GET", f"/search?q={urllib.parse.quote(query)}")
        times.append(1e3 * (time.monotonic() - begin))
    writer.close()


async def write(host, port, number, until, durable):
    reader, writer = await asyncio.open_connection(host, port)
    while time.monotonic() < until:
        name = f"load{next(number)}"
        line = json.dumps({"_id": name, "text": f"{name} was added under load"})
        await ask(reader, writer, "POST", "/documents", line.encode())
        durable.append(name)
    writer.close()


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1e3


async def watch(pid, until, sizes):
    while time.monotonic() < until:
        sizes.append(resident_mb(pid))
        await asyncio.sleep(1)


def endless(texts):
    while True:
        yield from texts


async def main(options):
    host, port = options.address.split(":")
    with open(options.queries, encoding="utf-8") as lines:
        queries = endless([json.loads(line)["text"] for line in lines])
    number, durable = iter(range(10**9)), []
    for connections in [1, 8, 64]:
        until = time.monotonic() + options.seconds
        times, sizes, before = [], [], len(durable)
        jobs = [search(host, port, queries, until, times) for _ in range(connections)]
        jobs += [write(host, port, number, until, durable), watch(options.pid, until, sizes)]
        await asyncio.gather(*jobs)
        times.sort()
        shares = [times[int(share * (len(times) - 1))] for share in (0.5, 0.95, 0.99)]
        thirds = [max(sizes[len(sizes) * part // 3 :][: max(len(sizes) // 3, 1)]) for part in range(3)]
        print(
            f"{connections:3} connections: {len(times) / options.seconds:7.1f} searches/s, "
            f"p50 {shares[0]:.1f}, p95 {shares[1]:.1f}, p99 {shares[2]:.1f} ms; "
            f"{len(durable) - before} commits; resident "
            + ", ".join(f"{size:.0f}" for size in thirds)
            + " MB at most in each third"
        )
    reader, writer = await asyncio.open_connection(host, port)
    for name in durable:
        found = json.loads(await ask(reader, writer, "GET", f"/search?q={name}&k=3"))
        if name not in [hit["id"] for hit in found["hits"]]:
            raise SystemExit(f"{name} is lost")
    print(f"{len(durable)} documents were added, and all are found")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("queries")
    parser.add_argument("pid", type=int)
    parser.add_argument("--seconds", type=float, default=40)
    asyncio.run(main(parser.parse_args()))
