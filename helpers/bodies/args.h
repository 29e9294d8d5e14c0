// The types of helper bodies' parameters. Each stands for one ArgKind of helpers/spec/helpers.def
// (memory with its size: for two), so that a body is checked against its row when compiled, and
// holds what the kernel's verifier would have proved: pointers that can be read or written.
//
// Parameter<T> says for each: how many registers, whether they match the row, and how to take the
// value out of them. Tested by tests/helpers/bind_test.cpp.
#pragma once

#include <array>
#include <type_traits>

#include "helpers/bodies/lock.h"
#include "helpers/contexts/frames.h"
#include "helpers/maps/map.h"
#include "helpers/maps/shared.h"
#include "helpers/spec/proto.h"
#include "isa/diagnostic.h"
#include "isa/run.h"

namespace skep {

// Map&: Map. Integers: Anything, cut to their width as the kernel's BPF_CALL does. Frame&: Context.

struct Key {  // MapKey
  const u8* data;
};
struct Value {  // MapValue
  const u8* data;
};
struct ValueOut {  // UninitMapValue
  u8* data;
};

struct Bytes {  // Mem with Size or SizeOrZero
  const u8* data;
  u64 size;
};
struct MaybeBytes : Bytes {};  // MemOrNull
struct OutBytes {              // UninitMem
  u8* data;
  u64 size;
};
struct MaybeInOutBytes : OutBytes {};  // WriteMemOrNull

struct InOutBytes : OutBytes {};  // WriteMem

template <class T>
struct Out {  // UninitFixedMem(sizeof(T))
  u8* data;
  void set(T value) const { copy_shared(data, reinterpret_cast<const u8*>(&value), sizeof value); }
};

struct Callback {  // Function
  u64 address;
};
struct CallbackContext {  // StackOrNull
  u64 value;
};
struct Text {  // ConstString: has its terminating zero
  const char* data;
};
struct More {  // a register behind the row's arguments, which the kernel's verifier does not look
               // at
  u64 value;
};
struct KernelObject {  // Btf: a pointer to a structure of the kernel, not looked at
  u64 address;
};
struct MaybeKernelObject {  // BtfOrNull
  u64 address;
};
struct PerCpuVariable {  // PerCpuBtf
  u64 address;
};
struct KptrSlot {  // KptrSlot: an aligned word
  u64* data;
};
inline constexpr u32 kDynptrBytes = 16;  // sizeof(struct bpf_dynptr)
struct AnyDynptr {                       // Dynptr(AnyDynptr)
  u8* data;
};
struct NewDynptr {  // UninitDynptr(Local)
  u8* data;
};
struct RecordDynptr {  // Dynptr(Ringbuf)
  u8* data;
};
struct NewRecordDynptr {  // UninitDynptr(Ringbuf)
  u8* data;
};
struct HeldRecord {  // Record: an entry of Run::records
  u32 index;
};

struct ValueLock {  // SpinLock
  u8* word;
};

// One call while its arguments are taken.
struct HelperCall {
  Run& run;
  Map* map = nullptr;  // the map argument, once taken: sizes of keys and values

