// Helper prototypes: what each helper takes and gives, who may call it and since when. The rows are
// helpers/spec/helpers.def; the verifier judges calls by them, bodies are bound to them when
// compiled, and disassembler and documentation have the names from here.
// Tested by tests/helpers/proto_test.cpp.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "helpers/spec/map_spec.h"
#include "helpers/spec/profile.h"
#include "helpers/spec/program_type.h"

namespace skep {

// What one argument is. "Read", "written" is what the helper does with the memory.
enum class ArgKind : u8 {
  None,      // no such argument
  Anything,  // a number, or a pointer as a number
  Map,       // handle of a map that allows `detail` (MapOp)
  MapKey,    // key_size bytes of the map argument, read
  MapValue,  // value_size bytes of it, read
  MapValueOrNull,
  UninitMapValue,  // the same, written
  Mem,             // memory, read; the next argument is its size
  MemOrNull,
  WriteMem,  // memory with contents, read and written
  WriteMemOrNull,
  UninitMem,       // memory that may hold anything, written
  FixedMem,        // `detail` bytes of memory, read
  WriteFixedMem,   // read and written
  UninitFixedMem,  // written
  Size,            // of the memory before, at least 1
  SizeOrZero,
  Context,  // r1 as it was at entry
  ContextOrNull,
  Function,      // a callback
  StackOrNull,   // any pointer to the stack, handed to the callback
  ConstString,   // constant text in a read-only map, with its terminating zero
  Record,        // what bpf_ringbuf_reserve gave
  RecordSize,    // a constant: how much it will give
  Dynptr,        // `detail`: of which kind
  UninitDynptr,  // room for one, on the stack
  Timer,         // in a map value
  SpinLock,      // in a map value or an object
  KptrSlot,      // in a map value or an object
  PerCpuBtf,     // a per-CPU variable of the kernel
  SockCommon,    // pointers to sockets
  BtfSockCommon,
  BtfSockCommonOrNull,
  Btf,  // pointer to the kernel structure `btf`
  BtfOrNull,
};

enum class DynptrKind : u8 { AnyDynptr, Local, Ringbuf };

struct Arg {
  ArgKind kind = ArgKind::None;
  bool releases = false;  // the helper takes it away
  u32 detail = 0;         // MapOp bits, bytes, or DynptrKind
  std::string_view btf;
};

enum class RetKind : u8 {
  Void,
  Integer,
  MapValue,
  MapValueOrNull,
  RecordOrNull,     // memory of the RecordSize argument
  DynptrMemOrNull,  // memory of a dynptr
  SocketOrNull,
  SockCommonOrNull,
  TcpSockOrNull,
  PerCpu,  // this CPU's copy of the PerCpuBtf argument
  PerCpuOrNull,
  KptrOrNull,  // what was in the KptrSlot argument
  Btf,         // pointer to the kernel structure `btf`
  BtfOrNull,
};

struct Ret {
  RetKind kind = RetKind::Void;
  std::string_view btf;
};

namespace helper_flags {
inline constexpr u16 Gpl = 1 << 0, PacketAccess = 1 << 1, InvalidatesPacket = 1 << 2,
                     MayCall = 1 << 3, CallsLater = 1 << 4, Acquires = 1 << 5, MaySleep = 1 << 6,
                     KeepsRegisters = 1 << 7;
}

struct HelperProto {
  u32 id = 0;
  std::string_view name;  // without bpf_
  Version since;
  TypeSet where;
  Ret returns;
  std::array<Arg, 5> args;  // by register, r1 first
  u16 flags = 0;

