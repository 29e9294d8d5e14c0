// Accesses that depend on a kernel's types. Compiled for tests/loader/core_load_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct skep_task {
  int pid;
  int absent;
} __attribute__((preserve_access_index));

SEC("raw_tp/reads")
int reads(struct skep_task* task) {
  return task->pid;
}

SEC("raw_tp/guarded")
int guarded(struct skep_task* task) {
  if (bpf_core_field_exists(task->absent)) return task->absent;
  return 0;
}

SEC("raw_tp/none")
int needs_none(void* ctx) {
  return 1;
}

char _license[] SEC("license") = "GPL";
