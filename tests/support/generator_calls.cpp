// The table of helper calls, a row for each way to call one.

#include "tests/support/generator_calls.h"

#include <algorithm>

#include "helpers/spec/proto.h"

namespace skep::test {
namespace {

// How one argument is made.
enum Argument : u8 {
  None,
  Ctx,
  Key,  // what the map arguments before take
  LpmKey,
  Value,
  Flags,      // of an update, known and unknown ones
  LockFlags,  // the same, most of them with BPF_F_LOCK
  Cpu,
  In,      // memory, 32 bytes of it at least
  Out,     // memory that is written
  Own,     // the value in r9
  Zero,    // 0
  One,     // 1
  Four,    // a multiple of 4, up to 32
  Eight,   // 8
  Few,     // up to 24
  FewOr0,  // the same or 0
  All,     // 32
  Data,    // 16 random bits
  Number,  // a corner case
  Small,   // -16 to 31
  Any5,    // 0 to 4
  Length,  // of a packet, about, or too much for any
  Field,   // flags of checksums
  VlanTag,
  IpVersion,  // as an Ethernet type
  Text,       // digits and the like
  Base,       // of a number
  Fixed,      // the read-only text
  FixedSize,
  Format,
  FormatSize,
  Words,  // arguments of a format, 24 bytes
  WordsSize,
  AllWords,
  Address,      // of memory to read, if it is there
  UserAddress,  // the same
  EventFlags,   // a CPU, how much of the packet
  CounterFlags,
  RedirectFlags,
  StackFlags,     // that there are
  BadStackFlags,  // that there are not
  Signal,         // that nobody notices
  BadSignal,      // that there is not
  LockWord,       // of kLocked
  CurrentTask,    // what Around::Task gave
  Dynptr,         // on the stack
  OfMap,          // and more: a map
};
constexpr Argument of(GeneratorMap map) {
  return static_cast<Argument>(u32{OfMap} + map);
}
constexpr Argument Array = of(kArray), Hash = of(kHash), PerCpuArray = of(kPerCpuArray),
                   PerCpuHash = of(kPerCpuHash), Lpm = of(kLpm), Ring = of(kRing), Lru = of(kLru),
                   LruPerCpu = of(kLruPerCpu), Queue = of(kQueue), Stack = of(kStack),
                   Bloom = of(kBloom), Locked = of(kLocked), LockedHash = of(kLockedHash),
                   Arrays = of(kArrayOfMaps), Hashes = of(kHashOfMaps), Events = of(kEvents),
                   Unread = of(kUnreadEvents), Stacks = of(kStacks), Cgroups = of(kCgroups),
                   Devices = of(kDevices), DeviceHash = of(kDeviceHash), Cpus = of(kCpus),
                   Sockets = of(kSockets);

enum Result : u8 {
  Scalar,
  Ignored,      // differs from run to run: time, random, task, place
  IgnoredOut,   // and so does what is written to Out
  Presence,     // null or not
  Pointer,      // to a value, or null
  ReadOnly,     // to 4 bytes that may be read, or null
  InnerMap,     // or null
  LockedValue,  // a value with a lock in it, or null
  TheLock,      // of kLocked, which is taken now
};

// What else belongs to the call.
enum class Around : u8 {
  Nothing,
  Task,          // the current task is got before
  LocalDynptr,   // a dynptr of the value in r9 is made before
  RecordDynptr,  // one of a record is reserved and filled before, and the record ended after
  Reserved,      // the record that it reserved is ended after
  Pushed,        // a value is put into the map before
};

}  // namespace

struct HelperUse {
  i32 id;
  std::array<Argument, 5> args;
  Result result = Scalar;
  Around around = Around::Nothing;
};

namespace {

constexpr i32 kLookupElem = 1, kUpdateElem = 2, kPushElem = 87, kSpinLock = 93, kSpinUnlock = 94,
              kCurrentTaskBtf = 158, kDynptrFromMem = 197, kReserveDynptr = 198,
              kSubmitDynptr = 199, kDiscardDynptr = 200, kDynptrWrite = 202;

constexpr HelperUse kHelpers[] = {
    {1, {Array, Key}, Pointer},  // map_lookup_elem
    {1, {Hash, Key}, Pointer},
    {1, {PerCpuArray, Key}, Pointer},
    {1, {PerCpuHash, Key}, Pointer},
    {1, {Lru, Key}, Pointer},
    {1, {LruPerCpu, Key}, Pointer},
    {1, {Lpm, LpmKey}, Pointer},
    {1, {Arrays, Key}, InnerMap},
    {1, {Hashes, Key}, InnerMap},
    {1, {Locked, Key}, LockedValue},
    {1, {LockedHash, Key}, LockedValue},
    {1, {Devices, Key}, ReadOnly},
    {1, {DeviceHash, Key}, ReadOnly},
    {1, {Sockets, Key}, Presence},
    {2, {Array, Key, Value, Flags}},  // map_update_elem
    {2, {Hash, Key, Value, Flags}},
    {2, {PerCpuArray, Key, Value, Flags}},
    {2, {PerCpuHash, Key, Value, Flags}},
    {2, {Lru, Key, Value, Flags}},
    {2, {LruPerCpu, Key, Value, Flags}},
    {2, {Lpm, LpmKey, Value, Flags}},
    {2, {Locked, Key, Value, LockFlags}},
    {2, {LockedHash, Key, Value, LockFlags}},
    {3, {Array, Key}},  // map_delete_elem
    {3, {Hash, Key}},
    {3, {PerCpuHash, Key}},
    {3, {Lru, Key}},
    {3, {LruPerCpu, Key}},
    {3, {Lpm, LpmKey}},
    {3, {LockedHash, Key}},
    {195, {PerCpuArray, Key, Cpu}, Pointer},  // map_lookup_percpu_elem
    {195, {PerCpuHash, Key, Cpu}, Pointer},
    {195, {LruPerCpu, Key, Cpu}, Pointer},
    {87, {Queue, Value, Flags}},  // map_push_elem
    {87, {Stack, Value, Flags}},
    {87, {Bloom, Value, Flags}},
    {88, {Queue, Out}},  // map_pop_elem
    {88, {Stack, Out}},
    {88, {Queue, Out}, Scalar, Around::Pushed},
    {88, {Stack, Out}, Scalar, Around::Pushed},
    {89, {Queue, Out}, Scalar, Around::Pushed},  // map_peek_elem
    {89, {Stack, Out}, Scalar, Around::Pushed},
    {89, {Bloom, In}},
    {89, {Bloom, Value}, Scalar, Around::Pushed},
    {93, {LockWord}, TheLock},                    // spin_lock, spin_unlock
    {5, {}, Ignored},                             // ktime_get_ns
    {125, {}, Ignored},                           // ktime_get_boot_ns
    {160, {}, Ignored},                           // ktime_get_coarse_ns
    {208, {}, Ignored},                           // ktime_get_tai_ns
    {118, {}, Ignored},                           // jiffies64
    {7, {}, Ignored},                             // get_prandom_u32
    {8, {}},                                      // get_smp_processor_id: one for all
    {42, {}, Ignored},                            // get_numa_node_id
    {14, {}, Ignored},                            // get_current_pid_tgid
    {15, {}, Ignored},                            // get_current_uid_gid
    {16, {Out, Few}, IgnoredOut},                 // get_current_comm
    {35, {}, Ignored},                            // get_current_task
    {158, {}, Ignored},                           // get_current_task_btf
    {175, {CurrentTask}, Ignored, Around::Task},  // task_pt_regs
    {80, {}, Ignored},                            // get_current_cgroup_id
    {123, {Small}, Ignored},                      // get_current_ancestor_cgroup_id
    {37, {Cgroups, Any5}},                        // current_task_under_cgroup
    {120, {Data, Data, Out, Eight}},              // get_ns_current_pid_tgid
    {109, {Signal}, Ignored},                     // send_signal
    {109, {BadSignal}},
    {117, {Signal}, Ignored},  // send_signal_thread
    {117, {BadSignal}},
    {174, {Ctx}},                              // get_attach_cookie
    {27, {Ctx, Stacks, StackFlags}, Ignored},  // get_stackid
    {27, {Ctx, Stacks, BadStackFlags}},
    {67, {Ctx, Out, FewOr0, StackFlags}, IgnoredOut},  // get_stack
    {67, {Ctx, Out, FewOr0, BadStackFlags}},
    {141, {CurrentTask, Out, FewOr0, StackFlags}, IgnoredOut, Around::Task},  // get_task_stack
    {141, {CurrentTask, Out, FewOr0, BadStackFlags}, Scalar, Around::Task},
    {179, {Fixed, FixedSize, Any5, Out}},                           // kallsyms_lookup_name
    {197, {Own, FewOr0, Any5, Dynptr}},                             // dynptr_from_mem
    {198, {Ring, FewOr0, Any5, Dynptr}, Scalar, Around::Reserved},  // ringbuf_reserve_dynptr
    {201, {Out, FewOr0, Dynptr, Small, Any5}, Scalar, Around::LocalDynptr},  // dynptr_read
    {201, {Out, FewOr0, Dynptr, Small, Any5}, Scalar, Around::RecordDynptr},
    {202, {Dynptr, Small, In, FewOr0, Any5}, Scalar, Around::LocalDynptr},  // dynptr_write
    {202, {Dynptr, Small, In, FewOr0, Any5}, Scalar, Around::RecordDynptr},
    {203, {Dynptr, Small, Eight}, Pointer, Around::LocalDynptr},  // dynptr_data
    {203, {Dynptr, Small, Eight}, Pointer, Around::RecordDynptr},
    {4, {Out, FewOr0, Address}},        // probe_read
    {45, {Out, FewOr0, Address}},       // probe_read_str
    {112, {Out, FewOr0, UserAddress}},  // probe_read_user
    {113, {Out, FewOr0, Address}},      // probe_read_kernel
    {114, {Out, FewOr0, UserAddress}},  // probe_read_user_str
    {115, {Out, FewOr0, Address}},      // probe_read_kernel_str
    {148, {Out, FewOr0, UserAddress}},  // copy_from_user
    {191, {Out, FewOr0, UserAddress, CurrentTask, Any5}, Scalar, Around::Task},  // ..._task
    {6, {Format, FormatSize, Number, Data}},                                     // trace_printk
    {177, {Format, FormatSize, Words, WordsSize}},                               // trace_vprintk
    {165, {Out, FewOr0, Format, Words, AllWords}},                               // snprintf
    {182, {In, Eight, Fixed}},                                                   // strncmp
    {105, {Text, Few, Base, Out}},                                               // strtol
    {106, {Text, Few, Base, Out}},                                               // strtoul
    {130, {Ring, Value, All, Zero}},                                             // ringbuf_output
    {134, {Ring, Any5}},                                                         // ringbuf_query
    {25, {Ctx, Events, EventFlags, In, FewOr0}},  // perf_event_output
    {25, {Ctx, Unread, EventFlags, In, FewOr0}},
    {22, {Unread, CounterFlags}},              // perf_event_read
    {55, {Unread, CounterFlags, Out, Eight}},  // perf_event_read_value
    {55, {Unread, CounterFlags, Out, AllWords}},
    {28, {In, All, In, All, Data}},  // csum_diff
    {28, {Zero, Zero, In, Four, Data}},
    {40, {Ctx, Data}},                      // csum_update
    {135, {Ctx, Any5}},                     // csum_level
    {10, {Ctx, Small, Data, Data, Field}},  // l3_csum_replace
    {10, {Ctx, Small, Zero, Data, Zero}},
    {11, {Ctx, Small, Data, Data, Field}},  // l4_csum_replace
    {11, {Ctx, Small, Zero, Data, Field}},
    {44, {Ctx, Small}},                    // xdp_adjust_head
    {54, {Ctx, Small}},                    // xdp_adjust_meta
    {65, {Ctx, Small}},                    // xdp_adjust_tail
    {188, {Ctx}},                          // xdp_get_buff_len
    {189, {Ctx, Small, Out, Four}},        // xdp_load_bytes
    {190, {Ctx, Small, In, Four}},         // xdp_store_bytes
    {26, {Ctx, Small, Out, Four}},         // skb_load_bytes
    {68, {Ctx, Small, Out, Four, Any5}},   // skb_load_bytes_relative
    {9, {Ctx, Small, In, Four, Any5}},     // skb_store_bytes
    {39, {Ctx, Length}},                   // skb_pull_data
    {43, {Ctx, Small, Zero}},              // skb_change_head
    {38, {Ctx, Length, Zero}},             // skb_change_tail
    {32, {Ctx, Any5}},                     // skb_change_type
    {31, {Ctx, IpVersion, Zero}},          // skb_change_proto
    {48, {Ctx, Data}},                     // set_hash
    {41, {Ctx}},                           // set_hash_invalid
    {18, {Ctx, VlanTag, Data}},            // skb_vlan_push
    {19, {Ctx}},                           // skb_vlan_pop
    {23, {One, Any5}},                     // redirect
    {155, {One, Any5}},                    // redirect_peer
    {152, {One, Zero, Zero, Any5}},        // redirect_neigh
    {13, {Ctx, One, Any5}},                // clone_redirect
    {51, {Devices, Any5, RedirectFlags}},  // redirect_map
    {51, {DeviceHash, Any5, RedirectFlags}},
    {51, {Cpus, Any5, RedirectFlags}},
    {51, {Sockets, Any5, RedirectFlags}},
};

// Maps that the kernel refuses in programs of some types.
constexpr TypeSet kSleeping = where::syscall;
constexpr TypeSet kWithoutLocks = where::socket_filter | where::raw_tracepoint;
constexpr struct {
  GeneratorMap map;
  TypeSet types;
} kRefused[] = {
    {kLpm, kSleeping},
    {kProgs, kSleeping},
    {kBloom, kSleeping},
    {kEvents, kSleeping},
    {kStacks, kSleeping},
    {kUnreadEvents, kSleeping},
    {kCgroups, kSleeping},
    {kDevices, kSleeping},
    {kDeviceHash, kSleeping},
    {kCpus, kSleeping},
    {kSockets, kSleeping},
    {kLocked, kWithoutLocks},
    {kLockedHash, kWithoutLocks},
};

constexpr i32 kSkbChangeHead = 43, kSkbVlanPush = 18, kSkbChangeProto = 31;

// Of the read-only map: where each text is, and its size with the zero.
struct FixedText {
  u32 offset;
  i32 size;
};
constexpr FixedText kFormats[] = {{8, 6}, {16, 12}, {32, 10}};

// Numbers as text, in words of 8 bytes.
constexpr u64 word(const char (&letters)[9]) {
  u64 out = 0;
  for (int i = 7; i >= 0; --i) out = out << 8 | static_cast<u8>(letters[i]);
  return out;
}
constexpr u64 kTexts[] = {word("12345\0\0\0"),      word("  -77 x\0"),    word("0x1fz\0\0\0"),
                          word("+9\0\0\0\0\0\0"),   word("99999999"),     word("-0777777"),
                          word("\0\0\0\0\0\0\0\0"), word("zz1\0\0\0\0\0")};

}  // namespace

bool GeneratorCalls::may_use(GeneratorMap map) const {
  return std::ranges::none_of(kRefused, [&](const auto& refused) {
    return refused.map == map && refused.types.has(type_);
  });
}

bool GeneratorCalls::usable(const HelperUse& use) const {
  const bool sleeps = type_ == ProgramType::syscall;
  const HelperProto* proto = find_helper(static_cast<u32>(use.id));
  if (proto == nullptr || !proto->where.has(type_)) return false;
  if (proto->has(helper_flags::MaySleep) && !sleeps) return false;
  // Test runs have little room before the packet, and no more is got: -ENOMEM.
  if (repeats_ && (use.id == kSkbChangeHead || use.id == kSkbVlanPush || use.id == kSkbChangeProto))
    return false;
  if (use.args[0] == Ctx && sleeps)
    return false;  // another prototype, of the kernel's own structures
  if (use.args[0] == LockWord) return may_use(kLocked);
  return std::ranges::all_of(use.args, [&](Argument argument) {
    return argument < OfMap || may_use(static_cast<GeneratorMap>(argument - OfMap));
  });
}

void GeneratorCalls::list_helpers() {
  for (const HelperUse& use : kHelpers) {
    if (!usable(use)) continue;
    usable_.push_back(&use);
    const HelperProto& proto = *find_helper(static_cast<u32>(use.id));
    const bool common = proto.where.has(ProgramType::socket_filter);  // what these have, most have
    if (!common || proto.has(helper_flags::MaySleep)) particular_.push_back(&use);
  }
}

bool GeneratorCalls::call_some_helper() {
  if (usable_.empty()) list_helpers();
  const auto& some = chance(30) && !particular_.empty() ? particular_ : usable_;
  const HelperUse* const use = some[pick(static_cast<u32>(some.size()))];
  prepare(*use);
  for (u8 i = 0; i < 5; ++i) argument(use->args[i], static_cast<u8>(i + 1));
  helper(use->id);
  take_result(*use);
  if (use->around == Around::RecordDynptr || use->around == Around::Reserved) end_record();
  return find_helper(static_cast<u32>(use->id))->has(helper_flags::InvalidatesPacket);
}

void GeneratorCalls::prepare(const HelperUse& use) {
  switch (use.around) {
    case Around::Nothing:
    case Around::Reserved: return;
    case Around::Task: helper(kCurrentTaskBtf); return;
    case Around::Pushed:
      argument(use.args[0], 1);
      argument(Value, 2);
      argument(Zero, 3);
      helper(kPushElem);
      return;
    case Around::LocalDynptr:
      argument(Own, 1);
      argument(FewOr0, 2);
      argument(Zero, 3);
      argument(Dynptr, 4);
      helper(kDynptrFromMem);
      return;
    case Around::RecordDynptr:
      argument(Ring, 1);
      argument(AllWords, 2);
      argument(Zero, 3);
      argument(Dynptr, 4);
      helper(kReserveDynptr);
      argument(Dynptr, 1);
      argument(Zero, 2);
      argument(In, 3);
      argument(AllWords, 4);
      argument(Zero, 5);
      helper(kDynptrWrite);
      return;
  }
}

void GeneratorCalls::end_record() {
  store(8, 10, kSpill, 0);
  argument(Dynptr, 1);
  argument(Zero, 2);
  helper(chance(70) ? kSubmitDynptr : kDiscardDynptr);
  load(8, 0, 10, kSpill);
}

// Leaves a scalar in r0.
void GeneratorCalls::take_result(const HelperUse& use) {
  const bool writes = std::ranges::find(use.args, Out) != use.args.end();
  switch (use.result) {
    case Ignored: alu(Op::Mov, 0, number()); return;
    case IgnoredOut:
      alu(Op::Mov, 0, number());
      for (i16 off = kOut; off < kOut + kArea; off = static_cast<i16>(off + 8))
        store_imm(8, 10, off, number());
      return;
    case Presence: {
      const u32 none = jump_if(Op::Jeq, 0, 0);
      alu(Op::Mov, 0, 1);
      land(none);
      return;
    }
    case Pointer: return take_value();
    case ReadOnly: {
      const u32 none = jump_if(Op::Jeq, 0, 0);
      load(4, 0, 0, 0);
      land(none);
      return;
    }
    case InnerMap: return take_inner_map();
    case LockedValue: return take_locked_value();
    case TheLock: return use_locked_global();
    case Scalar: break;
  }
  if (!writes || !chance(50)) return;
  load(8, 1, 10, static_cast<i16>(kOut + 8 * static_cast<i16>(pick(3))));
  alu_reg(Op::Add, 0, 1);
}

void GeneratorCalls::take_value() {
  const u32 none = jump_if(Op::Jeq, 0, 0);
  if (chance(50)) store_imm(4, 0, 4, number());
  load(8, 0, 0, 0);
  land(none);
}

void GeneratorCalls::take_inner_map() {
  const u32 none = jump_if(Op::Jeq, 0, 0);
  alu_reg(Op::Mov, 1, 0);
  argument(Key, 2);
  if (chance(50)) {
    helper(kLookupElem);
    take_value();
  } else {
    argument(Value, 3);
    argument(Flags, 4);
    helper(kUpdateElem);
  }
  land(none);
}

void GeneratorCalls::take_locked_value() {
  const auto lock = [&] {
    load(8, 1, 10, kSpill);
    alu(Op::Add, 1, kLockAt);
  };
  const u32 none = jump_if(Op::Jeq, 0, 0);
  store(8, 10, kSpill, 0);
  lock();
  helper(kSpinLock);
  load(8, 1, 10, kSpill);
  load(8, 2, 1, 16);
  alu(Op::Add, 2, number());
  store(8, 1, 16, 2);
  lock();
  helper(kSpinUnlock);
  load(8, 1, 10, kSpill);
  load(8, 0, 1, chance(50) ? 0 : 16);
  land(none);
}

// With the lock held only memory may be used.
void GeneratorCalls::use_locked_global() {
  constexpr i16 kWords[] = {0, 16, 24};
  map_value(1, kLocked, 0);
  alu(Op::Mov, 2, number());
  for (u32 count = 1 + pick(3); count > 0; --count) {
    const i16 word = one_of(kWords);
    switch (pick(3)) {
      case 0: load(8, 2, 1, word); break;
      case 1: store(8, 1, word, 2); break;
      default: emit({.op = Op::FetchAdd, .size = 8, .dst = 1, .src = 2, .off = word});
    }
  }
  argument(LockWord, 1);
  helper(kSpinUnlock);
  alu(Op::Mov, 0, number());
}

void GeneratorCalls::argument(u8 kind, u8 reg) {
  if (kind >= OfMap) {
    map(reg, kind - OfMap);
    return;
  }
  switch (kind) {
    case Ctx: alu_reg(Op::Mov, reg, 6); return;
    case Key:
    case LpmKey: return key_argument(kind == LpmKey, reg);
    case Value: return stack_pointer(reg, kBuffer);
    case In: return stack_pointer(reg, kBuffer + 8 * static_cast<i16>(pick(2)));
    case Out: return stack_pointer(reg, kOut);
    case Own: alu_reg(Op::Mov, reg, 9); return;
    case Text: return text(reg);
    case Fixed: map_value(reg, kText, 0); return;
    case Format: map_value(reg, kText, kFormats[format_ = pick(3)].offset); return;
    case Words: return stack_pointer(reg, kBuffer);
    case Address: return address(reg);
    case UserAddress: constant(reg, chance(70) ? kUserMemory + pick(80) : 0); return;
    case EventFlags: return event_flags(reg);
    case LockWord: map_value(reg, kLocked, kLockAt); return;
    case CurrentTask: alu_reg(Op::Mov, reg, 0); return;
    case Dynptr: return stack_pointer(reg, kDynptr);
    default: return number_argument(kind, reg);
  }
}

void GeneratorCalls::number_argument(u8 kind, u8 reg) {
  constexpr i32 kTags[] = {0x0081, 0xa888, 0x0008, 0};
  constexpr i32 kFields[] = {0, 2, 4, 0x10, 0x12, 0x22, 0x24, 0x62, 0x64, 0x20, 1, 0x100};
  constexpr i32 kBases[] = {0, 8, 10, 16, 2, 0x20};
  constexpr i32 kLocks[] = {4, 4, 4, 5, 6, 7, 0, 1, 2, 12};
  constexpr i32 kFixedSizes[] = {5, 5, 8, 4, 1, 0};
  constexpr i32 kCounters[] = {0, 1, 3, 1000, -1, 0x7fffffff};
  constexpr i32 kRedirects[] = {0, 1, 2, 3, 4, 8, 9, 16, 18, 24, 32, -1};
  constexpr i32 kStackFlags[] = {0, 1, 5, 0xff, 0x100, 0x101};
  constexpr i32 kBadStackFlags[] = {0x1000, 0x2001, 0x4100, 1 << 20};
  constexpr i32 kSignals[] = {0, 17, 18, 23, 28};  // ignored by who does not ask for them
  constexpr i32 kBadSignals[] = {65, 1000, -1};
  const auto set = [&](i64 value) { alu(Op::Mov, reg, value); };
  switch (kind) {
    case Flags: return set(pick(5) == 0 ? pick(6) : 0);
    case LockFlags: return set(one_of(kLocks));
    case Cpu: return set(pick(3));
    case Zero: return set(0);
    case One: return set(1);
    case Four: return set(4 * (1 + pick(8)));
    case Eight: return set(8);
    case Few: return set(1 + pick(24));
    case FewOr0: return set(pick(25));
    case All: return set(32);
    case Data: return set(pick(0x10000));
    case Number: return set(number());
    case Small: return set(static_cast<i64>(pick(48)) - 16);
    case Any5: return set(chance(60) ? 0 : pick(5));
    case Length: return set(chance(90) ? pick(150) : 0x4000 + pick(0x4000));
    case Field: return set(one_of(kFields));
    case VlanTag: return set(one_of(kTags));
    case IpVersion: return set(chance(50) ? 0x0008 : 0xdd86);
    case Base: return set(one_of(kBases));
    case FixedSize: return set(one_of(kFixedSizes));
    case FormatSize: return set(kFormats[format_].size);
    case AllWords: return set(24);
    case WordsSize: return set(chance(95) ? 24 : 8 * pick(3));
    case CounterFlags: return set(one_of(kCounters));
    case RedirectFlags: return set(one_of(kRedirects));
    case StackFlags: return set(one_of(kStackFlags));
    case BadStackFlags: return set(one_of(kBadStackFlags));
    case Signal: return set(one_of(kSignals));
    case BadSignal: return set(one_of(kBadSignals));
    default: return;
  }
}

void GeneratorCalls::key_argument(bool prefix, u8 reg) {
  if (prefix) {
    store_imm(4, 10, kKey, static_cast<i32>(pick(4) == 0 ? pick(40) : 8 * pick(5)));
    store_imm(4, 10, kKey + 4, static_cast<i32>(pick(4)) * 0x01010101);
  } else {
    store_imm(4, 10, kKey, static_cast<i32>(pick(6)));
  }
  stack_pointer(reg, kKey);
}

void GeneratorCalls::event_flags(u8 reg) {
  constexpr u64 kCurrentCpu = 0xffffffff;
  const u64 cpu = chance(75) ? kCurrentCpu : pick(4);
  const u64 appended = chance(30) ? pick(70) : 0;
  constant(reg, (chance(3) ? 1ull << 52 : 0) | appended << 32 | cpu);
}

// Up to three words of digits at kBuffer.
void GeneratorCalls::text(u8 reg) {
  for (i16 i = 0; i < 3; ++i) {
    constant(reg, one_of(kTexts));
    store(8, 10, static_cast<i16>(kBuffer + 8 * i), reg);
  }
  stack_pointer(reg, kBuffer);
}

void GeneratorCalls::address(u8 reg) {
  if (chance(20)) {
    alu(Op::Mov, reg, 0);
  } else {
    stack_pointer(reg, static_cast<i16>(kBuffer + static_cast<i16>(pick(20))));
  }
}

}  // namespace skep::test
