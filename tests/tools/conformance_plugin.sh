#!/bin/bash
# The conformance suite by the protocol of its plug-ins: one process a program, as its runner does.
#
#   conformance_plugin.sh FOLDER COMMAND...      FOLDER has index.tsv: the programs in hex
set -euo pipefail
folder=$1
shift
passed=0 failed=0
while IFS=$'\t' read -r file _ _ _ _ expected mem bytecode; do
  [[ $file == file ]] && continue
  spaced() { sed 's/../&  /g' <<<"$1"; }
  arguments=(conformance --plugin)
  [[ $mem == - ]] || arguments+=("$(spaced "$mem")")
  if r0=$("$@" "${arguments[@]}" < <(spaced "$bytecode")) && ((0x$r0 == expected)); then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $file: r0 = '$r0', expected $expected"
  fi
done <"$folder/index.tsv"
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
