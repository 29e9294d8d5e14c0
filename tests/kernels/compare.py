"""Compares what tests/tools/gather.cpp wrote on several engines, and what tests of links said.

Lines are object, program, what, value; tab-separated. Verdicts may differ between kernels: they
make the matrix. Results may not, but for what EXCEPTED lists. Tested by compare_test.
"""
import json
import re

# What results may differ in: object, a part of `what`, a field of the value's JSON, the reason.
EXCEPTED = [
    ("xdp_firewall", "map events", "nanoseconds", "time"),
]
NOT_RESULTS = ("verdict", "reason", "processed", "not run")


def parse(text):
    """Programs of one engine: {(object, program): {what: value}}."""
    programs = {}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split("\t")
        if len(fields) != 4:
            raise ValueError(f"line {number}: {len(fields)} fields, not 4: {line[:80]}")
        key, what, value = (fields[0], fields[1]), fields[2], fields[3]
        row = programs.setdefault(key, {})
        if what in row:
            raise ValueError(f"line {number}: {what} of {key[1]} for the second time")
        row[what] = value
    return programs


def without(value, field):
    if isinstance(value, dict):
        return {key: without(part, field) for key, part in value.items() if key != field}
    if isinstance(value, list):
        return [without(part, field) for part in value]
    return value


def excepted(key, what, value):
    for name, part, field, _ in EXCEPTED:
        if key[0] == name and part == what:
            value = json.dumps(without(json.loads(value), field))
    return value


def results(key, row):
    return {what: excepted(key, what, value) for what, value in row.items()
            if not what.startswith(NOT_RESULTS)}


def ran(row):
    return any(what.startswith("r0") for what in row)


def differences(engines):
    """Lines that say where results differ from the first engine's, the interpreter's.

    What an engine refused or can't run has no results; what it did run must have all of them.
    """
    found = []
    (reference_name, reference), *others = engines.items()
    for name, programs in others:
        for key in sorted(set(reference) | set(programs)):
            place = f"{key[0]}:{key[1]}"
            if key not in programs or key not in reference:
                missing = name if key not in programs else reference_name
                found.append(f"{place}: {missing} says nothing of it")
                continue
            if not ran(programs[key]) or not ran(reference[key]):
                continue
            ours, theirs = results(key, reference[key]), results(key, programs[key])
            for what in sorted(set(ours) | set(theirs)):
                a, b = ours.get(what, "nothing"), theirs.get(what, "nothing")
                if a != b:
                    found.append(f"{place}: {what}: {reference_name} {shown(a, b)}, "
                                 f"{name} {shown(b, a)}")
    return found


def shown(value, other):
    """The value from where it differs."""
    if len(value) <= 60:
        return value
    at = next((i for i, (a, b) in enumerate(zip(value, other)) if a != b),
              min(len(value), len(other)))
    return f"...{value[max(0, at - 10):at + 40]}... (at {at} of {len(value)})"


def cell(row):
    if row is None:
        return "-"
    if row["verdict"] != "accepted":
        return "refused"
    insns = row.get("processed", "")
    text = f"{int(insns):,}" if insns else "accepted"
    return text if ran(row) else text + " (not run)"


def matrix(engines):
    """A line a program, a column an engine: insns that the verifier processed, or the verdict."""
    names = list(engines)
    keys = list(dict.fromkeys(key for programs in engines.values() for key in programs))
    table = [["object", "program"] + names]
    for key in keys:
        table.append([key[0], key[1]] + [cell(engines[name].get(key)) for name in names])
    counts = [f"{sum(row['verdict'] == 'accepted' for row in programs.values())} of {len(programs)}"
              for programs in engines.values()]
    ran_counts = [str(sum(ran(row) for row in programs.values())) for programs in engines.values()]
    table += [["accepted", ""] + counts, ["run", ""] + ran_counts]
    return aligned(table)


def reasons(engines):
    """Why programs were refused, or not run."""
    lines = []
    for name, programs in engines.items():
        for key, row in programs.items():
            for what, value in row.items():
                if what == "reason" or what.startswith("not run"):
                    verb = "refused" if what == "reason" else what
                    lines.append(f"{key[0]}:{key[1]}: {verb} by {name}: {value}")
    return lines


def aligned(table):
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return ["  ".join(text.ljust(width) if i < 2 else text.rjust(width)
                      for i, (text, width) in enumerate(zip(row, widths))).rstrip()
            for row in table]


def parse_tests(text):
    """Tests of a GoogleTest run: {name: "OK", "FAILED" or why it was skipped}."""
    tests, reason = {}, ""
    for line in text.splitlines():
        match = re.match(r"\[ +(OK|FAILED|SKIPPED) +\] ([^ ,]+).*\(\d+ ms\)", line)
        if match:
            verdict, name = match.groups()
            tests[name] = reason or "skipped, and no word why" if verdict == "SKIPPED" else verdict
            reason = ""
        elif line.startswith("needs "):
            reason = line
    return tests


def short_name(test):
    """Kernel/Operations.FireWhileAttached/linked is Operations/linked; Links are told by their kind."""
    match = re.match(r"^(?:.*/)?(\w+)\.\w+/(\w+)$", test)
    if not match:
        return test
    return match[2] if match[1] == "Links" else f"{match[1]}/{match[2]}"


def links(kernels):
    """Links by kernel as lines, and what is wrong: failures, and what fired on no kernel."""
    names = list(kernels)
    tests = list(dict.fromkeys(test for found in kernels.values() for test in found))
    table, wrong, notes = [["link", ""] + names], [], []
    for test in tests:
        short = short_name(test)
        row = [short, ""]
        for name in names:
            verdict = kernels[name].get(test, "absent")
            row.append({"OK": "fires", "FAILED": "FAILED"}.get(verdict, "-"))
            if verdict == "FAILED":
                wrong.append(f"{test} failed on {name}")
            elif verdict != "OK":
                notes.append(f"{short} on {name}: {verdict}")
        if "fires" not in row:
            wrong.append(f"{test} fired on no kernel")
        table.append(row)
    if not tests:
        wrong.append("no tests of links were run")
    return aligned(table), notes, wrong
