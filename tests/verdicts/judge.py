"""Asks `skep verify` about objects, one process an object, and gives a record a program.

What a process does not survive is told, too: a crash or a time-out is the verdict of the programs that
were asked for, each in a process of its own if the object has several. Tested by compare_test.
"""
import concurrent.futures
import json
from errno import EPERM
import resource
import subprocess

MEMORY = 6 << 30  # bytes of address space a process

# A program's verdict, in words of our own:
#   accept, reject
#   unsupported, budget    the verifier can't say, or did not finish
#   unread                 it was not reached: no such type in the kernel, no value for an extern, ...
#   timeout, crash         the process did not end by itself, or not well
#   missing                nothing was said of a program that the table has
JUDGED = ("accept", "reject")
UNDECIDED = ("unsupported", "budget")
BUDGET_CODES = ("verify_budget",)


class Item:
    """A file to judge, and what the table calls its programs: {their name in the file: in the table}."""

    def __init__(self, suite, name, path, programs, extra=()):
        self.suite, self.name, self.path = suite, name, path
        self.programs, self.extra = programs, list(extra)


class Judge:
    def __init__(self, skep, arguments, seconds):
        self.skep, self.arguments, self.seconds = skep, list(arguments), seconds
        self.kernel = "kernel" in self.arguments  # as the engine
        self.kinds = {}  # {code: what sort of failure it is}

    def run(self, items, jobs, progress=lambda done: None):
        """Records of all items, in their order."""
        records = []
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for done, part in enumerate(pool.map(self.judge, items), 1):
                records += part
                progress(done)
        return records

    def judge(self, item):
        end, document = self.ask(item, [])
        if end in ("timeout", "crash") and len(item.programs) > 1:
            found = []
            for name in item.programs:
                end, document = self.ask(item, ["--prog", name])
                found += self.records(item, {name: item.programs[name]}, end, document)
            return found
        return self.records(item, item.programs, end, document)

    def ask(self, item, more):
        """How the process ended, "well" or not, and its document."""
        words = [self.skep, "verify", item.path, "-j"] + self.arguments + item.extra + more
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False,
                                  timeout=self.seconds, errors="replace", preexec_fn=bound_memory)
        except subprocess.TimeoutExpired:
            return "timeout", {"error": {"code": "", "text": f"no answer in {self.seconds} s"}}
        try:
            document = json.loads(done.stdout)
        except ValueError:
            lines = done.stderr.strip().splitlines() or ["no output"]
            return "crash", {"error": {"code": "", "text": f"exit {done.returncode}: {lines[-1]}"}}
        return ("crash" if done.returncode < 0 else "well"), document

    def records(self, item, programs, end, document):
        found, judged = [], document.get("programs", [])
        if item.suite == "tables" and judged:  # text has one program, called as its first function
            judged = [dict(judged[0], name=name) for name in programs]
        said = {entry["name"]: entry for entry in judged}
        # Programs that no table has, of a file that names none.
        names = programs or {name: name for name in said} or {"?": "?"}
        for name, shown in names.items():
            if name in said and end == "well":
                found.append(self.record(item, shown, said[name]))
            elif end != "well" or "error" in document:
                found.append(self.failure(item, shown, end, document.get("error", {})))
            else:
                found.append(record(item, shown, "missing", text="the object has no such program"))
        return found

    def record(self, item, shown, entry):
        code, text = entry.get("code", ""), entry.get("text", "")
        word = entry["verdict"]
        if word == "accepted":
            verdict = "accept"
        elif code in BUDGET_CODES:
            verdict = "budget"
        elif word == "rejected" and self.kernel:
            # The kernel gives a number for what its verifier refuses, and none for the rest; without
            # a word it refuses what it lets nobody load.
            reached = "errno" in entry and (entry["errno"] != EPERM or entry.get("message"))
            verdict, code = "reject" if reached else "unread", entry.get("rule", "")
        elif word == "rejected":
            verdict = "reject"
        elif word == "not made":
            verdict = "reject" if self.breaks_rule(code) else "unread"
        else:  # "not supported", "undecided"
            verdict = "unsupported"
        insns = entry.get("processed_insns", entry.get("visits", ""))
        microseconds = entry.get("microseconds", entry.get("nanoseconds", 0) // 1000)
        return record(item, shown, verdict, code, text, insns, microseconds)

    def failure(self, item, shown, end, error):
        code = error.get("code", "")
        if end != "well":
            return record(item, shown, end, code, error.get("text", ""))
        verdict = "reject" if self.breaks_rule(code) else "unread"
        return record(item, shown, verdict, code, error.get("text", ""))

    def breaks_rule(self, code):
        """Whether the code is of a rule about programs, as every verifier has it, by `skep explain`.

        Programs that break rules of single insns, such as registers that do not exist, are never
        made: that is a verdict, unlike an extern without a value.
        """
        if code not in self.kinds:
            done = subprocess.run([self.skep, "explain", code, "-j"], capture_output=True, text=True,
                                  check=False)
            self.kinds[code] = json.loads(done.stdout).get("meaning") if done.returncode == 0 else ""
        return self.kinds[code] == "the program breaks a rule" and code != "kernel_refused"


def bound_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def record(item, program, verdict, code="", text="", insns="", microseconds=""):
    return {"suite": item.suite, "object": item.name, "program": program, "verdict": verdict,
            "code": code, "text": " / ".join(text.split("\n"))[:400].replace("\t", " ").strip(" /"),
            "insns": str(insns), "microseconds": str(microseconds)}
