#!/usr/bin/env python3
"""Reads a zerogr index file, following format-spec/ and nothing else.

usage: read.py FILE [--json] [--vectors]

Verifies every byte of the newest commit and prints what it holds: for people, or, with --json, as
one JSON object; --vectors adds the vectors to the latter.
Exit status: 0 good, 1 damaged, 2 wrong usage or unreadable, 3 not an index, 4 of another version.
"""

import hashlib
import json
import math
import os
import re
import struct
import sys
import zlib

PAGE, FIRST_EXTENT, END = 4096, 12288, 0xFFFFFFFF
FORMAT = (0, 1)
ADAPTER, QUERY_MAP = 5, 6  # roles of blobs
# Kinds of extents and their sections; what is not listed is unknown to this reader.
SEGMENT, HEADS, TOMBSTONES, BLOB, PSEUDO_QUERIES, MANIFEST = range(1, 7)
KNOWN_SECTIONS = {
    SEGMENT: {0x0101, 0x0102, 0x0103, 0x0104, 0x0105, 0x0106, 0x0301, 0x0302, 0x0303, 0x0304, 0x0305,
              0x0307, 0x0308, 0x0309, 0x030A, 0x030B, 0x030C, 0x030D, 0x030E, 0x030F, 0x0310,
              0x0401, 0x0402, 0x0403},
    HEADS: {0x0201, 0x0202, 0x0203, 0x0204},
    TOMBSTONES: {0x0306},
    BLOB: {1},
    PSEUDO_QUERIES: {0x0501, 0x0502, 0x0503, 0x0504, 0x0505, 0x0506, 0x0507},
    MANIFEST: {1, 2, 3, 4, 5},
}
# Keys of the parameters and of objects in them, by path: those that are always there, and others.
SEARCH = ("draws rerank planner prior_share peak_weight coverage_weight token_share", "")
FIT = ("examples best_examples initial_loss best_loss", "")
PARAMETERS = {
    "": ("encoder tokenizer docids pseudo_queries scale search lexicon",
         "language_model passages fields training judged"),
    "encoder": ("fingerprint dim max_passage_tokens max_query_tokens max_model_tokens",
                "pooling lower_case query_prompt document_prompt late_interaction token_vectors"),
    "encoder.late_interaction": ("max_query_tokens max_document_tokens",
                                 "query_marker document_marker expansion skipped_tokens"),
    "encoder.late_interaction.expansion": ("token len_tokens is_attended", ""),
    "tokenizer": ("fingerprint vocabulary_size token_width_bytes", ""),
    "language_model": ("name fingerprint folder end_token max_instruction_tokens max_query_tokens",
                       "rerank_token"),
    "docids": ("source words per_document", "writer"),
    "pseudo_queries": ("per_document", ""),
    "passages": ("whole_tokens max_tokens", ""),
    "search": SEARCH,
    "lexicon": ("analysis stemming stop_words k1 b", "expansion_weight"),
    "training": ("seed documents learnt_documents pseudo_queries held_out trie_head document_head",
                 "repeated_documents written_queries"),
    "training.trie_head": FIT,
    "training.document_head": FIT,
    "judged": ("seed queries judgements unknown_ids folds parts search_before", ""),
    "judged.search_before": SEARCH,
}
# Input bytes of the transducer that have a number of their own, from 1 (fst.md).
COMMON = b"te/oasripcnw.hlm-du012g=:bf3y5&_4v9678k%?xCDASFIBEjPTzRNM+LOqHG"


class Damaged(Exception):
    status = 1


class NotAnIndex(Exception):
    status = 3


class Unsupported(Exception):
    status = 4


def check(condition, message, kind=Damaged):
    if not condition:
        raise kind(message)


class File:
    def __init__(self, path):
        self.file = open(path, "rb")

    def size(self):
        return os.fstat(self.file.fileno()).st_size

    def read(self, off, length):
        self.file.seek(off)
        data = self.file.read(length)
        check(len(data) == length, f"the file ends before byte {off + length}")
        return data


# --- Opening: header, superblock, manifest -----------------------------------------------------

def read_header(file):
    check(file.size() >= 8192 + 256, "the file is too short to be an index", NotAnIndex)
    raw = file.read(8192, 256)
    if raw[:8] != b"\x89ZGR\r\n\x1a\n":
        records = (file.read(slot, 256) for slot in (0, PAGE))
        check(not any(superblock_crc_is_good(record) for record in records), "the header is damaged")
        raise NotAnIndex("the file has no index header")
    check(zlib.crc32(raw[:252]) == struct.unpack_from("<I", raw, 252)[0], "the header is damaged")
    check_version(raw)
    return raw[16:32]


def superblock_crc_is_good(raw):
    crc = struct.unpack_from("<I", raw, 252)[0]
    return raw[:8] == b"\x89ZGS\r\n\x1a\n" and zlib.crc32(raw[:252]) == crc


def check_version(raw):
    version = struct.unpack_from("<HH", raw, 8)
    check(version == FORMAT, "format %d.%d is not 0.1" % version, Unsupported)


