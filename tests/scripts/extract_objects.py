#!/usr/bin/env python3
"""Extracts the BPF objects that are embedded in programs built with libbpf skeletons.

Such a program carries whole ELF files in its read-only data. An embedded object is recognised by
its ELF header (64 bits, e_machine EM_BPF = 247); its length is the end of the furthest section or
header table. Used with Debian's libbpf-tools, whose objects are our largest real-world input:

    tests/scripts/extract_objects.py --package libbpf-tools OUTDIR
    tests/scripts/extract_objects.py OUTDIR FILE...

Writes OUTDIR/<program>.bpf.o (with -2, -3 ... when there are several), prints one line an object.
"""
import argparse
import hashlib
import os
import struct
import subprocess
import sys

EM_BPF = 247
SHT_NOBITS = 8


def object_length(data, start):
    """Length of the ELF file that starts at `start`, or None if there is no BPF object."""
    header = data[start:start + 64]
    if len(header) < 64 or header[4] != 2 or header[5] not in (1, 2):
        return None
    order = "<" if header[5] == 1 else ">"
    (_, machine, _, _, _, shoff, _, ehsize, _, _, shentsize, shnum, _) = struct.unpack(
        order + "HHIQQQIHHHHHH", header[16:64])
    if machine != EM_BPF or ehsize != 64 or shentsize != 64 or shnum == 0:
        return None
    end = shoff + shnum * 64
    if start + end > len(data):
        return None
    for index in range(shnum):
        at = start + shoff + index * 64
        (_, kind, _, _, offset, size) = struct.unpack(order + "IIQQQQ", data[at:at + 40])
        if kind != SHT_NOBITS:
            end = max(end, offset + size)
    return end if start + end <= len(data) else None


def embedded_objects(data):
    at = data.find(b"\x7fELF", 1)
    while at != -1:
        length = object_length(data, at)
        if length is not None:
            yield data[at:at + length]
        at = data.find(b"\x7fELF", at + (length or 4))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", help="take the programs of this Debian package")
    parser.add_argument("outdir")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    files = list(options.files)
    if options.package:
        listing = subprocess.run(["dpkg", "-L", options.package], check=True, capture_output=True,
                                 text=True).stdout
        files += [path for path in listing.split("\n") if "/bin/" in path or "/sbin/" in path]
    os.makedirs(options.outdir, exist_ok=True)
    seen = {}
    total = 0
    for path in files:
        if not os.path.isfile(path) or os.path.islink(path):
            continue
        with open(path, "rb") as file:
            data = file.read()
        if not data.startswith(b"\x7fELF"):
            continue
        for number, found in enumerate(embedded_objects(data), 1):
            suffix = "" if number == 1 else f"-{number}"
            name = f"{os.path.basename(path)}{suffix}.bpf.o"
            digest = hashlib.sha256(found).hexdigest()
            same = seen.setdefault(digest, name)
            total += 1
            if same != name:
                print(f"{name}\tsame as {same}")
                continue
            with open(os.path.join(options.outdir, name), "wb") as file:
                file.write(found)
            print(f"{name}\t{len(found)} bytes")
    print(f"{total} objects, {len(seen)} different", file=sys.stderr)


if __name__ == "__main__":
    main()
