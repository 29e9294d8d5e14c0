#!/usr/bin/env python3
"""Compares the verifier's verdicts on kernel selftests with what was expected of them.

    compare_verdicts.py JUDGED TABLE [--list KIND]

JUDGED is what tests/verifier/judge_all printed; TABLE has a row a program, tab-separated, with the
columns object, program, expected (success or failure), kernel_6.12, kernel_6.18 and area. Prints a
line an area: how many programs must succeed and are accepted, how many must fail and are not, how
many of both are not judged yet. Exits with 1 when a program is accepted that must fail.

--list names the programs of a kind: wrong (accepted, must fail), missed (rejected, must succeed),
unsupported, undecided; with the finding.
"""
import argparse
import collections
import csv
import sys

KINDS = ("wrong", "missed", "unsupported", "undecided")


def judged(path):
    found = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) >= 11:
                found[fields[0], fields[1]] = fields
    return found


def expectation(row):
    """What must come out: the annotation's, where a kernel agrees with it; else the kernel's."""
    kernel = row["kernel_6.18"] if row["kernel_6.18"] in ("accept", "reject") else row["kernel_6.12"]
    if row["expected"] in ("success", "failure"):
        agreed = {"success": "accept", "failure": "reject"}[row["expected"]]
        if agreed not in (row["kernel_6.12"], row["kernel_6.18"]):
            return None
        return row["expected"]
    return None if kernel not in ("accept", "reject") else \
        {"accept": "success", "reject": "failure"}[kernel] if row["expected"] == "any" else None


def kind_of(expected, outcome):
    if outcome == "not supported":
        return "unsupported"
    if outcome == "undecided":
        return "undecided"
    good = (outcome == "accepted") == (expected == "success")
    return "right" if good else "missed" if expected == "success" else "wrong"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("judged")
    parser.add_argument("table")
    parser.add_argument("--list", choices=KINDS, action="append", default=[])
    parser.add_argument("--area")
    options = parser.parse_args()
    verdicts = judged(options.judged)
    counts = collections.defaultdict(collections.Counter)
    with open(options.table, encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            expected = expectation(row)
            fields = verdicts.get((row["object"], row["program"]))
            if expected is None:
                continue
            area = row["area"] or "other"
            if fields is None or fields[3] == "not loaded":
                counts[area][expected, "absent"] += 1
                continue
            kind = kind_of(expected, fields[3])
            counts[area][expected, kind] += 1
            if kind in options.list and (options.area is None or options.area == area):
                print("\t".join([kind, area, row["object"], row["program"], expected, fields[4],
                                 fields[10], row["kernel_6.18_message"]]))
    total = collections.Counter()
    print(f"{'area':42} {'must succeed':>14} {'':>12} {'must fail':>12} {'':>12}")
    print(f"{'':42} {'accepted/all':>14} {'not judged':>12} {'refused/all':>12} {'not judged':>12} "
          f"{'WRONG':>6} {'absent':>6}")
    for area in sorted(counts) + ["all"]:
        count = total if area == "all" else counts[area]
        if area != "all":
            total.update(count)
        unjudged = {e: count[e, "unsupported"] + count[e, "undecided"] for e in ("success", "failure")}
        all_of = {"success": count["success", "right"] + count["success", "missed"] +
                  unjudged["success"],
                  "failure": count["failure", "right"] + count["failure", "wrong"] +
                  unjudged["failure"]}
        absent = count["success", "absent"] + count["failure", "absent"]
        print(f"{area:42} {count['success', 'right']:>6}/{all_of['success']:<7} "
              f"{unjudged['success']:>12} {count['failure', 'right']:>6}/{all_of['failure']:<5} "
              f"{unjudged['failure']:>12} {count['failure', 'wrong']:>6} {absent:>6}")
    return 1 if total["failure", "wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