def select(file):
    """The newest intact state: (superblock, manifest)."""
    uuid = read_header(file)
    records = [file.read(slot, 256) for slot in (0, PAGE)]
    candidates = [raw for raw in records if superblock_crc_is_good(raw) and raw[64:80] == uuid]
    # By generation; of two records of one generation, the one with the SUPERSEDED flag.
    candidates.sort(key=lambda raw: (struct.unpack_from("<Q", raw, 16), raw[12] & 1), reverse=True)
    reasons = ["no superblock is intact"]
    for raw in candidates:
        check_version(raw)
        superblock = Superblock(raw)
        check(superblock.req_read == 0, "the file needs unknown features", Unsupported)
        try:
            return superblock, Manifest(file, superblock)
        except (Damaged, ValueError) as damage:
            reasons.append(f"generation {superblock.generation}: {damage}")
    raise Damaged("; ".join(reasons))


class Superblock:
    def __init__(self, raw):
        (self.flags, self.generation, self.committed_end, self.manifest_off, self.manifest_len,
         self.manifest_crc, _, self.nonce, self.uuid, self.req_read) = struct.unpack_from(
            "<IQQQQIIQ16sQ", raw, 12)


def check_bounds(reference, committed_end):
    off, length, _, _ = reference
    check(off >= FIRST_EXTENT and off % PAGE == 0 and length % PAGE == 0
          and PAGE <= length <= 1 << 48 and off + length <= committed_end,
          f"extent at byte {off}: out of bounds")


class Extent:
    """One extent, every byte of it verified."""

    def __init__(self, file, superblock, kind, reference):
        off, length, nonce, header_crc = reference
        place = f"extent at byte {off}"
        check_bounds(reference, superblock.committed_end)
        raw = file.read(off, length)
        (magic, found_kind, version, self.generation, found_nonce, body_len, count, _, uuid_tag,
         table_crc) = struct.unpack_from("<4sHHQQQHH4sI", raw)
        crc = zlib.crc32(raw[:60])
        check(magic == b"ZGRX" and struct.unpack_from("<I", raw, 60)[0] == crc,
              f"{place}: bad header")
        check((crc, found_nonce, uuid_tag) == (header_crc, nonce, superblock.uuid[:4]),
              f"{place}: another extent is in its place")
        check(body_len + 96 == length and 64 * count <= body_len, f"{place}: bad length")
        check(found_kind in KNOWN_SECTIONS and version == 1, f"{place}: unknown kind", Unsupported)
        check(found_kind == kind, f"{place}: kind {found_kind}, not {kind}")
        table = raw[64:64 + 64 * count]
        check(zlib.crc32(table) == table_crc, f"{place}: bad section table")
        self.sections, self.counts, self.place = {}, {}, place
        self.kind, self.has_unknown = kind, False
        end = self.read_sections(raw, table, KNOWN_SECTIONS[kind])
        footer = struct.unpack("<IIQ8xI4s", raw[-32:])
        check(footer[1:3] == (header_crc, length) and footer[4] == b"XRGZ"
              and footer[3] == zlib.crc32(raw[-32:-8]), f"{place}: bad footer")
        check(footer[0] == zlib.crc32(raw[64:-32]) and end <= length - 32,
              f"{place}: the body does not have its checksum")

    def read_sections(self, raw, table, known):
        end, limit, chunk_tables = 64 + len(table), len(raw) - 32, []
        for kind, encoding, _, alg, off, length, count, crc, _, crc_off in struct.iter_unpack(
                "<HHHHQQQIIQ16x", table):
            place = f"{self.place}: section {kind:#06x}"
            check(off % 64 == 0 and end <= off and off + length <= limit, f"{place}: out of place")
            check(kind not in self.sections, f"{place}: twice")
            check(alg in (1, 2), f"{place}: unknown checksum", Unsupported)
            body = raw[off:off + length]
            end = off + length
            if alg == 1:
                check(crc_off == 0 and zlib.crc32(body) == crc, f"{place}: bad checksum")
            else:
                chunk_tables.append((place, body, crc_off, crc))
            if kind not in known:
                self.has_unknown |= not kind & 0x8000
                check(not self.has_unknown or self.kind == PSEUDO_QUERIES,
                      f"{place}: unknown and not optional", Unsupported)
                continue
            check(encoding == 1, f"{place}: unknown encoding {encoding}", Unsupported)
            self.sections[kind], self.counts[kind] = body, count
        for place, body, off, crc in chunk_tables:
            sums = b"".join(struct.pack("<I", zlib.crc32(body[at:at + 65536]))
                            for at in range(0, len(body), 65536))
            check(off % 64 == 0 and end <= off and off + len(sums) <= limit,
                  f"{place}: its chunk table is out of place")
            check(raw[off:off + len(sums)] == sums and zlib.crc32(sums) == crc,
                  f"{place}: bad checksum")
        return end

    def section(self, kind):
        check(kind in self.sections, f"{self.place}: section {kind:#06x} is missing")
        return self.sections[kind]


REFERENCE = "QQQI4x"


