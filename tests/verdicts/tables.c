// Writes Linux's old verifier tests, which are arrays of numbers in C (verifier/*.c), as assembly
// text of ours, a file each. Compiled by objects.py against an unpacked kernel tree, outside of
// this one, with a generated verifier/tests.h that includes those arrays. Nothing of the kernel's
// is here.
//
//   tables OUTDIR     writes OUTDIR/<number>.s and prints a line a test, tab-separated:
//                     path, description, expected, flags (strict), why there is no text, message
//
// Maps that a test names become notes of the text; insns that refer to one another across functions
// are written so that functions begin where they point, all others as bytes. What the text can't
// say (values with types of their own, tests with BTF) is told in the fifth column.
// Tested by each run of tests/verdicts/run, which compares the verdicts with those recorded.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;

// The kernel's runner of these tests, whose main program is not ours.
#define main static unused_main
#include "test_verifier.c"
#undef main

struct section {
  enum bpf_prog_type type;
  enum bpf_attach_type attach;  // 0: any
  const char* name;
  const char* sleepable;  // the name if the test may sleep
};
static const struct section sections[] = {
    {BPF_PROG_TYPE_UNSPEC, 0, "socket", 0},
    {BPF_PROG_TYPE_SOCKET_FILTER, 0, "socket", 0},
    {BPF_PROG_TYPE_SCHED_CLS, 0, "tc", 0},
    {BPF_PROG_TYPE_SCHED_ACT, 0, "action", 0},
    {BPF_PROG_TYPE_XDP, 0, "xdp", 0},
    {BPF_PROG_TYPE_KPROBE, 0, "kprobe", "uprobe.s"},
    {BPF_PROG_TYPE_TRACEPOINT, 0, "tracepoint", 0},
    {BPF_PROG_TYPE_RAW_TRACEPOINT, 0, "raw_tracepoint", 0},
    {BPF_PROG_TYPE_PERF_EVENT, 0, "perf_event", 0},
    {BPF_PROG_TYPE_CGROUP_SKB, 0, "cgroup/skb", 0},
    {BPF_PROG_TYPE_CGROUP_SOCK, 0, "cgroup/sock", 0},
    {BPF_PROG_TYPE_CGROUP_DEVICE, 0, "cgroup/dev", 0},
    {BPF_PROG_TYPE_CGROUP_SYSCTL, 0, "cgroup/sysctl", 0},
    {BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT, "cgroup/setsockopt", 0},
    {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG, "cgroup/sendmsg6", 0},
    {BPF_PROG_TYPE_SOCK_OPS, 0, "sockops", 0},
    {BPF_PROG_TYPE_SK_SKB, 0, "sk_skb", 0},
    {BPF_PROG_TYPE_SK_MSG, 0, "sk_msg", 0},
    {BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP, "sk_lookup", 0},
    {BPF_PROG_TYPE_SK_REUSEPORT, 0, "sk_reuseport", 0},
    {BPF_PROG_TYPE_LWT_IN, 0, "lwt_in", 0},
    {BPF_PROG_TYPE_LWT_OUT, 0, "lwt_out", 0},
    {BPF_PROG_TYPE_LWT_XMIT, 0, "lwt_xmit", 0},
    {BPF_PROG_TYPE_FLOW_DISSECTOR, 0, "flow_dissector", 0},
    {BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "fentry", "fentry.s"},
    {BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, "fexit", "fexit.s"},
    {BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, "fmod_ret", "fmod_ret.s"},
    {BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "iter", "iter.s"},
    {BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "tp_btf", 0},
    {BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "lsm", "lsm.s"},
};
enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

// The maps that tests name, as notes of the text: facts about test_verifier.c's do_test_fixup().
struct map {
  const char* name;
  const char* definition;  // 0: its value has types, which the text can't give
  int* (*places)(struct bpf_test*);
};
#define MAP(name, definition)                        \
  static int* places_##name(struct bpf_test* test) { \
    return test->fixup_map_##name;                   \
  }
