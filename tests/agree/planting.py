"""What scripts that plant faults share: a copy of the sources with all faults of a table built in, of
which the environment variable SKEP_PLANTED names the one that is there in a run.

A fault is a row: its name, the file, what stands there, what is put in its place, and whatever else
the script wants. HERE stands for "this one is planted".
"""

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Goes before the text of each file with a fault.
SWITCH = """#ifndef SKEP_PLANTED_HERE
#define SKEP_PLANTED_HERE
#include <cstdlib>
#include <cstring>
static const int skep_planted = std::getenv("SKEP_PLANTED") ? std::atoi(std::getenv("SKEP_PLANTED")) : 0;
#endif
"""


class Failed(Exception):
    pass


def run(*command, check=True, folder=None, planted=0):
    environment = dict(os.environ, SKEP_PLANTED=str(planted))
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
    return done


def plant_all(name, text, faults):
    """The file with its faults in it. Each must fit, once."""
    planted = False
    for number, (fault, file, there, instead, *_) in enumerate(faults, 1):
        if file != name:
            continue
        if text.count(there) != 1:
            raise Failed(f"'{fault}' does not fit {file}: '{there}' is there {text.count(there)} times")
        text = text.replace(there, instead.replace("HERE", f"(skep_planted == {number})"))
        planted = True
    return SWITCH + text if planted else text


def copy_sources(to, faults):
    """What git knows or would add, with the faults; files that stay the same keep their times."""
    listed = run("git", "-C", ROOT, "ls-files", "-co", "--exclude-standard").stdout.split("\n")
    for name in filter(None, listed):
        source, target = ROOT / name, to / name
        if not source.is_file():
            continue
        contents = source.read_bytes()
        if name in {fault[1] for fault in faults}:
            contents = plant_all(name, contents.decode(), faults).encode()
        if target.is_file() and target.read_bytes() == contents:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(contents)
        shutil.copymode(source, target)
