"""Verdicts of a verifier against those recorded of kernels, in tests/data/kernel-verdicts.tsv.

Everything here works on lists of dictionaries, a program each. Tested by compare_test on planted
differences.
"""
import re

KEY = ("suite", "object", "program")
COLUMNS = ("suite", "object", "program", "type", "area", "expected", "6.18", "insns 6.18", "6.12",
           "insns 6.12", "6.1", "insns 6.1")
RESULT_COLUMNS = ("suite", "object", "program", "verdict", "code", "text", "insns", "microseconds")
GOOD = {"accept": "reject", "reject": "accept"}

# What the verifier says "not supported yet" of; counted apart from the areas that it must know.
LATER = ("kptr/alloc", "linked list", "rbtree", "exceptions", "cpumask", "arena", "lsm/vfs", "timer/wq",
         "dynptr")

# Programs of which the record says something about the machine that it was made on, or how it was
# asked: which of our verdicts they ask for, "" for none. As (object, program, verdict, reason).
EXCEPTED = (
    ("kprobe_multi_override", "test_override", "", "the kernel was built without bpf_override_return"),
    ("test_probe_user", "handle_sys_connect", "", "the kernel's lockdown forbids bpf_probe_write_user"),
    ("read_bpf_task_storage_busy", "read_bpf_task_storage_busy", "",
     "the kernel has no such variable"),
    ("test_prog_array_init", "entry", "accept", "refused by the loader's filling of a prog array"),
    ("pyperf600", "on_event", "", "the kernel's limit of pending jumps, not a rule"),
    ("verifier_direct_packet_access", "packet_access_test17_pruning_alignment", "",
     "asked with BPF_F_STRICT_ALIGNMENT, which skep verify does not ask for"),
)
LIMIT = 1_000_000  # insns that a kernel processes before it gives up

# Where asking this machine's kernel by skep differs from the record: a part of the program's type
# or of what was said, and the reason. First match counts.
EXPLAINED = (
    ("type", "?", "no section name says the type: who recorded it guessed one"),
    ("type", "(ext)", "the program that it replaces functions of is not loaded"),
    ("type", "ext", "the program that it replaces functions of is not loaded"),
    ("text", "arena's user address must be set", "the arena is not mapped by who judges alone"),
    ("recorded", "noload", "who recorded it could not load the whole object; skep judges each program"),
    ("text", "creating map ", "sizes of maps are left to who loads the object"),
    ("text", "which only a running kernel knows", "the loader takes no maps by number"),
    ("text", "no answer in ", "the kernel took longer than a process may"),
    ("object", "verifier_direct_packet_access", "asked with BPF_F_STRICT_ALIGNMENT"),
    ("object", "test_prog_array_init", "refused by the loader's filling of a prog array"),
)


def parse(text):
    """Rows of the recorded verdicts."""
    rows, seen = [], set()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for number, line in enumerate(lines[1:], 2):
        fields = line.split("\t")
        if len(fields) != len(COLUMNS):
            raise ValueError(f"line {number}: {len(fields)} fields, not {len(COLUMNS)}: {line[:80]}")
        row = dict(zip(COLUMNS, fields))
        if key_of(row) in seen:
            raise ValueError(f"line {number}: {'/'.join(key_of(row))} for the second time")
        seen.add(key_of(row))
        rows.append(row)
    return rows


def key_of(row):
    return tuple(row[part] for part in KEY)


def parse_results(text):
    lines = text.splitlines()
    if not lines or tuple(lines[0].split("\t")) != RESULT_COLUMNS:
        raise ValueError("not a file of results")
    return [dict(zip(RESULT_COLUMNS, line.split("\t"))) for line in lines[1:]]


def results_text(records):
    lines = ["\t".join(RESULT_COLUMNS)]
    lines += ["\t".join(record[column] for column in RESULT_COLUMNS) for record in records]
    return "\n".join(lines) + "\n"


def truth(row, profile):
    """The verdict that counts: the profile's kernel's, or the other one's where it was not reached.

    "" where nobody knows: kernels differ on a program without an annotation, whose types may be why;
    or they gave up.
    """
    if not row["expected"]:
        if {"accept", "reject"} <= {row["6.18"], row["6.12"]}:
            return ""
        if row["6.18"] == "reject" and int(row["insns 6.18"] or 0) >= LIMIT:
            return ""
    for version in (profile, "6.18", "6.12"):
        if row.get(version) in GOOD:
            return row[version]
    return ""