class Manifest:
    def __init__(self, file, superblock):
        off, length = superblock.manifest_off, superblock.manifest_len
        end = superblock.committed_end
        check(end <= file.size() and end % PAGE == 0, "the file is cut short")
        check(PAGE <= length <= 64 << 20 and off + length <= end, "the manifest is out of bounds")
        raw = file.read(off, length)
        check(zlib.crc32(raw) == superblock.manifest_crc, "the manifest is damaged")
        reference = (off, length, superblock.nonce, struct.unpack_from("<I", raw, 60)[0])
        extent = Extent(file, superblock, MANIFEST, reference)
        counters = extent.section(1)
        check(len(counters) == 64, "bad counters")
        generation, nonce, next_id = struct.unpack_from("<QQQ", counters)
        check((generation, nonce) == (superblock.generation, superblock.nonce)
              and extent.generation == generation, "the manifest belongs to another commit")
        segments = extent.section(2)
        check(len(segments) == 152 * extent.counts[2], "bad segment list")
        self.segments = []
        for entry in struct.iter_unpack("<QHHIII" + 4 * REFERENCE, segments):
            references = [entry[at:at + 4] for at in (6, 10, 14, 18)]
            self.segments.append(dict(
                id=entry[0], level=entry[1], documents=entry[3], dead=entry[4], docids=entry[5],
                references=[one if one[0] else None for one in references]))
        ids = [segment["id"] for segment in self.segments]
        check(len(set(ids)) == len(ids) and all(one < next_id for one in ids), "bad segment ids")
        check(all(one["dead"] <= one["documents"] < END for one in self.segments), "bad counts")
        self.blobs = self.read_blobs(extent.section(3), extent.counts[3])
        self.params = extent.section(4).decode()
        self.user = extent.section(5)
        live = [one for segment in self.segments for one in segment["references"] if one]
        live += [blob["reference"] for blob in self.blobs if blob["place"] == 1]
        for reference in live:
            check_bounds(reference, end)
        places = sorted((one[0], one[0] + one[1]) for one in live + [(off, length)])
        check(all(a[1] <= b[0] for a, b in zip(places, places[1:])), "two extents overlap")

    @staticmethod
    def read_blobs(raw, count):
        blobs, at = [], 0
        for _ in range(count):
            check(at + 88 <= len(raw), "bad blob list")
            role, place, *lengths, size, sha, off, length, nonce, crc = struct.unpack_from(
                "<HHIIIQ32s" + REFERENCE, raw, at)
            at, texts = at + 88, []
            for text_len in lengths:
                check(text_len <= 4096 and at + text_len <= len(raw), "bad blob list")
                texts.append(raw[at:at + text_len].decode())
                at += text_len
            check((place, bool(texts[2])) in ((1, False), (2, True)), "bad blob place")
            blobs.append(dict(role=role, place=place, name=texts[0], media_type=texts[1],
                              path=texts[2], len_bytes=size, sha256=sha.hex(),
                              reference=(off, length, nonce, crc)))
        check(at == len(raw), "bad blob list")
        return blobs


# --- Section bodies ----------------------------------------------------------------------------

def read_lists(raw, rows, bound):
    check(len(raw) % 4 == 0 and len(raw) >= 4 * (rows + 1), "a list section is cut short")
    numbers = [number for number, in struct.iter_unpack("<I", raw)]
    offsets, values = numbers[:rows + 1], numbers[rows + 1:]
    check(offsets[0] == 0 and offsets[-1] == len(values) and offsets == sorted(offsets),
          "a list section has bad offsets")
    check(all(value < bound for value in values), "a list points outside its segment")
    return [values[a:b] for a, b in zip(offsets, offsets[1:])]


def read_signs(raw, rows, dim):
    check(len(raw) >= 4 * (rows + 1), "a section of signs is cut short")
    offsets = struct.unpack_from(f"<{rows + 1}I", raw)
    count, width = offsets[-1], (dim + 7) // 8
    check(offsets[0] == 0 and list(offsets) == sorted(offsets)
          and len(raw) == 4 * (rows + 1) + count * (2 + width), "a section of signs has bad offsets")
    factors = struct.unpack_from(f"<{count}e", raw, 4 * (rows + 1))
    check(all(math.isfinite(factor) for factor in factors), "a section of signs has bad factors")
    signs = raw[4 * (rows + 1) + 2 * count:]
    return [dict(factors=list(factors[a:b]), signs=signs[a * width:b * width].hex())
            for a, b in zip(offsets, offsets[1:])]


def read_strings(raw, rows):
    check(len(raw) >= 8 * (rows + 1), "a section of strings is cut short")
    offsets = struct.unpack_from(f"<{rows + 1}Q", raw)
    data = raw[8 * (rows + 1):]
    check(offsets[0] == 0 and offsets[-1] == len(data) and list(offsets) == sorted(offsets),
          "a section of strings has bad offsets")
    return [data[a:b].decode() for a, b in zip(offsets, offsets[1:])]


def read_vectors(raw, rows, dim):
    check(len(raw) == 2 * rows * dim, "a vector section has the wrong length")
    values = struct.unpack(f"<{rows * dim}e", raw)
    return [list(values[row * dim:(row + 1) * dim]) for row in range(rows)]


def read_payloads(segment, rows):
    index, blocks, data = (segment.section(kind) for kind in (0x0303, 0x0304, 0x0305))
    check(len(index) == 12 * rows and len(blocks) % 24 == 0, "bad payload index")
    unpacked, end = [], 0
    for off, stored_len, length, codec, crc in struct.iter_unpack("<QIIII", blocks):
        check(off >= end and length <= min(1032 * stored_len, (1 << 31) - 1), "bad payload block")
        end = off + stored_len
        stored = data[off:off + stored_len]
        check(len(stored) == stored_len and zlib.crc32(stored) == crc, "bad payload block")
        check(codec == 1, f"unknown codec {codec}", Unsupported)
        stream = zlib.decompressobj()
        block = stream.decompress(stored, length + 1)
        check(len(block) == length and stream.eof, "bad payload block")
        unpacked.append(block)
    payloads, ends, last = [], {}, 0
    for block, off, length in struct.iter_unpack("<III", index):
        check(block < len(unpacked) and off + length <= len(unpacked[block]), "bad payload index")
        check(off == ends.get(block, 0) and block >= last, "payloads out of order")
        check(len(unpacked[block]) <= 65536 or length == len(unpacked[block]) and block not in ends,
              "a large block has several payloads")
        ends[block], last = off + length, block
        payloads.append(json.loads(unpacked[block][off:off + length]))
        check_payload(payloads[-1])
    check(all(ends.get(number) == len(block) for number, block in enumerate(unpacked)),
          "a block holds more than payloads")
    return payloads