  constexpr bool has(u16 flag) const { return (flags & flag) != 0; }
  constexpr u32 arg_count() const {
    u32 count = 0;
    while (count < args.size() && args[count].kind != ArgKind::None) ++count;
    return count;
  }
};

// The words that rows are written in.
namespace helper_words {

#define SKEP_PLAIN_ARG(name) inline constexpr Arg name{ArgKind::name, false, 0, {}};
SKEP_PLAIN_ARG(Anything)
SKEP_PLAIN_ARG(MapKey)
SKEP_PLAIN_ARG(MapValue)
SKEP_PLAIN_ARG(MapValueOrNull)
SKEP_PLAIN_ARG(UninitMapValue)
SKEP_PLAIN_ARG(Mem)
SKEP_PLAIN_ARG(MemOrNull)
SKEP_PLAIN_ARG(WriteMem)
SKEP_PLAIN_ARG(WriteMemOrNull)
SKEP_PLAIN_ARG(UninitMem)
SKEP_PLAIN_ARG(Size)
SKEP_PLAIN_ARG(SizeOrZero)
SKEP_PLAIN_ARG(Context)
SKEP_PLAIN_ARG(ContextOrNull)
SKEP_PLAIN_ARG(Function)
SKEP_PLAIN_ARG(StackOrNull)
SKEP_PLAIN_ARG(ConstString)
SKEP_PLAIN_ARG(Record)
SKEP_PLAIN_ARG(RecordSize)
SKEP_PLAIN_ARG(Timer)
SKEP_PLAIN_ARG(SpinLock)
SKEP_PLAIN_ARG(KptrSlot)
SKEP_PLAIN_ARG(PerCpuBtf)
SKEP_PLAIN_ARG(SockCommon)
SKEP_PLAIN_ARG(BtfSockCommon)
SKEP_PLAIN_ARG(BtfSockCommonOrNull)
#undef SKEP_PLAIN_ARG

constexpr Arg Map(u32 op) {
  return {ArgKind::Map, false, op, {}};
}
constexpr Arg FixedMem(u32 bytes) {
  return {ArgKind::FixedMem, false, bytes, {}};
}
constexpr Arg WriteFixedMem(u32 bytes) {
  return {ArgKind::WriteFixedMem, false, bytes, {}};
}
constexpr Arg UninitFixedMem(u32 bytes) {
  return {ArgKind::UninitFixedMem, false, bytes, {}};
}
constexpr Arg Btf(std::string_view name) {
  return {ArgKind::Btf, false, 0, name};
}
constexpr Arg BtfOrNull(std::string_view name) {
  return {ArgKind::BtfOrNull, false, 0, name};
}
constexpr Arg Dynptr(DynptrKind kind) {
  return {ArgKind::Dynptr, false, static_cast<u32>(kind), {}};
}
constexpr Arg UninitDynptr(DynptrKind kind) {
  return {ArgKind::UninitDynptr, false, static_cast<u32>(kind), {}};
}
constexpr Arg Release(Arg arg) {
  arg.releases = true;
  return arg;
}

}  // namespace helper_words

namespace helper_returns {

#define SKEP_PLAIN_RET(name) inline constexpr Ret name{RetKind::name, {}};
SKEP_PLAIN_RET(Void)
SKEP_PLAIN_RET(Integer)
SKEP_PLAIN_RET(MapValue)
SKEP_PLAIN_RET(MapValueOrNull)
SKEP_PLAIN_RET(RecordOrNull)
SKEP_PLAIN_RET(DynptrMemOrNull)
SKEP_PLAIN_RET(SocketOrNull)
SKEP_PLAIN_RET(SockCommonOrNull)
SKEP_PLAIN_RET(TcpSockOrNull)
SKEP_PLAIN_RET(PerCpu)
SKEP_PLAIN_RET(PerCpuOrNull)
SKEP_PLAIN_RET(KptrOrNull)
#undef SKEP_PLAIN_RET

constexpr Ret Btf(std::string_view name) {
  return {RetKind::Btf, name};
}
constexpr Ret BtfOrNull(std::string_view name) {
  return {RetKind::BtfOrNull, name};
}

}  // namespace helper_returns

namespace helper_words {

// All rows, by id; entry 0 is no helper.
inline constexpr auto kRows = [] {
  using namespace where;
  using namespace helper_flags;
  using enum DynptrKind;
  auto rows = std::to_array<HelperProto>({
      {},
#define HELPER(id, name, since, types, returns, ...) \
  {id, #name, since, types, helper_returns::returns, {__VA_ARGS__}, 0},
#include "helpers/spec/helpers.def"
  });
#define FLAGS(id, bits) rows[id].flags = bits;
#include "helpers/spec/helpers.def"
  return rows;
}();

}  // namespace helper_words

inline constexpr u32 kHelperCount = helper_words::kRows.size() - 1;

constexpr const HelperProto* find_helper(u32 id) {
  return id == 0 || id > kHelperCount ? nullptr : &helper_words::kRows[id];
}
// By name, with or without "bpf_".
constexpr const HelperProto* find_helper(std::string_view name) {
  if (name.starts_with("bpf_")) name.remove_prefix(4);
  for (u32 id = 1; id <= kHelperCount; ++id) {
    if (helper_words::kRows[id].name == name) return &helper_words::kRows[id];
  }
  return nullptr;
}
std::span<const HelperProto> helpers();  // by id, from 1

// The prototype as programs of this type see it, which differs for a few helpers.
const HelperProto* find_helper(u32 id, ProgramType type);

// Whether programs of this type and attach type may call the helper on this kernel.
bool may_call(const HelperProto& helper, ProgramType type, AttachType attach_type,
              const KernelProfile& profile);

}  // namespace skep