#define PLAIN_MAPS(MAP)                                               \
  MAP(hash_8b, "hash key=8 value=8 entries=1 flags=1")                \
  MAP(hash_48b, "hash key=8 value=48 entries=1 flags=1")              \
  MAP(hash_16b, "hash key=8 value=16 entries=1 flags=1")              \
  MAP(array_48b, "array key=4 value=48 entries=1")                    \
  MAP(array_ro, "array key=4 value=48 entries=1 flags=0x80")          \
  MAP(array_wo, "array key=4 value=48 entries=1 flags=0x100")         \
  MAP(array_small, "array key=4 value=1 entries=1")                   \
  MAP(sockmap, "sockmap key=4 value=4 entries=1")                     \
  MAP(sockhash, "sockhash key=4 value=4 entries=1")                   \
  MAP(xskmap, "xskmap key=4 value=4 entries=1")                       \
  MAP(stacktrace, "stack_trace key=4 value=8 entries=1")              \
  MAP(event_output, "perf_event_array key=4 value=4 entries=1")       \
  MAP(reuseport_array, "reuseport_sockarray key=4 value=8 entries=1") \
  MAP(ringbuf, "ringbuf key=0 value=0 entries=4096")                  \
  MAP(spin_lock, 0)                                                   \
  MAP(timer, 0)                                                       \
  MAP(kptr, 0)                                                        \
  MAP(in_map, 0)
PLAIN_MAPS(MAP)
#undef MAP
#define MAP(name, definition) {#name, definition, places_##name},
static const struct map maps[] = {PLAIN_MAPS(MAP)};
#undef MAP
enum { MAPS = sizeof(maps) / sizeof(maps[0]) };

static const struct map* map_at(struct bpf_test* test, int insn) {
  for (int i = 0; i < MAPS; ++i) {
    const int* at = maps[i].places(test);
    for (int k = 0; k < MAX_FIXUPS && at[k] != 0; ++k)
      if (at[k] == insn) return &maps[i];
  }
  return 0;
}

static const char* kfunc_at(struct bpf_test* test, int insn) {
  const struct kfunc_btf_id_pair* pair = test->fixup_kfunc_btf_id;
  for (int k = 0; k < MAX_FIXUPS && pair[k].kfunc != 0; ++k)
    if (pair[k].insn_idx == insn) return pair[k].kfunc;
  return 0;
}

static const struct section* section_of(struct bpf_test* test) {
  for (int i = 0; i < SECTIONS; ++i) {
    const struct section* row = &sections[i];
    if (row->type != test->prog_type) continue;
    if (row->attach == 0 || row->attach == test->expected_attach_type) return row;
  }
  return 0;
}

// Why the text can't say this test; "" if it can.
static const char* obstacle(struct bpf_test* test) {
  if (test->btf_types[0] != 0 || test->func_info_cnt != 0) return "has BTF of its own";
  for (int i = 0; i < MAPS; ++i)
    if (maps[i].definition == 0 && maps[i].places(test)[0] != 0) return "a map value with types";
  if (section_of(test) == 0) return "a program type without a section name";
  if (((test->flags & ~3) & BPF_F_SLEEPABLE) && section_of(test)->sleepable == 0)
    return "a type that no section name lets sleep";
  if (test->fixup_sk_storage_map[0] != 0) return "a map value with types";
  if (test->fixup_prog1[0] != 0 || test->fixup_prog2[0] != 0) return "a prog array with programs";
  if (test->fixup_cgroup_storage[0] != 0 || test->fixup_percpu_cgroup_storage[0] != 0)
    return "cgroup storage";
  return "";
}