def check_payload(payload):
    check(isinstance(payload, dict), "a payload is not an object")
    for key, kind in (("id", str), ("title", str), ("text", str), ("tags", list), ("fields", dict)):
        check(isinstance(payload.get(key, kind()), kind), f"{key} of a payload has the wrong type")
    check(all(isinstance(tag, str) for tag in payload.get("tags", [])), "a tag is not a text")


class Transducer:
    """The trie's bytes (fst.md). A node is named by the address of its last byte."""

    def __init__(self, raw, count):
        check(len(raw) >= 36 and struct.unpack_from("<QQ", raw) == (3, 0), "bad trie header")
        self.raw, self.count = raw, count
        length, self.root = struct.unpack_from("<QQ", raw, len(raw) - 20)
        check(length == count and self.root == len(raw) - 21, "bad trie trailer")

    def node(self, address):
        """(is final, final output, [(byte, output, target)]), read downwards from its last byte."""
        if address == 0:
            return True, 0, []
        at = address + 1

        def take(length):
            nonlocal at
            at -= length
            check(at >= 16, "a trie node is out of bounds")
            return self.raw[at:at + length]

        state = take(1)[0]
        if state & 0x80:
            byte = COMMON[(state & 0x3F) - 1] if state & 0x3F else take(1)[0]
            if state & 0x40:
                return False, 0, [(byte, 0, self.target(at, 1))]
            sizes = take(1)[0]
            delta = int.from_bytes(take(sizes >> 4), "little")
            output = int.from_bytes(take(sizes & 15), "little")
            return False, 0, [(byte, output, self.target(at, delta))]
        count = state & 0x3F or take(1)[0]
        if count == 1 and not state & 0x3F:
            count = 256
        sizes = take(1)[0]
        take(256 if count > 32 else 0)
        inputs = [take(1)[0] for _ in range(count)]
        deltas = [int.from_bytes(take(sizes >> 4), "little") for _ in range(count)]
        outputs = [int.from_bytes(take(sizes & 15), "little") for _ in range(count)]
        is_final = bool(state & 0x40)
        final_output = int.from_bytes(take(sizes & 15 if is_final else 0), "little")
        targets = [self.target(at, delta) for delta in deltas]
        return is_final, final_output, list(zip(inputs, outputs, targets))

    @staticmethod
    def target(first, delta):
        check(delta == 0 or first - delta >= 16, "a trie node is out of bounds")
        return first - delta if delta else 0

    def items(self, longest):
        """The keys in order, each with its value."""
        items, todo, visits = [], [(self.root, b"", 0)], 0
        while todo:
            address, key, value = todo.pop()
            visits += 1
            check(visits <= longest * self.count + 1, "trie: paths that lead to no key")
            is_final, final_output, transitions = self.node(address)
            if is_final:
                check(final_output == 0 and len(items) < self.count, "trie: bad value")
                items.append((key, value))
            check(len(key) <= longest, "trie: a key is too long")
            check(all(a[0] < b[0] for a, b in zip(transitions, transitions[1:])), "trie: order")
            todo += [(target, key + bytes([byte]), value + output)
                     for byte, output, target in reversed(transitions)]
        check(len(items) == self.count, "trie: keys are missing")
        return items

    def docids(self, width):
        """The docids, by rank, as lists of tokens."""
        items = self.items(64 * width)
        check([rank for _, rank in items] == list(range(len(items))), "trie: bad rank")
        keys = [key for key, _ in items]
        check(all(key and len(key) % width == 0 for key in keys), "trie: bad key")
        return [[int.from_bytes(key[at:at + width], "big") for at in range(0, len(key), width)]
                for key in keys]


def read_head(heads, docids, dim):
    nodes, edges = heads.section(0x0201), heads.section(0x0202)
    check(len(nodes) % 16 == 0 and len(edges) % 16 == 0, "bad trie head")
    edges = list(struct.iter_unpack("<IIff", edges))
    vectors = read_vectors(heads.section(0x0203), len(edges), dim)
    head = []
    for depth, first_rank, first_edge, count in struct.iter_unpack("<IIII", nodes):
        check(first_edge + count <= len(edges), "the trie head points outside its edges")
        own = list(zip(edges[first_edge:first_edge + count], vectors[first_edge:first_edge + count]))
        check([(token, rank) for (token, rank, _, _), _ in own]
              == children(docids, depth, first_rank), "the trie head does not fit the trie")
        head.append(dict(depth=depth, first_rank=first_rank, children=[
            dict(token=None if token == END else token, first_rank=rank, norm=norm, bias=bias,
                 vector=vector) for (token, rank, norm, bias), vector in own]))
    order = [(node["depth"], node["first_rank"]) for node in head]
    check(all(a < b for a, b in zip(order, order[1:])), "the trie head is not in order")
    return head


