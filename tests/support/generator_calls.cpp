// The table of helper calls, a row for each way to call one.

#include "tests/support/generator_calls.h"

#include "helpers/spec/proto.h"

namespace skep::test {
namespace {

// How one argument is made.
enum Argument : u8 {
  None,
  Ctx,
  Array,  // maps
  Hash,
  PerCpuArray,
  PerCpuHash,
  Lpm,
  Ring,
  Key,  // what the map arguments before take
  LpmKey,
  Value,
  Flags,  // of an update, known and unknown ones
  Cpu,
  In,      // memory, 32 bytes of it at least
  Out,     // memory that is written
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
  Text,   // digits and the like
  Base,   // of a number
  Fixed,  // the read-only text
  Format,
  FormatSize,
  Words,  // arguments of a format, 24 bytes
  WordsSize,
  AllWords,
  Address,      // of memory to read, if it is there
  UserAddress,  // the same
};

enum Result : u8 {
  Scalar,
  Ignored,     // differs from run to run: time, random, task, place
  IgnoredOut,  // and so does what is written to Out
  Pointer,     // to a value, or null
};

}  // namespace

struct HelperUse {
  i32 id;
  std::array<Argument, 5> args;
  Result result = Scalar;
};

namespace {

constexpr HelperUse kHelpers[] = {
    {1, {Array, Key}, Pointer},  // map_lookup_elem
    {1, {Hash, Key}, Pointer},
    {1, {PerCpuArray, Key}, Pointer},
    {1, {PerCpuHash, Key}, Pointer},
    {1, {Lpm, LpmKey}, Pointer},
    {2, {Array, Key, Value, Flags}},  // map_update_elem
    {2, {Hash, Key, Value, Flags}},
    {2, {PerCpuArray, Key, Value, Flags}},
    {2, {PerCpuHash, Key, Value, Flags}},
    {2, {Lpm, LpmKey, Value, Flags}},
    {3, {Array, Key}},  // map_delete_elem
    {3, {Hash, Key}},
    {3, {PerCpuHash, Key}},
    {3, {Lpm, LpmKey}},
    {195, {PerCpuArray, Key, Cpu}, Pointer},  // map_lookup_percpu_elem
    {195, {PerCpuHash, Key, Cpu}, Pointer},
    {5, {}, Ignored},                               // ktime_get_ns
    {125, {}, Ignored},                             // ktime_get_boot_ns
    {160, {}, Ignored},                             // ktime_get_coarse_ns
    {208, {}, Ignored},                             // ktime_get_tai_ns
    {118, {}, Ignored},                             // jiffies64
    {7, {}, Ignored},                               // get_prandom_u32
    {8, {}},                                        // get_smp_processor_id: runs stay on one
    {42, {}, Ignored},                              // get_numa_node_id
    {14, {}, Ignored},                              // get_current_pid_tgid
    {15, {}, Ignored},                              // get_current_uid_gid
    {16, {Out, Few}, IgnoredOut},                   // get_current_comm
    {35, {}, Ignored},                              // get_current_task
    {4, {Out, FewOr0, Address}},                    // probe_read
    {45, {Out, FewOr0, Address}},                   // probe_read_str
    {112, {Out, FewOr0, UserAddress}},              // probe_read_user
    {113, {Out, FewOr0, Address}},                  // probe_read_kernel
    {114, {Out, FewOr0, UserAddress}},              // probe_read_user_str
    {115, {Out, FewOr0, Address}},                  // probe_read_kernel_str
    {148, {Out, FewOr0, UserAddress}},              // copy_from_user
    {6, {Format, FormatSize, Number, Data}},        // trace_printk
    {177, {Format, FormatSize, Words, WordsSize}},  // trace_vprintk
    {165, {Out, FewOr0, Format, Words, AllWords}},  // snprintf
    {182, {In, Eight, Fixed}},                      // strncmp
    {105, {Text, Few, Base, Out}},                  // strtol
    {106, {Text, Few, Base, Out}},                  // strtoul
    {130, {Ring, Value, All, Zero}},                // ringbuf_output
    {134, {Ring, Any5}},                            // ringbuf_query
    {28, {In, All, In, All, Data}},                 // csum_diff
    {28, {Zero, Zero, In, Four, Data}},
    {40, {Ctx, Data}},                      // csum_update
    {135, {Ctx, Any5}},                     // csum_level
    {10, {Ctx, Small, Data, Data, Field}},  // l3_csum_replace
    {10, {Ctx, Small, Zero, Data, Zero}},
    {11, {Ctx, Small, Data, Data, Field}},  // l4_csum_replace
    {11, {Ctx, Small, Zero, Data, Field}},
    {44, {Ctx, Small}},                   // xdp_adjust_head
    {54, {Ctx, Small}},                   // xdp_adjust_meta
    {65, {Ctx, Small}},                   // xdp_adjust_tail
    {188, {Ctx}},                         // xdp_get_buff_len
    {189, {Ctx, Small, Out, Four}},       // xdp_load_bytes
    {190, {Ctx, Small, In, Four}},        // xdp_store_bytes
    {26, {Ctx, Small, Out, Four}},        // skb_load_bytes
    {68, {Ctx, Small, Out, Four, Any5}},  // skb_load_bytes_relative
    {9, {Ctx, Small, In, Four, Any5}},    // skb_store_bytes
    {39, {Ctx, Length}},                  // skb_pull_data
    {43, {Ctx, Small, Zero}},             // skb_change_head
    {38, {Ctx, Length, Zero}},            // skb_change_tail
    {32, {Ctx, Any5}},                    // skb_change_type
    {18, {Ctx, VlanTag, Data}},           // skb_vlan_push
    {19, {Ctx}},                          // skb_vlan_pop
    {23, {One, Any5}},                    // redirect
    {155, {One, Any5}},                   // redirect_peer
    {152, {One, Zero, Zero, Any5}},       // redirect_neigh
    {13, {Ctx, One, Any5}},               // clone_redirect
};

constexpr i32 kSkbChangeHead = 43, kSkbVlanPush = 18;

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
  return type_ != ProgramType::syscall || (map != kLpm && map != kProgs);
}

bool GeneratorCalls::usable(const HelperUse& use) const {
  const bool sleeps = type_ == ProgramType::syscall;
  const HelperProto* proto = find_helper(static_cast<u32>(use.id));
  if (proto == nullptr || !proto->where.has(type_)) return false;
  if (proto->has(helper_flags::MaySleep) && !sleeps) return false;
  // Test runs have little room before the packet, and no more is got: -ENOMEM.
  if (repeats_ && (use.id == kSkbChangeHead || use.id == kSkbVlanPush)) return false;
  if (use.args[0] == Ctx && sleeps)
    return false;  // another prototype, of the kernel's own structures
  return use.args[0] != Lpm || may_use(kLpm);
}

bool GeneratorCalls::call_some_helper() {
  const HelperUse* use = &one_of(kHelpers);
  while (!usable(*use)) use = &one_of(kHelpers);
  bool writes = false;
  for (u8 i = 0; i < 5; ++i) {
    argument(use->args[i], static_cast<u8>(i + 1));
    writes |= use->args[i] == Out;
  }
  helper(use->id);
  if (use->result == Pointer) {
    const u32 none = jump_if(Op::Jeq, 0, 0);
    if (chance(50)) store_imm(4, 0, 4, number());
    load(8, 0, 0, 0);
    land(none);
  }
  if (use->result == Ignored || use->result == IgnoredOut) alu(Op::Mov, 0, number());
  if (use->result == IgnoredOut) {
    for (i16 off = kOut; off < kOut + kArea; off = static_cast<i16>(off + 8))
      store_imm(8, 10, off, number());
  } else if (writes && chance(50)) {
    load(8, 1, 10, static_cast<i16>(kOut + 8 * static_cast<i16>(pick(3))));
    alu_reg(Op::Add, 0, 1);
  }
  return find_helper(static_cast<u32>(use->id))->has(helper_flags::InvalidatesPacket);
}

void GeneratorCalls::argument(u8 kind, u8 reg) {
  constexpr i32 kTags[] = {0x0081, 0xa888, 0x0008, 0};
  constexpr i32 kFields[] = {0, 2, 4, 0x10, 0x12, 0x22, 0x24, 0x62, 0x64, 0x20, 1, 0x100};
  constexpr i32 kBases[] = {0, 8, 10, 16, 2, 0x20};
  const auto set = [&](i64 value) { alu(Op::Mov, reg, value); };
  switch (kind) {
    case Ctx: alu_reg(Op::Mov, reg, 6); return;
    case Array: map(reg, kArray); return;
    case Hash: map(reg, kHash); return;
    case PerCpuArray: map(reg, kPerCpuArray); return;
    case PerCpuHash: map(reg, kPerCpuHash); return;
    case Lpm: map(reg, kLpm); return;
    case Ring: map(reg, kRing); return;
    case Key: store_imm(4, 10, kKey, static_cast<i32>(pick(6))); return stack_pointer(reg, kKey);
    case LpmKey:
      store_imm(4, 10, kKey, static_cast<i32>(pick(4) == 0 ? pick(40) : 8 * pick(5)));
      store_imm(4, 10, kKey + 4, static_cast<i32>(pick(4)) * 0x01010101);
      return stack_pointer(reg, kKey);
    case Value: return stack_pointer(reg, kBuffer);
    case Flags: return set(pick(5) == 0 ? pick(6) : 0);
    case Cpu: return set(pick(3));
    case In: return stack_pointer(reg, kBuffer + 8 * static_cast<i16>(pick(2)));
    case Out: return stack_pointer(reg, kOut);
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
    case Text: return text(reg);
    case Base: return set(one_of(kBases));
    case Fixed: map_value(reg, kText, 0); return;
    case Format: map_value(reg, kText, kFormats[format_ = pick(3)].offset); return;
    case FormatSize: return set(kFormats[format_].size);
    case Words: return stack_pointer(reg, kBuffer);
    case AllWords: return set(24);
    case WordsSize: return set(chance(95) ? 24 : 8 * pick(3));
    case Address: return address(reg);
    case UserAddress: constant(reg, chance(70) ? kUserMemory + pick(80) : 0); return;
    default: return;
  }
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
