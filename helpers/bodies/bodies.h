// The bodies of helpers: what each computes, with the kernel's semantics to the error number. A
// body's parameters are its row in helpers/spec/helpers.def in C++ (args.h); bind.cpp checks that.
//
// Errors are negative Linux error numbers. A body may end the run with run.set_fault(), and returns
// at once when a callback did.
#pragma once

#include "helpers/bodies/args.h"
#include "helpers/bodies/env.h"

namespace skep::body {

// map.cpp
u64 map_lookup_elem(Run& run, Map* map, Key key);
i64 map_update_elem(Run& run, Map* map, Key key, Value value, u64 flags);
i64 map_delete_elem(Run& run, Map* map, Key key);
i64 map_push_elem(Run& run, Map* map, Value value, u64 flags);
i64 map_pop_elem(Run& run, Map* map, ValueOut value);
i64 map_peek_elem(Run& run, Map* map, ValueOut value);
u64 map_lookup_percpu_elem(Run& run, Map* map, Key key, u32 cpu);
i64 for_each_map_elem(Run& run, Map* map, Callback callback, CallbackContext context, u64 flags);
i64 loop(Run& run, u32 rounds, Callback callback, CallbackContext context, u64 flags);

// ring_buffer.cpp
i64 ringbuf_output(Run& run, Map* map, Bytes record, u64 flags);
u64 ringbuf_reserve(Run& run, Map* map, u64 size, u64 flags);
void ringbuf_submit(Run& run, HeldRecord record, u64 flags);
void ringbuf_discard(Run& run, HeldRecord record, u64 flags);
u64 ringbuf_query(Run& run, Map* map, u64 what);

// lock.cpp
void spin_lock(Run& run, ValueLock lock);
void spin_unlock(Run& run, ValueLock lock);

// machine.cpp
u64 ktime_get_ns(Run& run);
u64 ktime_get_boot_ns(Run& run);
u64 ktime_get_coarse_ns(Run& run);
u64 ktime_get_tai_ns(Run& run);
u64 jiffies64(Run& run);
u64 get_prandom_u32(Run& run);
u64 get_smp_processor_id(Run& run);
u64 get_numa_node_id(Run& run);
u64 get_current_pid_tgid(Run& run);
u64 get_current_uid_gid(Run& run);
i64 get_current_comm(Run& run, OutBytes name);
u64 get_current_task(Run& run);

// task.cpp
u64 get_current_task_btf(Run& run);
u64 task_pt_regs(Run& run, KernelObject task);
u64 get_current_cgroup_id(Run& run);
u64 get_current_ancestor_cgroup_id(Run& run, i32 level);
i64 current_task_under_cgroup(Run& run, Map* map, u32 index);
i64 get_ns_current_pid_tgid(Run& run, u64 device, u64 inode, OutBytes to);
i64 send_signal(Run& run, u32 number);
i64 send_signal_thread(Run& run, u32 number);

// tracing.cpp
i64 get_func_arg(Run& run, Frame* frame, u32 index, Out<u64> value);
i64 get_func_ret(Run& run, Frame* frame, Out<u64> value);
u64 get_func_arg_cnt(Run& run, Frame* frame);
u64 get_func_ip(Run& run, Frame* frame);
u64 get_attach_cookie(Run& run, Frame* frame);
i64 override_return(Run& run, Frame* frame, u64 value);

// stack.cpp
i64 get_stackid(Run& run, Frame* frame, Map* map, u64 flags);
i64 get_stack(Run& run, Frame* frame, OutBytes to, u64 flags);
i64 get_task_stack(Run& run, KernelObject task, OutBytes to, u64 flags);

// kernel_object.cpp
u64 per_cpu_ptr(Run& run, PerCpuVariable variable, u32 cpu);
u64 this_cpu_ptr(Run& run, PerCpuVariable variable);
i64 kallsyms_lookup_name(Run& run, Bytes name, u64 flags, Out<u64> result);
i64 d_path(Run& run, KernelObject path, InOutBytes to);
u64 kptr_xchg(Run& run, KptrSlot slot, MaybeKernelObject object);

// dynptr.cpp
i64 dynptr_from_mem(Run& run, OutBytes memory, u64 flags, NewDynptr to);
i64 dynptr_read(Run& run, OutBytes to, AnyDynptr from, u32 offset, u64 flags);
i64 dynptr_write(Run& run, AnyDynptr to, u32 offset, Bytes from, u64 flags);
u64 dynptr_data(Run& run, AnyDynptr of, u32 offset, u32 size);
i64 ringbuf_reserve_dynptr(Run& run, Map* map, u32 size, u64 flags, NewRecordDynptr to);
void ringbuf_submit_dynptr(Run& run, RecordDynptr record, u64 flags);
void ringbuf_discard_dynptr(Run& run, RecordDynptr record, u64 flags);

// probe.cpp
i64 probe_read(Run& run, OutBytes to, u64 address);
i64 probe_read_user(Run& run, OutBytes to, u64 address);
i64 probe_read_kernel(Run& run, OutBytes to, u64 address);
i64 probe_read_str(Run& run, OutBytes to, u64 address);
i64 probe_read_user_str(Run& run, OutBytes to, u64 address);
i64 probe_read_kernel_str(Run& run, OutBytes to, u64 address);
i64 copy_from_user(Run& run, OutBytes to, u64 address);
i64 copy_from_user_task(Run& run, OutBytes to, u64 address, KernelObject task, u64 flags);
i64 probe_write_user(Run& run, u64 address, Bytes from);

// text.cpp
i64 trace_printk(Run& run, Bytes format, More arg1, More arg2, More arg3);
i64 trace_vprintk(Run& run, Bytes format, MaybeBytes args);
i64 snprintf(Run& run, MaybeInOutBytes to, Text format, MaybeBytes args);
i64 seq_printf(Run& run, KernelObject file, Bytes format, MaybeBytes args);
i64 seq_write(Run& run, KernelObject file, Bytes bytes);
i64 strncmp(Run& run, Bytes first, Text second);
i64 strtol(Run& run, Bytes text, u64 flags, Out<i64> result);
i64 strtoul(Run& run, Bytes text, u64 flags, Out<u64> result);

// perf_event.cpp
i64 perf_event_output(Run& run, Frame* frame, Map* map, u64 flags, Bytes data);
i64 perf_event_read(Run& run, Map* map, u64 flags);
i64 perf_event_read_value(Run& run, Map* map, u64 flags, OutBytes to);
i64 perf_prog_read_value(Run& run, Frame* frame, OutBytes to);

// checksum.cpp
i64 csum_diff(Run& run, MaybeBytes from, MaybeBytes to, u32 seed);
i64 csum_update(Run& run, Frame* frame, u32 sum);
i64 csum_level(Run& run, Frame* frame, u64 level);
i64 l3_csum_replace(Run& run, Frame* frame, u32 offset, u64 from, u64 to, u64 flags);
i64 l4_csum_replace(Run& run, Frame* frame, u32 offset, u64 from, u64 to, u64 flags);

// xdp.cpp
i64 xdp_adjust_head(Run& run, Frame* frame, i32 delta);
i64 xdp_adjust_meta(Run& run, Frame* frame, i32 delta);
i64 xdp_adjust_tail(Run& run, Frame* frame, i32 delta);
u64 xdp_get_buff_len(Run& run, Frame* frame);
i64 xdp_load_bytes(Run& run, Frame* frame, u32 offset, OutBytes to);
i64 xdp_store_bytes(Run& run, Frame* frame, u32 offset, Bytes from);

// skb.cpp
i64 skb_load_bytes(Run& run, Frame* frame, u32 offset, OutBytes to);
i64 skb_load_bytes_relative(Run& run, Frame* frame, u32 offset, OutBytes to, u32 start);
i64 skb_store_bytes(Run& run, Frame* frame, u32 offset, Bytes from, u64 flags);
i64 skb_pull_data(Run& run, Frame* frame, u32 length);
i64 skb_change_head(Run& run, Frame* frame, u32 room, u64 flags);
i64 skb_change_tail(Run& run, Frame* frame, u32 length, u64 flags);
i64 skb_change_type(Run& run, Frame* frame, u32 type);
i64 skb_change_proto(Run& run, Frame* frame, u16 protocol, u64 flags);
i64 set_hash(Run& run, Frame* frame, u32 hash);
i64 set_hash_invalid(Run& run, Frame* frame);
i64 skb_vlan_push(Run& run, Frame* frame, u16 protocol, u16 tci);
i64 skb_vlan_pop(Run& run, Frame* frame);

// redirect.cpp
i64 redirect(Run& run, u32 ifindex, u64 flags);
i64 redirect_peer(Run& run, u32 ifindex, u64 flags);
i64 redirect_neigh(Run& run, u32 ifindex, MaybeBytes next_hop, u64 flags);
i64 redirect_map(Run& run, Map* map, u64 key, u64 flags);
i64 clone_redirect(Run& run, Frame* frame, u32 ifindex, u64 flags);

}  // namespace skep::body
