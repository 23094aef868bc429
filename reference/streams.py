"""The first normals of a few named streams, from RFC 8439's quarter round and the textbook Box-Muller formula.

`python reference/streams.py` writes streams.json beside this file; it uses the standard library alone. A stream is
ChaCha with 8 rounds, keyed by (seed, tag, step, block) as little-endian words of 64 bits, counter and nonce zero.
"""

import json
import math
import struct
from pathlib import Path

# seed, role, its tag, step, block
STREAMS = [
    (0, "second_layer", 3, 0, 0),
    (1, "first_layer", 2, 0, 5),
    (7, "training_batch", 16, 3, 2),
    (2**64 - 1, "test_batch", 18, 1, 2**40 + 1),
    (7, "training_noise", 32, 3, 2),
    (7, "training_ledger", 48, 3, 2),
]


def quarter(x, a, b, c, d):
    for left, right, target, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[left] = (x[left] + x[right]) % 2**32
        mixed = x[target] ^ x[left]
        x[target] = (mixed << turn | mixed >> (32 - turn)) % 2**32


def chacha8(key, counter=0):
    """64 bytes: the first, or those of another value of the counter."""
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter, 0, 0, 0]
    x = list(start)
    for _ in range(4):
        for column in range(4):
            quarter(x, column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(x, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<16I", *((u + v) % 2**32 for u, v in zip(x, start)))


def normals(data, count, bits):
    """`count` normals: the first half of the words gives radii and signs, the second half angles."""
    words = struct.unpack(f"<{count}{'I' if bits == 32 else 'Q'}", data[: count * bits // 8])
    cosines, sines = [], []
    for first, second in zip(words[: count // 2], words[count // 2 :]):
        if bits == 32:
            u = (first >> 1) / 2**31 + 2**-32
            t = (second - (second >> 31 << 32)) / 2**32
        else:
            u = (first >> 12) / 2**52 + 2**-53
            t = (second >> 12) / 2**52 - 0.5
        radius = math.sqrt(-2 * math.log(u)) * (-1 if first & 1 else 1)
        cosines.append(radius * math.cos(math.pi * t))
        sines.append(radius * math.sin(math.pi * t))
    return cosines + sines


def block(seed, tag, step, index, counter=0):
    """The first 64 bytes of a named stream, or those of another value of the counter."""
    return chacha8(struct.pack("<4Q", seed, tag, step, index), counter)


def uniforms(data, count):
    """Uniform on [0, 1): the first 53 bits of each word."""
    return [(word >> 11) / 2**53 for word in struct.unpack(f"<{count}Q", data[: 8 * count])]


def signs(data, count):
    """+1 or -1 by the first bit of each word."""
    return [-1.0 if word >> 63 else 1.0 for word in struct.unpack(f"<{count}Q", data[: 8 * count])]


def main():
    # The test vector of the eSTREAM submission: ChaCha8, key of 256 zero bits.
    assert chacha8(bytes(32)).hex().startswith("3e00ef2f895f40d67f5bb8e81f09a5a1")
    streams = []
    for seed, role, tag, step, index in STREAMS:
        data = block(seed, tag, step, index)
        stream = dict(seed=seed, role=role, step=step, block=index)
        streams.append(stream | dict(f32=normals(data, 16, 32), f64=normals(data, 8, 64)))
    Path(__file__).with_suffix(".json").write_text(json.dumps(streams, indent=1) + "\n")


if __name__ == "__main__":
    main()