def must(row, profile):
    """accept or reject where the program has to be judged so; "" where nobody knows.

    Annotated programs must be judged as annotated, if a kernel said the same.
    """
    for name, program, verdict, _ in EXCEPTED:
        if (row["object"], row["program"]) == (name, program):
            return verdict
    judged = truth(row, profile)
    annotated = {"success": "accept", "failure": "reject", "auxiliary": "accept"}.get(row["expected"])
    if annotated is None:
        return judged
    return "" if judged == GOOD[annotated] else annotated


def joined(rows, records, profile):
    """Each row that was asked for with what was said; programs of no row come last."""
    said = {}
    for record in records:
        if key_of(record) in said:
            raise ValueError(f"{'/'.join(key_of(record))} was judged twice")
        said[key_of(record)] = record
    pairs = []
    for row in rows:
        nothing = {"verdict": "missing", "code": "", "text": "nothing was said of it", "insns": "",
                   "microseconds": ""}
        record = said.pop(key_of(row), nothing)
        pairs.append({**row, **{k: v for k, v in record.items() if k not in KEY},
                      "must": must(row, profile)})
    for record in said.values():
        pairs.append({**dict.fromkeys(COLUMNS, ""), **record, "must": "", "area": "of no table"})
    return pairs


def right(pair):
    return pair["must"] == pair["verdict"]


def wrong_accepts(pairs):
    """Programs that must be refused and were accepted: there may be none."""
    return [pair for pair in pairs if pair["must"] == "reject" and pair["verdict"] == "accept"]


def wrong_rejects(pairs):
    return [pair for pair in pairs if pair["must"] == "accept" and pair["verdict"] == "reject"]


def faults(pairs):
    """What says something of the verifier's process or of the objects, not of programs."""
    return [pair for pair in pairs if pair["verdict"] in ("crash", "timeout", "missing")]


def disagreements(pairs):
    order = ("accept", "crash", "timeout", "missing", "reject", "unsupported", "budget", "unread")
    found = [pair for pair in pairs if pair["must"] and not right(pair)]
    found += [pair for pair in faults(pairs) if not pair["must"]]
    return sorted(found, key=lambda pair: (order.index(pair["verdict"]), pair["area"], key_of(pair)))


DISAGREEMENT_COLUMNS = ("verdict", "must") + KEY + ("type", "area", "expected", "6.18", "6.12", "code",
                                                    "text")


def disagreements_text(pairs):
    lines = ["\t".join(DISAGREEMENT_COLUMNS)]
    lines += ["\t".join(pair[column] for column in DISAGREEMENT_COLUMNS)
              for pair in disagreements(pairs)]
    return "\n".join(lines) + "\n"


