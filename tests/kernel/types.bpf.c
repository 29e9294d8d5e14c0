// Programs that want more of the kernel than instructions: an object of the program's own type put
// into a map, a lock in global data, names that kernels have, lack, or have with other arguments.
// See types_test.cpp.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define OWNED __attribute__((btf_type_tag("kptr")))

struct item {
  __u64 number;
};
struct shelf {
  struct item OWNED* item;
};
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __type(key, __u32);
  __type(value, struct shelf);
  __uint(max_entries, 1);
} shelves SEC(".maps");

void* bpf_obj_new_impl(__u64 type, void* meta) __ksym;
void bpf_obj_drop_impl(void* object, void* meta) __ksym;

SEC("tc") int put_item(void* ctx) {
  __u32 zero = 0;
  struct shelf* shelf = bpf_map_lookup_elem(&shelves, &zero);
  if (!shelf) return 1;
  struct item* item = bpf_obj_new_impl(bpf_core_type_id_local(struct item), 0);
  if (!item) return 2;
  item->number = 7;
  item = bpf_kptr_xchg(&shelf->item, item);
  if (item) bpf_obj_drop_impl(item, 0);
  return 0;
}

struct outer_map {
  __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(
      values, struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __type(key, __u32);
        __type(value, struct shelf);
        __uint(max_entries, 1);
      });
} outer SEC(".maps") = {.values = {(void*)&shelves}};

SEC("tc") int find_inner(void* ctx) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&outer, &zero) ? 0 : 1;
}

static struct bpf_spin_lock lock SEC(".data.locked");
static __u64 first_guarded SEC(".data.locked") = 40;
static __u64 guarded SEC(".data.locked") = 41;

SEC("tc") int take_lock(void* ctx) {
  bpf_spin_lock(&lock);
  __u64 sum = ++guarded - first_guarded;
  bpf_spin_unlock(&lock);
  return sum;
}

extern const void schedule __ksym;
extern const void skep_has_no_such_symbol __ksym __weak;
extern const int skep_has_no_such_variable __ksym __weak;

SEC("tc") int see_symbols(void* ctx) {
  if ((long)&schedule >= 0) return 1;  // kernels live in the upper half
  if (&skep_has_no_such_symbol) return 2;
  if (&skep_has_no_such_variable) return 3;
  return 0;
}

void bpf_rcu_read_lock___of_other_arguments(int how) __ksym __weak;
void bpf_rcu_read_lock___as_it_is(void) __ksym __weak;
void bpf_rcu_read_unlock(void) __ksym;
int skep_has_no_such_function(int number) __ksym __weak;

SEC("tc") int call_what_exists(void* ctx) {
  if (&skep_has_no_such_function) return skep_has_no_such_function(1);
  if (&bpf_rcu_read_lock___of_other_arguments) {
    bpf_rcu_read_lock___of_other_arguments(1);
    return 2;
  }
  if (!&bpf_rcu_read_lock___as_it_is) return 3;
  bpf_rcu_read_lock___as_it_is();
  bpf_rcu_read_unlock();
  return 0;
}

SEC("tc") int call_what_does_not(void* ctx) {
  return skep_has_no_such_function(1);
}

extern const void skep_must_have_this_symbol __ksym;

SEC("tc") int need_symbol(void* ctx) {
  return (long)&skep_must_have_this_symbol >= 0;
}

char _license[] SEC("license") = "GPL";