def children(docids, depth, first):
    """(token or END, first rank) of all children of the node whose smallest rank is `first`."""
    check(first < len(docids) and len(docids[first]) >= depth, "the trie head names no node")
    prefix, found = docids[first][:depth], []
    check(first == 0 or docids[first - 1][:depth] != prefix, "the trie head names no node")
    for rank in range(first, len(docids)):
        if docids[rank][:depth] != prefix:
            break
        token = docids[rank][depth] if len(docids[rank]) > depth else END
        if not found or found[-1][0] != token:
            found.append((token, rank))
    return found


# --- An index ----------------------------------------------------------------------------------

def read_segment(file, superblock, number, entry, params, result):
    segment_ref, heads_ref, tombstones_ref, queries_ref = entry["references"]
    check(segment_ref and heads_ref, f"segment {entry['id']} is incomplete")
    segment = Extent(file, superblock, SEGMENT, segment_ref)
    heads = Extent(file, superblock, HEADS, heads_ref)
    n, m, dim = entry["documents"], entry["docids"], params["encoder"]["dim"]
    payloads = read_payloads(segment, n)
    passages = read_passages(segment, payloads)
    p = len(passages)
    width = params["tokenizer"]["token_width_bytes"]
    check(width in (2, 3), "bad token width")
    docids = Transducer(segment.section(0x0101), m).docids(width)
    check(all(token < params["tokenizer"]["vocabulary_size"] for one in docids for token in one),
          "a docid has a token outside the vocabulary")
    postings = read_lists(segment.section(0x0102), m, p)
    passage_docids = read_lists(segment.section(0x0103), p, m)
    check(all(len(one) <= 1024 for one in passage_docids), "a passage has too many docids")
    pairs = sorted((rank, passage) for passage, ranks in enumerate(passage_docids) for rank in ranks)
    check(pairs == [(rank, one) for rank, row in enumerate(postings) for one in row]
          and len(set(pairs)) == len(pairs), "postings and docids of passages disagree")
    check(all(passage_docids) and all(postings), "a passage or a docid without the other")
    texts = read_strings(segment.section(0x0104), m)
    ids = read_strings(segment.section(0x0301), n)
    order = [ordinal for ordinal, in struct.iter_unpack("<I", segment.section(0x0302))]
    check(sorted(order) == list(range(n)), "the order of external ids is broken")
    sorted_ids = [ids[ordinal].encode() for ordinal in order]
    check(all(a < b for a, b in zip(sorted_ids, sorted_ids[1:])), "external ids are not in order")
    check(all(payload.get("id") == id for payload, id in zip(payloads, ids)),
          "a payload is that of another document")
    check_tags(segment, payloads)
    read_fields(segment, payloads, params.get("fields", {}), number, result)
    result["lexicons"].append(read_lexicon(segment, 0x0401, p, number))
    if queries_ref:
        queries = Extent(file, superblock, PSEUDO_QUERIES, queries_ref)
        read_queries(queries, n, number, result)
        if "expansion_weight" in params["lexicon"]:
            expansion = read_lexicon(queries, 0x0505, n, number)
            result.setdefault("expansions", []).append(expansion)
    bitmap = bytes((n + 7) // 8)
    if tombstones_ref:
        bitmap = Extent(file, superblock, TOMBSTONES, tombstones_ref).section(0x0306)
    check(len(bitmap) == (n + 7) // 8, "a tombstone bitmap does not fit its segment")
    dead = [bitmap[one // 8] >> one % 8 & 1 for one in range(n)]
    check(sum(dead) == entry["dead"], "tombstones and manifest disagree")

    result["segments"].append({key: entry[key] for key in ("id", "level", "documents", "dead",
                                                           "docids")})
    for ordinal, payload in enumerate(payloads):
        result["documents"].append(dict(
            segment=number, ordinal=ordinal, id=ids[ordinal], live=not dead[ordinal],
            title=payload.get("title", ""), text=payload.get("text", ""),
            tags=payload.get("tags", []), fields=payload.get("fields", {})))
    for passage, place in enumerate(passages):
        result["passages"].append(dict(
            segment=number, passage=passage, **place,
            docids=[texts[rank] for rank in passage_docids[passage]]))
    for rank, tokens in enumerate(docids):
        result["docids"].append(dict(segment=number, rank=rank, tokens=tokens, text=texts[rank],
                                     passages=postings[rank]))
    vectors = read_vectors(segment.section(0x0105), p, dim)
    document_head = vectors
    if 0x0204 in heads.sections:
        document_head = read_vectors(heads.section(0x0204), p, dim)
    tokens = None
    check((0x0106 in segment.sections) == params["encoder"].get("token_vectors", False),
          "token vectors and parameters disagree")
    if 0x0106 in segment.sections:
        tokens = read_signs(segment.section(0x0106), p, dim)
    result["vectors"].append(dict(passages=vectors, tokens=tokens, document_head=document_head,
                                  trie_head=read_head(heads, docids, dim)))


def read_passages(segment, payloads):
    """The document, the place and the headings of each passage; no place is all of the text."""
    n = len(payloads)
    if 0x0309 not in segment.sections:
        check(not segment.sections.keys() & {0x030A, 0x030B}, "places of no passages")
        return [dict(document=ordinal, bytes=None, chars=None, headings=[]) for ordinal in range(n)]
    firsts = [first for first, in struct.iter_unpack("<I", segment.section(0x0309))]
    places = list(struct.iter_unpack("<IIII", segment.section(0x030A)))
    check(len(firsts) == n + 1 and firsts[0] == 0 and firsts[-1] == len(places)
          and all(a < b for a, b in zip(firsts, firsts[1:])), "passages do not follow each other")
    check(len(places) > n, "passages of documents that are not cut")
    paths = [""] * len(places)
    if 0x030B in segment.sections:
        paths = read_strings(segment.section(0x030B), len(places))
        check(any(paths), "headings that are none")
    passages = []
    for ordinal, (first, end) in enumerate(zip(firsts, firsts[1:])):
        if end - first == 1:
            check(places[first] == (0, END, 0, END) and not paths[first], "a whole text has a place")
            passages.append(dict(document=ordinal, bytes=None, chars=None, headings=[]))
            continue
        raw, last_byte, last_char = payloads[ordinal].get("text", "").encode(), 0, 0
        for (start, stop, first_char, end_char), path in zip(places[first:end], paths[first:end]):
            check(last_byte <= start < stop <= len(raw), "a passage is out of order or its text")
            # Where a place begins or ends inside a character, this is no UTF-8.
            gap, own = raw[last_byte:start].decode(), raw[start:stop].decode()
            check(is_space(gap), "a text is in no passage")
            check(first_char == last_char + len(gap) and end_char == first_char + len(own),
                  "the characters of a passage are not its bytes")
            headings = path.split("\n") if path else []
            check(all(headings), "an empty heading")
            passages.append(dict(document=ordinal, bytes=[start, stop],
                                 chars=[first_char, end_char], headings=headings))
            last_byte, last_char = stop, end_char
        check(is_space(raw[last_byte:].decode()), "a text is in no passage")
    return passages


def is_space(text):
    """White_Space; Python takes four separators for it that are none."""
    return all(one.isspace() and not "\x1c" <= one <= "\x1f" for one in text)


def check_tags(segment, payloads):
    if 0x0307 in segment.sections or 0x0308 in segment.sections:
        names = read_strings(segment.section(0x0307), segment.counts[0x0307])
        carriers = read_lists(segment.section(0x0308), len(names), len(payloads))
        wanted = {}
        for ordinal, payload in enumerate(payloads):
            for tag in set(payload.get("tags", [])):
                wanted.setdefault(tag, []).append(ordinal)
        expected = sorted(wanted.items(), key=lambda item: item[0].encode())
        check(list(zip(names, carriers)) == expected, "tags and payloads disagree")


FIELD_TYPES = ("boolean", "integer", "float", "timestamp", "keyword")


def read_fields(segment, payloads, types, number, result):
    """The columns: values of fields, each with the documents that have it."""
    check(len(types) <= 1024 and all(one in FIELD_TYPES for one in types.values()), "bad types")
    wanted = {}
    for ordinal, payload in enumerate(payloads):
        for name, values in document_fields(payload):
            for value in typed_values(types.get(name), values):
                wanted.setdefault(name, {}).setdefault(value, []).append(ordinal)
    kinds = range(0x030C, 0x0311)
    if not any(kind in segment.sections for kind in kinds):
        check(not wanted, "there are no columns of fields")
        return
    raw_names, raw_columns, raw_numbers, raw_keywords, raw_documents = map(segment.section, kinds)
    names = read_strings(raw_names, segment.counts[0x030C])
    check(1 <= len(names) <= 1024 and len(raw_columns) == 8 * len(names), "bad columns")
    columns = list(struct.iter_unpack("<II", raw_columns))
    check(all(1 <= kind <= 5 for kind, _ in columns), "a column has no type")
    check(len(raw_numbers) == 8 * sum(count for kind, count in columns if kind != 5),
          "numbers do not fit the columns")
    keywords = read_strings(raw_keywords, sum(count for kind, count in columns if kind == 5))
    rows = read_lists(raw_documents, sum(count for _, count in columns), len(payloads))
    number_at = keyword_at = row_at = 0
    for name, (kind, count) in zip(names, columns):
        if kind == 5:
            values = keywords[keyword_at:keyword_at + count]
            keyword_at += count
        else:
            code = "QqdqQ"[kind - 1]
            values = list(struct.unpack_from(f"<{count}{code}", raw_numbers, 8 * number_at))
            number_at += count
        check(kind != 1 or all(value <= 1 for value in values), "a boolean is none")
        check(kind != 3 or all(math.isfinite(one) and str(one) != "-0.0" for one in values),
              "a float is none")
        found = dict(zip(map(bool, values) if kind == 1 else values, rows[row_at:row_at + count]))
        row_at += count
        expected = wanted.pop(name, {})
        order = sorted(expected, key=lambda value: value.encode() if kind == 5 else value)
        check(types.get(name) == FIELD_TYPES[kind - 1] and list(found) == order
              and found == expected, f"the column {name!r} and payloads disagree")
        result.setdefault("columns", []).append(dict(
            segment=number, field=name, type=FIELD_TYPES[kind - 1],
            values=[[value, row] for value, row in found.items()]))
    check(not wanted, "a field has no column")
    check(names == sorted(names, key=str.encode), "fields are not in order")


def document_fields(payload):
    """The fields of a document with their values: (name, list of scalars)."""
    found, todo = {}, []
    members = payload.get("fields", {}).get("metadata")
    if isinstance(members, dict):
        todo = list(members.items())[::-1]
    while todo:
        name, value = todo.pop()
        if isinstance(value, dict):
            todo += [(f"{name}.{key}", one) for key, one in value.items()][::-1]
            continue
        values = value if isinstance(value, list) else [value]
        values = [one for one in values if one is not None]
        if (values and all(is_scalar(one) for one in values)
                and 1 <= len(name.encode()) <= 256):
            found.setdefault(name, values)
    return found.items()


def is_scalar(value):
    if isinstance(value, (bool, str)):
        return True
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63
    return isinstance(value, float) and math.isfinite(value)


def typed_values(kind, values):
    """The distinct values if all are of the type, else none."""
    typed = set()
    for value in values:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if kind == "boolean" and isinstance(value, bool):
            typed.add(value)
        elif kind == "integer" and is_number and isinstance(value, int):
            typed.add(value)
        elif kind == "float" and is_number and (
                isinstance(value, float) or abs(value) <= 1 << 53):
            typed.add(float(value) + 0.0)
        elif kind == "keyword" and isinstance(value, str) and len(value.encode()) <= 4096:
            typed.add(value)
        elif kind == "timestamp" and isinstance(value, str) and unix_us(value) is not None:
            typed.add(unix_us(value))
        else:
            return set()
    return typed


TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
                  r"(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))")


def unix_us(text):
    """Microseconds since 1970 in UTC; None for what is no time."""
    match = TIME.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction, sign, off_hours, off_minutes = match.groups()[6:]
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if is_leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= month <= 12 and 1 <= day <= lengths[month - 1] and hour <= 23 and minute <= 59
            and second <= 60 and int(off_hours or 0) <= 23 and int(off_minutes or 0) <= 59):
        return None
    # Leap years before this one, the year 0 being one.
    leap_years = (year + 3) // 4 - (year + 99) // 100 + (year + 399) // 400
    days = 365 * year + leap_years - 719528 + sum(lengths[:month - 1]) + day - 1
    offset = (int(off_hours or 0) * 60 + int(off_minutes or 0)) * (-1 if sign == "-" else 1)
    seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + min(second, 59)
    us = seconds * 1000000 + int((fraction or "")[:6].ljust(6, "0"))
    return us if -62167219200000000 <= us <= 253402300799999999 else None


def read_queries(extent, n, number, result):
    """What a language model wrote; an extent of another make is left alone."""
    if extent.has_unknown or not extent.sections.keys() >= {0x0501, 0x0502, 0x0503, 0x0504}:
        return
    writers = read_strings(extent.section(0x0501), extent.counts[0x0501])
    texts = read_strings(extent.section(0x0502), extent.counts[0x0502])
    rows = read_lists(extent.section(0x0503), n, len(texts))
    writer_of = [one for one, in struct.iter_unpack("<I", extent.section(0x0504))]
    check(len(writer_of) == n and all(one <= len(writers) for one in writer_of),
          "the writers of queries do not fit their segment")
    for ordinal, one in enumerate(writer_of):
        check(one or not rows[ordinal], "queries without a writer")
        if one:
            result.setdefault("queries", []).append(dict(
                segment=number, ordinal=ordinal, writer=json.loads(writers[one - 1]),
                queries=[texts[row] for row in rows[ordinal]]))


def read_lexicon(extent, kind, p, number):
    """Terms with their postings: [row, how often]; and the lengths of the p rows in terms."""
    terms, postings, lengths = range(kind, kind + 3)
    count, raw = extent.counts[terms], extent.section(postings)
    check(extent.counts[postings] == count, "the lexicon has postings of other terms")
    lexicon, at = {}, 0
    for term, off in Transducer(extent.section(terms), count).items(160):
        check(off == at, "the postings of a term are not where they should be")
        lexicon[term.decode()], at = read_postings(raw, at, p)
    check(at == len(raw), "there are postings of no term")
    check(len(extent.section(lengths)) == 4 * p, "the lexicon has not one length per row")
    stored = [length for length, in struct.iter_unpack("<I", extent.section(lengths))]
    counted = [0] * p
    counting = (postings for term, postings in lexicon.items() if term[0] != " ")
    for row, count in (one for postings in counting for one in postings):
        counted[row] += count
    check(counted == stored, "postings and lengths of rows disagree")
    return dict(segment=number, terms=lexicon, lengths=stored)


def read_postings(raw, at, p):
    """The postings at `at`, and where they end."""
    passage, postings = -1, []

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            check(at < len(raw) and shift < 35, "broken postings")
            byte, at = raw[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    for _ in range(varint()):
        coded = varint()
        passage += (coded >> 1) + 1
        count = 1 if coded & 1 else varint()
        check(passage < p and count > 0, "postings point outside their segment")
        postings.append([passage, count])
    check(postings, "a term without passages")
    return postings, at


def read_index(path):
    file = File(path)
    superblock, manifest = select(file)
    params = json.loads(manifest.params) if manifest.params else {}
    if manifest.params:
        check_keys("", params)
    result = dict(format="%d.%d" % FORMAT, uuid=superblock.uuid.hex(),
                  generation=superblock.generation, superseded=bool(superblock.flags & 1),
                  params=params, user=manifest.user.hex(), blobs=[], segments=[], documents=[],
                  passages=[], docids=[], vectors=[], lexicons=[])
    for blob in manifest.blobs:
        if blob["place"] == 1:
            data = Extent(file, superblock, BLOB, blob["reference"]).section(1)
            check(len(data) == blob["len_bytes"]
                  and hashlib.sha256(data).hexdigest() == blob["sha256"],
                  f"blob {blob['name']} does not have its SHA-256")
            if blob["role"] == ADAPTER:
                result["adapter"] = read_adapter(bytes(data))
            if blob["role"] == QUERY_MAP:
                check_query_map(bytes(data), params)
        keys = ("role", "name", "media_type", "path", "len_bytes", "sha256")
        result["blobs"].append({key: blob[key] for key in keys})
    for number, entry in enumerate(manifest.segments):
        read_segment(file, superblock, number, entry, params, result)
    live = [document["id"] for document in result["documents"] if document["live"]]
    check(len(set(live)) == len(live), "two live documents have the same external id")
    return result


def read_adapter(data):
    """What an adapter says of itself, its tensors checked."""
    try:
        header_len, = struct.unpack_from("<Q", data)
        check(header_len <= 1 << 24, "the adapter is damaged")
        return check_adapter(json.loads(data[8:8 + header_len]), len(data) - 8 - header_len)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        raise Damaged("the adapter is damaged") from None


def check_adapter(header, values):
    said = header.pop("__metadata__")
    check(said.get("format") == "zerogr adapter 1", "the adapter is of another format", Unsupported)
    names, total = set(), 0
    for name, tensor in header.items():
        found = re.fullmatch(
            r"(layers\.(?:0|[1-9][0-9]*)\.(?:self_attn\.[qkvo]_proj|mlp\.(?:gate|up|down)_proj))\.([ab])", name)
        check(found and len(tensor["shape"]) == 2, f"the adapter has the unknown tensor {name}")
        rank = tensor["shape"][1 if found[2] == "a" else 0]
        check(str(rank) == said.get("rank"), "a matrix of the adapter has another rank")
        width = {"F32": 4, "F16": 2}.get(tensor["dtype"])
        check(width, "the adapter has values of an unknown type")
        begin, end = tensor["data_offsets"]
        check(0 <= begin <= end <= values
              and end - begin == width * tensor["shape"][0] * tensor["shape"][1],
              "a tensor of the adapter is damaged")
        names.add(name)
        total += end - begin
    check(total == values, "the adapter is damaged")
    check(names and all(name[:-1] + other in names for name in names for other in "ab"),
          "a layer of the adapter has one matrix")
    return said


def check_query_map(data, params):
    """[ZF-QM-02]"""
    check(params and len(data) == 2 * params["encoder"]["dim"] ** 2
          and all(math.isfinite(value) for (value,) in struct.iter_unpack("<e", data)),
          "the map of queries has another size, or values that are no numbers")


def check_keys(path, value):
    """Whether a part of the parameters has the keys of this version."""
    check(isinstance(value, dict), f"the parameters {path} are no object", Unsupported)
    required, optional = (set(keys.split()) for keys in PARAMETERS[path])
    check(required <= value.keys() <= required | optional,
          f"the parameters {path} lack {sorted(required - value.keys())}"
          f" or have {sorted(value.keys() - required - optional)}", Unsupported)
    for key, child in value.items():
        below = f"{path}.{key}".lstrip(".")
        if below in PARAMETERS:
            check_keys(below, child)


def show(index):
    print(f"format {index['format']}, generation {index['generation']}, uuid {index['uuid']}"
          + (", superseded" if index["superseded"] else ""))
    for blob in index["blobs"]:
        print(f"blob {blob['name']}: {blob['len_bytes']} bytes, sha256 {blob['sha256']}")
    for number, segment in enumerate(index["segments"]):
        print(f"segment {segment['id']}: {segment['documents']} documents, {segment['dead']} dead,"
              f" {segment['docids']} docids")
        for document in index["documents"]:
            if document["segment"] == number:
                state = " " if document["live"] else "x"
                print(f"  {state} {document['id']}: {document['title']!r} tags {document['tags']}")
                show_passages(index, number, document["ordinal"])


def show_passages(index, segment, ordinal):
    for passage in index["passages"]:
        if (passage["segment"], passage["document"]) == (segment, ordinal):
            place = "all" if passage["bytes"] is None else "bytes {}..{}".format(*passage["bytes"])
            path = " > ".join(passage["headings"])
            print(f"      {place}: docids {passage['docids']}" + (f" under {path!r}" if path else ""))


def main(arguments):
    options = {one for one in arguments if one.startswith("--")}
    paths = [one for one in arguments if one not in options]
    if len(paths) != 1 or not options <= {"--json", "--vectors"}:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        index = read_index(paths[0])
    except OSError as error:
        print(f"{paths[0]}: {error.strerror}", file=sys.stderr)
        return 2
    except (Damaged, NotAnIndex, Unsupported) as error:
        print(f"{paths[0]}: {error}", file=sys.stderr)
        return error.status
    except (ValueError, KeyError, TypeError, struct.error, zlib.error) as error:
        # A body with good checksums that is not what it should be.
        print(f"{paths[0]}: damaged: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    if "--vectors" not in options:
        del index["vectors"]
    if "--json" in options:
        sys.stdout.reconfigure(encoding="utf-8")
        json.dump(index, sys.stdout, ensure_ascii=False)
        print()
    else:
        show(index)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
