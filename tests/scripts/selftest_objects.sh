#!/bin/bash
# Compiles the BPF programs of Linux's tools/testing/selftests/bpf/progs with clang, for running
# the loader over them. Nothing of it is kept in this repository: sources and objects stay outside.
#
#   tests/scripts/selftest_objects.sh LINUX_SOURCE OUTDIR [NAME...]
#
# LINUX_SOURCE is an unpacked kernel tree (Debian: linux-source-6.12, /usr/src/*.tar.xz); types
# come from the running kernel's BTF. Programs that don't compile here (they need types that this
# kernel lacks, or a newer clang) are listed in OUTDIR/not-compiled.tsv with the first error.
# Existing objects are kept, so a second call only does what is missing.
set -u
source=${1:?LINUX_SOURCE} out=${2:?OUTDIR}
shift 2
clang=${CLANG:-clang-19}
tests=$source/tools/testing/selftests/bpf
include=$out/include
mkdir -p "$include/bpf" || exit 5

btf=${VMLINUX_BTF:-/sys/kernel/btf/vmlinux}
[ -s "$include/vmlinux.h" ] || bpftool btf dump file "$btf" format c > "$include/vmlinux.h" || exit 3
[ -s "$include/bpf/bpf_helper_defs.h" ] ||
  python3 "$source/scripts/bpf_doc.py" --header --file "$source/tools/include/uapi/linux/bpf.h" \
    > "$include/bpf/bpf_helper_defs.h" || exit 3
for header in bpf_core_read.h bpf_endian.h bpf_helpers.h bpf_tracing.h usdt.bpf.h; do
  cp -f "$source/tools/lib/bpf/$header" "$include/bpf/"
done

# The system's own headers come last, so that the kernel's win.
system=$("$clang" -v -E - < /dev/null 2>&1 |
  sed -n '/<...> search starts here:/,/End of search list./{ s| \(/.*\)|-idirafter \1|p }')
flags="-g -O2 --target=bpf -mlittle-endian -D__TARGET_ARCH_x86 -Wno-everything -I$include
  -I$tests -I$tests/progs -I$source/tools/include/uapi -I$source/tools/include"

# Instructions of cpu v4 (signed division, gotol, ...) are used by these.
needs_v4='^(verifier_(gotol|ldsx|movsx|sdiv|bswap)|test_ldsx_insn|.*cpuv4.*|verifier_iterating_callbacks)$'

: > "$out/not-compiled.tsv"
compiled=0 failed=0
for file in "$tests"/progs/*.c; do
  name=$(basename "$file" .c)
  [ $# -gt 0 ] && [[ " $* " != *" $name "* ]] && continue
  object=$out/$name.bpf.o
  extra=-mcpu=v3
  [[ $name =~ $needs_v4 ]] && extra=-mcpu=v4
  case $name in test_l4lb_noinline | test_xdp_noinline) extra="$extra -fno-inline" ;; esac
  # shellcheck disable=SC2086
  if [ -s "$object" ] ||
    "$clang" $flags $extra $system -c "$file" -o "$object" 2> "$out/errors.txt"; then
    compiled=$((compiled + 1))
  else
    rm -f "$object"
    failed=$((failed + 1))
    reason=$(grep -m1 'error:' "$out/errors.txt" | sed 's/.*error: //')
    printf '%s\t%s\n' "$name" "${reason:-$(head -1 "$out/errors.txt")}" >> "$out/not-compiled.tsv"
  fi
done
rm -f "$out/errors.txt"
echo "$compiled compiled, $failed not (see $out/not-compiled.tsv)"