static void write_section(FILE* out, struct bpf_test* test) {
  const struct section* row = section_of(test);
  const bool sleeps = (test->flags & ~3) & BPF_F_SLEEPABLE;
  fprintf(out, "; run: section=%s", sleeps && row->sleepable ? row->sleepable : row->name);
  fprintf(out, "%s%s\n", test->kfunc ? "/" : "", test->kfunc ? test->kfunc : "");
}

// A wide insn whose fields that must be zero are: others are written as bytes.
static bool is_plain(const struct bpf_insn* insn) {
  const bool value = insn->src_reg == BPF_PSEUDO_MAP_VALUE;
  const struct bpf_insn* second = insn + 1;
  return insn->off == 0 && second->off == 0 && second->code == 0 && second->dst_reg == 0 &&
         second->src_reg == 0 && (value || second->imm == 0);
}

// One insn, or both slots of a wide one: how many.
static int write_insn(FILE* out, struct bpf_test* test, const struct bpf_insn* insns, int at,
                      int count) {
  const struct bpf_insn* insn = &insns[at];
  const bool wide = insn->code == (BPF_LD | BPF_IMM | BPF_DW) && at + 1 < count && is_plain(insn);
  const struct map* map = map_at(test, at);
  const char* kfunc = kfunc_at(test, at);
  u64 bytes;
  memcpy(&bytes, insn, sizeof(bytes));
  if (wide && map != 0 && insn->src_reg == BPF_PSEUDO_MAP_VALUE) {
    fprintf(out, "r%d = map[%s][0] + %u\n", insn->dst_reg, map->name, (u32)insn[1].imm);
  } else if (wide && map != 0) {
    fprintf(out, "r%d = map[%s]\n", insn->dst_reg, map->name);
  } else if (wide && insn->src_reg == BPF_PSEUDO_FUNC && insn->off == 0) {
    fprintf(out, "r%d = func[%+d]\n", insn->dst_reg, insn->imm);
  } else if (insn->code == (BPF_JMP | BPF_CALL) && kfunc != 0) {
    fprintf(out, "call kfunc %s\n", kfunc);
    return 1;
  } else if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL &&
             insn->dst_reg == 0 && insn->off == 0) {
    fprintf(out, "call pc%+d\n", insn->imm);
    return 1;
  } else {
    fprintf(out, ".quad 0x%016llx\n", bytes);
    return 1;
  }
  return 2;
}

static void write_text(const char* path, struct bpf_test* test) {
  FILE* out = fopen(path, "w");
  if (out == 0) {
    perror(path);
    exit(2);
  }
  const struct bpf_insn* insns = test->insns;
  int count = probe_filter_length(insns);
  if (test->fill_helper) {
    test->fill_insns = calloc(MAX_TEST_INSNS, sizeof(struct bpf_insn));
    test->fill_helper(test);
    insns = test->fill_insns;
    count = test->prog_len;
  }
  write_section(out, test);
  for (int i = 0; i < MAPS; ++i)
    if (maps[i].places(test)[0] != 0)
      fprintf(out, "; map %s: %s\n", maps[i].name, maps[i].definition);
  for (int at = 0; at < count;) at += write_insn(out, test, insns, at, count);
  fclose(out);
  free(test->fill_insns);
}

int main(int count, char** words) {
  if (count != 2) return 2;
  for (unsigned i = 0; i < ARRAY_SIZE(tests); ++i) {
    struct bpf_test* test = &tests[i];
    const char* why = obstacle(test);
    char path[4096];
    snprintf(path, sizeof(path), "%s/%u.s", words[1], i);
    if (*why == '\0') write_text(path, test);
    printf("%s\t%s\t%s\t%s\t%s\t", path, test->descr,
           test->result == REJECT ? "failure" : "success",
           test->flags & F_LOAD_WITH_STRICT_ALIGNMENT ? "strict" : "", why);
    for (const char* c = test->result == REJECT && test->errstr ? test->errstr : ""; *c; ++c)
      putchar(*c == '\t' || *c == '\n' ? ' ' : *c);
    putchar('\n');
  }
  return 0;
}
