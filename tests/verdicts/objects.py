"""What is judged: Linux's selftests and old tables of tests, libbpf-tools, and our own programs.

Nothing of others is kept in this tree: sources come from Debian's linux-source package, objects are
made in the build folder and stay there. Tested by each run: what is missing shows as a disagreement.
"""
import gzip
import json
import os
import re
import subprocess

from judge import Item

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ARCHIVE = "/usr/src/linux-source-6.12.tar.xz"
SELFTESTS = "tools/testing/selftests/bpf"
PARTS = [SELFTESTS, "tools/lib/bpf", "tools/include", "tools/arch/x86/include", "scripts/bpf_doc.py",
         "include/uapi/linux"]
COMPILER = os.environ.get("CC", "cc")


class Trouble(Exception):
    pass


def run(words, **options):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(words)}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout


def linux_source(folder, say):
    """The unpacked parts of the kernel's tree that are needed: SKEP_LINUX, or Debian's archive."""
    given = os.environ.get("SKEP_LINUX")
    if given:
        return given
    place = os.path.join(folder, "linux")
    if not os.path.exists(os.path.join(place, "complete")):
        if not os.path.exists(ARCHIVE):
            raise Trouble(f"there is no {ARCHIVE}: apt-get install linux-source-6.12")
        say(f"unpacking parts of {ARCHIVE}")
        os.makedirs(place, exist_ok=True)
        run(["tar", "-xJf", ARCHIVE, "-C", place, "--strip-components=1"] +
            ["linux-source-6.12/" + part for part in PARTS])
        open(os.path.join(place, "complete"), "w", encoding="ascii").close()
    return place


def kernel_config(folder):
    """The running kernel's configuration, for .kconfig variables; None where it is not told."""
    if not os.path.exists("/proc/config.gz"):
        return None
    path = os.path.join(folder, "kconfig")
    with gzip.open("/proc/config.gz") as source, open(path, "wb") as target:
        target.write(source.read())
    return path


def programs_of(rows, suite):
    """{object: {program: program}} of the table."""
    found = {}
    for row in rows:
        if row["suite"] == suite:
            found.setdefault(row["object"], {})[row["program"]] = row["program"]
    return found


def object_items(suite, folder, rows, extra):
    """An item an object of the table, there or not: what is not there is told by skep."""
    return [Item(suite, name, os.path.join(folder, name + ".bpf.o"), programs, extra)
            for name, programs in sorted(programs_of(rows, suite).items())]


def selftests(source, folder, rows, say):
    """Items, and {key: reason} of what can't be judged here."""
    place = os.path.join(folder, "selftests")
    names = sorted(programs_of(rows, "selftests"))
    absent = [name for name in names if not os.path.exists(os.path.join(place, name + ".bpf.o"))]
    # What was tried and does not compile is not tried again until the list of it is removed.
    tried = os.path.join(place, "not-compiled.tsv")
    known = set()
    if os.path.exists(tried):
        with open(tried, encoding="utf-8") as file:
            known = {line.split("\t")[0] for line in file}
    if set(absent) - known:
        say(f"compiling {len(absent)} of {len(names)} selftests")
        sources = os.path.join(source, SELFTESTS, "progs")
        absent = [name for name in absent if os.path.exists(os.path.join(sources, name + ".c"))]
        say(run([os.path.join(ROOT, "tests/scripts/selftest_objects.sh"), source, place] +
                absent).strip())
    config = kernel_config(folder)
    items = object_items("selftests", place, rows, ["--kconfig", config] if config else [])
    left = not_compiled(tried, items)
    absent = {name for _, name, _ in left}
    return [item for item in items if item.name not in absent], left


def not_compiled(path, items):
    """{key: reason} of programs whose object could not be made here."""
    reasons = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            reasons = dict(line.rstrip("\n").split("\t", 1) for line in file)
    return {(item.suite, item.name, program): "in an object that does not compile with this kernel's types"
            for item in items if item.name in reasons and not os.path.exists(item.path)
            for program in item.programs}


