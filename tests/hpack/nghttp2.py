"""Header blocks by nghttp2's own library, and what it reads of blocks that were changed.

usage: nghttp2.py SEED SESSIONS

A line a block: `new` where a connection begins, then `BLOCK ok FIELDS` or `BLOCK refused -`; BLOCK and the fields' names and
values are hexadecimal, FIELDS are NAME:VALUE with commas between. A session ends with the first block that is refused.
"""

import ctypes as c
import random
import sys

lib = c.CDLL("libnghttp2.so.14")
TABLE_MAX = 65536
NEVER_INDEXED, FINAL, EMIT = 1, 1, 2


class Field(c.Structure):
    """`nghttp2_nv`."""

    _fields_ = [
        ("name", c.POINTER(c.c_uint8)),
        ("value", c.POINTER(c.c_uint8)),
        ("name_len", c.c_size_t),
        ("value_len", c.c_size_t),
        ("flags", c.c_uint8),
    ]


for name in ("nghttp2_hd_deflate_hd", "nghttp2_hd_inflate_hd2"):
    getattr(lib, name).restype = c.c_ssize_t
lib.nghttp2_hd_deflate_bound.restype = c.c_size_t


def made(maker, *args):
    handle = c.c_void_p()
    assert maker(c.byref(handle), *args) == 0
    return handle


def deflate(deflater, fields):
    keep = [(c.create_string_buffer(n, len(n) + 1), c.create_string_buffer(v, len(v) + 1)) for n, v, _ in fields]
    as_bytes = c.POINTER(c.c_uint8)
    array = (Field * len(fields))(
        *[
            Field(c.cast(kn, as_bytes), c.cast(kv, as_bytes), len(n), len(v), flags)
            for (kn, kv), (n, v, flags) in zip(keep, fields)
        ]
    )
    room = lib.nghttp2_hd_deflate_bound(deflater, array, c.c_size_t(len(fields))) + 16
    out = c.create_string_buffer(room)
    n = lib.nghttp2_hd_deflate_hd(deflater, out, c.c_size_t(room), array, c.c_size_t(len(fields)))
    assert n >= 0, n
    return out.raw[:n]


def inflate(inflater, block):
    """The fields, or None if it refuses the block."""
    fields, at, field, flags = [], 0, Field(), c.c_int()
    while True:
        flags.value = 0
        n = lib.nghttp2_hd_inflate_hd2(
            inflater, c.byref(field), c.byref(flags), block[at:], c.c_size_t(len(block) - at), 1
        )
        if n < 0:
            return None
        at += n
        if flags.value & EMIT:
            fields.append((c.string_at(field.name, field.name_len), c.string_at(field.value, field.value_len)))
        if flags.value & FINAL:
            lib.nghttp2_hd_inflate_end_headers(inflater)
            return fields
        if not flags.value & EMIT and at >= len(block):
            return None


NAMES = [
    b":path", b":status", b":authority", b"accept", b"cookie", b"content-type", b"date", b"x-a", b"x-b", b"x-long-name-of-a-field",
    b"grpc-status", b"authorization", b"etag", b"via",
]


def fields(rng):
    out = []
    for _ in range(rng.choice((0, 1, 3, 6, 12))):
        n = rng.choice(NAMES) if rng.random() < 0.9 else bytes(rng.choices(b"abcdefghijklmnop-_!~", k=rng.randint(1, 30)))
        kind = rng.random()
        if kind < 0.4:
            v = rng.choice((b"", b"1", b"same", b"/", b"200", b"text/html; charset=utf-8"))
        elif kind < 0.9:
            v = bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz0123456789 %/=;~{}|", k=rng.choice((3, 17, 60, 700))))
        else:
            v = bytes(rng.randrange(256) for _ in range(rng.choice((1, 20, 90))))
        out.append((n, v, NEVER_INDEXED if rng.random() < 0.2 else 0))
    return out


def changed(block, rng):
    block = bytearray(block)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(block) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(block):
            block[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(block):
            block[at] = rng.choice((0, 0x1F, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xBE, 0xFF))
        elif kind == 2:
            del block[at : at + rng.randint(1, 4)]
        elif kind == 3:
            block[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
        elif kind == 4:
            del block[at:]
        else:
            block[0:0] = rng.choice((b"\x20", b"\x3f\xe1\x1f", b"\x30", b"\x3f\xe1\xff\x03", b"\x20\x3f\x01"))
    return bytes(block)


def session(rng, spoil):
    deflater = made(lib.nghttp2_hd_deflate_new, c.c_size_t(rng.choice((0, 100, 4096, 65536))))
    inflater = made(lib.nghttp2_hd_inflate_new)
    lib.nghttp2_hd_inflate_change_table_size(inflater, c.c_size_t(TABLE_MAX))
    print("new")
    for _ in range(rng.randint(1, 30)):
        if rng.random() < 0.15:
            lib.nghttp2_hd_deflate_change_table_size(deflater, c.c_size_t(rng.choice((0, 1, 64, 200, 4096, 20000, 65536))))
        sent = fields(rng)
        block = deflate(deflater, sent)
        is_changed = spoil and rng.random() < 0.4
        if is_changed:
            block = changed(block, rng)
        read = inflate(inflater, block)
        if not is_changed and not spoil:
            assert read == [(n, v) for n, v, _ in sent]
        if read is None:
            print(block.hex() or "-", "refused -")
            break
        print(block.hex() or "-", "ok", ",".join(f"{n.hex()}:{v.hex()}" for n, v in read) or "-")
    lib.nghttp2_hd_deflate_del(deflater)
    lib.nghttp2_hd_inflate_del(inflater)


if __name__ == "__main__":
    seed, sessions = int(sys.argv[1]), int(sys.argv[2])
    for number in range(sessions):
        session(random.Random(seed * 1_000_003 + number), number % 2 == 1)
