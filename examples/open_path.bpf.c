// SPDX-License-Identifier: MIT
// The first program of most introductions to eBPF: says which file is being opened.
//
// A kprobe sees the registers at the entry of a kernel function. The second argument of
// do_sys_open(int dfd, const char *filename, ...) is an address in the memory of the process, so
// it has to be fetched by bpf_probe_read_user_str.
//
//   clang-19 -O2 -g --target=bpf -mcpu=v3 -D__TARGET_ARCH_x86 -I/usr/include/$(gcc
//   -print-multiarch) -c open_path.bpf.c
#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

SEC("kprobe/do_sys_open")
int open_path(struct pt_regs* ctx) {
  char path[256];
  const void* filename = (const void*)PT_REGS_PARM2(ctx);
  long length = bpf_probe_read_user_str(path, sizeof(path), filename);
  if (length < 0) {
    bpf_printk("open: path unreadable: %ld", length);
    return 0;
  }
  bpf_printk("open: %s (%ld bytes)", path, length);
  return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