def tables(source, folder, rows, say):
    place = os.path.join(folder, "tables")
    index = os.path.join(place, "index.tsv")
    if not os.path.exists(index):
        say("writing the tables of tests as text")
        os.makedirs(os.path.join(place, "verifier"), exist_ok=True)
        tests = os.path.join(source, SELFTESTS)
        with open(os.path.join(place, "verifier/tests.h"), "w", encoding="ascii") as file:
            for name in sorted(os.listdir(os.path.join(tests, "verifier"))):
                if name.endswith(".c"):
                    file.write(f'#include "verifier/{name}"\n')
        tool = os.path.join(place, "tables")
        tools = os.path.join(source, "tools")
        run([COMPILER, "-O1", "-w", f"-I{place}", f"-I{tests}", f"-I{tools}/include/uapi",
             f"-I{tools}/include", f"-I{tools}/lib", os.path.join(HERE, "tables.c"), "-o", tool])
        text = run([tool, place])
        with open(index, "w", encoding="utf-8") as file:
            file.write(text)
    return table_items(index, rows)


def table_items(index, rows):
    """Items of what could be written, and {key: why not} of the rest."""
    objects = {row["program"]: row["object"] for row in rows if row["suite"] == "tables"}
    items, left, seen = [], {}, {}
    with open(index, encoding="utf-8") as file:
        for line in file:
            path, name, _, _, why, _ = line.rstrip("\n").split("\t")
            name = name.strip()
            seen[name] = seen.get(name, 0) + 1
            shown = name if seen[name] == 1 else f"{name} #{seen[name]}"
            if why:
                left[("tables", objects.get(shown, "?"), shown)] = why
            else:
                items.append(Item("tables", objects.get(shown, "?"), path, {"main": shown}))
    return items, left


def libbpf_tools(folder, rows):
    place = os.path.join(folder, "libbpf-tools")
    if not os.path.isdir(place) or not os.listdir(place):
        os.makedirs(place, exist_ok=True)
        run([os.path.join(ROOT, "tests/scripts/extract_objects.py"), "--package", "libbpf-tools", place])
    return object_items("libbpf-tools", place, rows, [])


def ours(build, ask_skep):
    """Examples and benchmark programs; ours are also told how much memory programs of type raw get."""
    with open(os.path.join(ROOT, "bench/programs/programs.def"), encoding="utf-8") as file:
        sizes = dict(re.findall(r"^PROGRAM\((\w+), *\"\w+\", *(\d+),", file.read(), re.M))
    items = []
    for part in ("examples", "programs"):
        folder = os.path.join(build, "bpf", part)
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in [name[:-6] for name in names if name.endswith(".bpf.o")]:
            extra = ["--memory", sizes[name]] if ask_skep and name in sizes else []
            items.append(Item("ours", f"{part}/{name}", os.path.join(folder, name + ".bpf.o"), {}, extra))
    if not items:
        raise Trouble(f"no programs of ours in {build}/bpf: build example_objects and skep_programs")
    return items


def messages(items):
    """What programs of the selftests are annotated with: {key: [message]}."""
    return {(item.suite, item.name, program): said for item in items
            if item.suite == "selftests" and os.path.exists(item.path)
            for program, said in annotated(item.path).items()}


def annotated(path):
    """{function: [message]} by the tags of an object's types."""
    done = subprocess.run(["bpftool", "-j", "btf", "dump", "file", path], capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        return {}
    types = {entry["id"]: entry for entry in json.loads(done.stdout)["types"]}
    found = {}
    for entry in types.values():
        tag = re.match(r"comment:test_expect_(msg|regex)=(?:\d+=)?(.*)", entry.get("name", ""), re.S)
        if entry["kind"] == "DECL_TAG" and tag:
            found.setdefault(types[entry["type_id"]]["name"], []).append(
                " ".join(tag[2].split()))
    return found