  bool find(u64 address, u64 size, u8 access) {
    Region found;
    return run.find(address, size, access, found);
  }
  bool fault(Code code, u64 value) {
    run.set_fault(code, value);
    return false;
  }
};

// What programs may do with a map of each type, by number.
inline constexpr auto kMapOps = [] {
  std::array<u32, 64> ops{};
#define MAP(id, name, since, family, rule, may) ops[id] = may;
#include "helpers/spec/maps.def"
  return ops;
}();

// Types that are not in maps.def are a host's own; such a map answers for itself.
inline bool allows(const Map& map, u32 op) {
  const auto type = static_cast<u32>(map.spec().type);
  return type >= kMapOps.size() || (kMapOps[type] & op) == op;
}

// A parameter that is one register of one kind.
template <ArgKind kind>
struct OneRegister {
  static constexpr u32 kRegisters = 1;
  static constexpr bool matches(const Arg* arg) { return arg[0].kind == kind; }
};

// A parameter that is memory and its size.
template <ArgKind kind>
struct SizedMemory {
  static constexpr u32 kRegisters = 2;
  static constexpr bool matches(const Arg* arg) {
    return arg[0].kind == kind &&
           (arg[1].kind == ArgKind::Size || arg[1].kind == ArgKind::SizeOrZero);
  }
};

template <class T>
struct Parameter;

template <class T>
  requires std::is_integral_v<T>
struct Parameter<T> {
  static constexpr u32 kRegisters = 1;
  static constexpr bool matches(const Arg* arg) {
    return arg[0].kind == ArgKind::Anything || arg[0].kind == ArgKind::RecordSize;
  }
  static bool take(HelperCall&, const u64* regs, const Arg*, T& value) {
    value = static_cast<T>(regs[0]);
    return true;
  }
};

template <>
struct Parameter<More> : OneRegister<ArgKind::None> {
  static bool take(HelperCall&, const u64* regs, const Arg*, More& more) {
    more.value = regs[0];
    return true;
  }
};

template <>
struct Parameter<Map*> : OneRegister<ArgKind::Map> {
  static bool take(HelperCall& call, const u64* regs, const Arg* arg, Map*& map) {
    map = call.map = call.run.map(regs[0]);
    return (map != nullptr && allows(*map, arg[0].detail)) ||
           call.fault(Code::bad_map_handle, regs[0]);
  }
};

template <>
struct Parameter<Frame*> : OneRegister<ArgKind::Context> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, Frame*& frame) {
    frame = static_cast<Frame*>(call.run.frame);
    return regs[0] == call.run.context || call.run.mode != Mode::Checked ||
           call.fault(Code::not_context, regs[0]);
  }
};

template <>
struct Parameter<Key> : OneRegister<ArgKind::MapKey> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, Key& key) {
    key.data = reinterpret_cast<const u8*>(regs[0]);
    return call.find(regs[0], call.map->spec().key_size, kRead);
  }
};

template <>
struct Parameter<Value> : OneRegister<ArgKind::MapValue> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, Value& value) {
    value.data = reinterpret_cast<const u8*>(regs[0]);
    return call.find(regs[0], call.map->spec().value_size, kRead);
  }
};

template <>
struct Parameter<ValueOut> : OneRegister<ArgKind::UninitMapValue> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, ValueOut& value) {
    value.data = reinterpret_cast<u8*>(regs[0]);
    return call.find(regs[0], call.map->spec().value_size, kWrite);
  }
};

template <>
struct Parameter<Bytes> : SizedMemory<ArgKind::Mem> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, Bytes& bytes) {
    bytes = {reinterpret_cast<const u8*>(regs[0]), regs[1]};
    return call.find(regs[0], regs[1], kRead);
  }
};

template <>
struct Parameter<MaybeBytes> : SizedMemory<ArgKind::MemOrNull> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, MaybeBytes& bytes) {
    bytes = {{reinterpret_cast<const u8*>(regs[0]), regs[1]}};
    return call.find(regs[0], regs[1], kRead);
  }
};

template <>
struct Parameter<OutBytes> : SizedMemory<ArgKind::UninitMem> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, OutBytes& bytes) {
    bytes = {reinterpret_cast<u8*>(regs[0]), regs[1]};
    return call.find(regs[0], regs[1], kWrite);
  }
};

template <>
struct Parameter<MaybeInOutBytes> : SizedMemory<ArgKind::WriteMemOrNull> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, MaybeInOutBytes& bytes) {
    bytes = {{reinterpret_cast<u8*>(regs[0]), regs[1]}};
    return call.find(regs[0], regs[1], kRead | kWrite);
  }
};

template <>
struct Parameter<InOutBytes> : SizedMemory<ArgKind::WriteMem> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, InOutBytes& bytes) {
    bytes = {{reinterpret_cast<u8*>(regs[0]), regs[1]}};
    return call.find(regs[0], regs[1], kRead | kWrite);
  }
};

// A register that is a pointer of the kernel's: nobody follows it but through mapped memory.
template <class T, ArgKind kind>
struct KernelPointer : OneRegister<kind> {
  static bool take(HelperCall&, const u64* regs, const Arg*, T& object) {
    object.address = regs[0];
    return true;
  }
};
template <>
struct Parameter<KernelObject> : KernelPointer<KernelObject, ArgKind::Btf> {};
template <>
struct Parameter<MaybeKernelObject> : KernelPointer<MaybeKernelObject, ArgKind::BtfOrNull> {};
template <>
struct Parameter<PerCpuVariable> : KernelPointer<PerCpuVariable, ArgKind::PerCpuBtf> {};