def share(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "-"


def counts(pairs):
    """How programs that must be accepted, or refused, were judged."""
    row = []
    for wanted in ("accept", "reject"):
        asked = [pair for pair in pairs if pair["must"] == wanted]
        said = [pair["verdict"] for pair in asked]
        good = said.count(wanted)
        row += [str(len(asked)), str(good), share(good, len(asked)), str(said.count(GOOD[wanted])),
                str(said.count("unsupported")), str(said.count("budget")),
                str(len(said) - good - said.count(GOOD[wanted]) - said.count("unsupported") -
                    said.count("budget"))]
    return row


HEAD = ["area", "must accept", "do", "share", "REJECTED", "unsupp.", "budget", "unread",
        "must reject", "do", "share", "ACCEPTED", "unsupp.", "budget", "unread"]


def summary(pairs):
    """The table by area as lines; annotated programs first, then what only kernels were asked about."""
    table = [HEAD]
    annotated = [pair for pair in pairs if pair["suite"] == "selftests" and pair["expected"]]
    areas = sorted({pair["area"] for pair in annotated}, key=lambda area: (area in LATER, area))
    for area in areas:
        part = [pair for pair in annotated if pair["area"] == area]
        table.append([area + (" (later)" if area in LATER else "")] + counts(part))
    table.append(["annotated, without later"] + counts(measured(pairs)))
    table.append(["annotated, all"] + counts(annotated))
    rest = [("other selftests, by 6.18", [pair for pair in pairs if pair["suite"] == "selftests" and
                                         not pair["expected"]])]
    rest += [(suite, [pair for pair in pairs if pair["suite"] == suite])
             for suite in sorted({pair["suite"] for pair in pairs} - {"selftests"})]
    table += [[name] + counts(part) for name, part in rest if part]
    return aligned(table)


def measured(pairs):
    """The row that the share is asked of."""
    return [pair for pair in pairs if pair["suite"] == "selftests" and pair["expected"] and
            pair["area"] not in LATER]


def plain(message):
    """An annotated message without its regular expressions."""
    return re.sub(r"\{\{.*?\}\}", " ", message)


def rules(pairs, messages, code_of):
    """Refused programs that must be: whose code is the annotated message's, another, or unknown.

    messages: {key: [message]}; code_of: {message: code or ""}.
    """
    same, other, unknown = [], [], []
    for pair in measured(pairs):
        if pair["must"] != "reject" or pair["verdict"] != "reject":
            continue
        said = messages.get(key_of(pair), [])
        if not said:
            continue
        codes = {code_of.get(message, "") for message in said} - {""}
        wanted = {**pair, "messages": said, "codes": sorted(codes)}
        (same if pair["code"] in codes else other if codes else unknown).append(wanted)
    return same, other, unknown


def rules_text(found):
    lines = ["our code\tcode of the message\t" + "\t".join(KEY) + "\tmessage\tour text"]
    for pair in found:
        lines.append("\t".join([pair["code"], " ".join(pair["codes"])] + list(key_of(pair)) +
                               [" | ".join(pair["messages"]), pair["text"]]))
    return "\n".join(lines) + "\n"


def verdict_lines(pairs, found_rules=None):
    """What is asked of a verifier of ours, a line each, and whether all of it holds."""
    lines, good = [], True

    def ask(name, holds, value):
        nonlocal good
        good = good and holds
        lines.append(f"{'good' if holds else 'NOT '}  {name}: {value}")

    wrong = wrong_accepts(pairs)
    refused = [pair for pair in pairs if pair["must"] == "reject"]
    ask("must-fail programs accepted: 0", not wrong, f"{len(wrong)} of {len(refused)}")
    for wanted, name in (("accept", "must-succeed"), ("reject", "must-fail")):
        asked = [pair for pair in measured(pairs) if pair["must"] == wanted]
        done = sum(right(pair) for pair in asked)
        ask(f"{name} selftests judged so: 97 %", done >= 0.97 * len(asked),
            f"{share(done, len(asked))} ({done} of {len(asked)})")
    if found_rules is not None:
        same, other, unknown = found_rules
        total = len(same) + len(other) + len(unknown)
        ask("rejects for the annotated reason: 90 %", len(same) >= 0.9 * total,
            f"{share(len(same), total)} ({len(same)} of {total}; {len(other)} for another, "
            f"{len(unknown)} with a message of no code)")
    tools = [pair for pair in pairs if pair["suite"] == "libbpf-tools"
             and "accept" in (pair["6.18"], pair["6.12"]) and pair["verdict"] != "accept"]
    ask("libbpf-tools accepted by a kernel and not by this: at most 2", len(tools) <= 2, len(tools))
    ours = [pair for pair in pairs if pair["suite"] == "ours" and pair["verdict"] != "accept"]
    ask("our own programs not accepted: 0", not ours,
        ", ".join(f"{p['object']}:{p['program']}" for p in ours) or 0)
    broken = faults(pairs)
    ask("crashes, time-outs, programs of which nothing was said: 0", not broken, len(broken))
    return lines, good


def explanation(pair, version):
    values = {"type": pair["type"], "text": pair["text"], "recorded": pair[version],
              "object": pair["object"]}
    for where, part, reason in EXPLAINED:
        if part in values[where] if where != "type" or part != "ext" else values[where] == part:
            return reason
    return ""


def replay(pairs, version):
    """What this machine's kernel says by skep against the record of the same version.

    Gives (same, {reason: [pair]}); what has no reason is under "".
    """
    same, differ = 0, {}
    for pair in pairs:
        if pair[version] == "" or pair["area"] == "of no table":
            continue
        unreached = pair[version] == "noload" and pair["verdict"] in ("unread", "missing")
        if pair[version] == pair["verdict"] or unreached:
            same += 1
        else:
            differ.setdefault(explanation(pair, version), []).append(pair)
    return same, differ


def aligned(table):
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return ["  ".join(text.ljust(width) if i == 0 else text.rjust(width)
                      for i, (text, width) in enumerate(zip(row, widths))).rstrip() for row in table]