template <>
struct Parameter<KptrSlot> : OneRegister<ArgKind::KptrSlot> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, KptrSlot& slot) {
    slot.data = reinterpret_cast<u64*>(regs[0]);
    if (regs[0] % sizeof(u64) != 0) return call.fault(Code::misaligned_atomic, regs[0]);
    return call.find(regs[0], sizeof(u64), kRead | kWrite);
  }
};

template <class T, ArgKind kind, DynptrKind of>
struct DynptrParameter {
  static constexpr u32 kRegisters = 1;
  static constexpr bool matches(const Arg* arg) {
    return arg[0].kind == kind && arg[0].detail == static_cast<u32>(of);
  }
  static bool take(HelperCall& call, const u64* regs, const Arg*, T& dynptr) {
    dynptr.data = reinterpret_cast<u8*>(regs[0]);
    return call.find(regs[0], kDynptrBytes, kRead | kWrite);
  }
};
template <>
struct Parameter<AnyDynptr> : DynptrParameter<AnyDynptr, ArgKind::Dynptr, DynptrKind::AnyDynptr> {};
template <>
struct Parameter<NewDynptr> : DynptrParameter<NewDynptr, ArgKind::UninitDynptr, DynptrKind::Local> {
};
template <>
struct Parameter<RecordDynptr>
    : DynptrParameter<RecordDynptr, ArgKind::Dynptr, DynptrKind::Ringbuf> {};
template <>
struct Parameter<NewRecordDynptr>
    : DynptrParameter<NewRecordDynptr, ArgKind::UninitDynptr, DynptrKind::Ringbuf> {};

template <class T>
struct Parameter<Out<T>> {
  static constexpr u32 kRegisters = 1;
  static constexpr bool matches(const Arg* arg) {
    return arg[0].kind == ArgKind::UninitFixedMem && arg[0].detail == sizeof(T);
  }
  static bool take(HelperCall& call, const u64* regs, const Arg*, Out<T>& out) {
    out.data = reinterpret_cast<u8*>(regs[0]);
    return call.find(regs[0], sizeof(T), kWrite);
  }
};

template <>
struct Parameter<Callback> : OneRegister<ArgKind::Function> {
  static bool take(HelperCall&, const u64* regs, const Arg*, Callback& callback) {
    callback.address = regs[0];  // the engine judges it when it is called
    return true;
  }
};

template <>
struct Parameter<CallbackContext> : OneRegister<ArgKind::StackOrNull> {
  static bool take(HelperCall&, const u64* regs, const Arg*, CallbackContext& context) {
    context.value = regs[0];
    return true;
  }
};

template <>
struct Parameter<Text> : OneRegister<ArgKind::ConstString> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, Text& text) {
    text.data = reinterpret_cast<const char*>(regs[0]);
    if (call.run.mode != Mode::Checked) return true;
    Region found;
    if (!call.run.find(regs[0], 1, kRead, found)) return false;
    const u8* byte = reinterpret_cast<const u8*>(regs[0]);
    for (u64 left = found.base + found.size - regs[0]; left != 0; --left, ++byte) {
      if (load_shared<u8>(byte) == 0) return true;
    }
    return call.fault(Code::unterminated_string, regs[0]);
  }
};

template <>
struct Parameter<ValueLock> : OneRegister<ArgKind::SpinLock> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, ValueLock& lock) {
    lock.word = reinterpret_cast<u8*>(regs[0]);
    return call.run.mode != Mode::Checked ||
           (regs[0] % 4 == 0 && is_value_lock(call.run, regs[0])) ||
           call.fault(Code::bad_lock, regs[0]);
  }
};

template <>
struct Parameter<HeldRecord> : OneRegister<ArgKind::Record> {
  static bool take(HelperCall& call, const u64* regs, const Arg*, HeldRecord& record) {
    const Run& run = call.run;
    for (record.index = 0; record.index < run.record_count; ++record.index) {
      const Region& region = run.records[record.index];
      if (region.cls == AddressClass::Record && region.base == regs[0]) return true;
    }
    return call.fault(Code::bad_record, regs[0]);
  }
};

}  // namespace skep
