// Handlers of loads, stores and atomics. Checked ones compare the address with the region that the
// base register fell into last (Hint); what misses it goes through Run::find, out of line.
// Tested by tests/vm/rows_test.cpp and tests/filetests/run/faults.test.

#include <bit>
#include <type_traits>

#include "helpers/contexts/access.h"
#include "isa/arith.h"
#include "vm/engine.h"
#include "vm/handlers.h"

namespace skep {
namespace {

template <class T>
constexpr int kLog2 = std::countr_zero(sizeof(T));

inline u64 address_of(u64 base, const Step* step) {
  return base + static_cast<u64>(static_cast<i64>(step->off));
}

template <class T>
inline bool hit(const Hint& hint, u64 address) {
  return address - hint.base < hint.limit[kLog2<T>];
}

void remember(Exec& exec, bool write, u8 base_reg, const Region& region) {
  Hint& hint = write ? exec.writes[base_reg] : exec.reads[base_reg];
  hint.base = region.base;
  for (int k = 0; k < 4; ++k) {
    const u64 bytes = u64{1} << k;
    hint.limit[k] = region.size >= bytes ? region.size - bytes + 1 : 0;
  }
  const u32 bit = 1u << (write ? 16 + base_reg : base_reg);
  exec.hinted |= bit;
  exec.stack_hints &= ~bit;
  if (region.cls == AddressClass::Stack) exec.stack_hints |= bit;
}

// The access missed its hint. True if `address` may be used; else a fault is set.
bool find_slowly(Exec& exec, const Step* step, u64 address, u32 size, u8 access, u8 base_reg) {
  Run& run = *exec.run;
  run.pc = {step->pc};
  if (run.mode != Mode::Checked) return true;
  Region region;
  if (!run.find(address, size, access, region)) return false;
  remember(exec, (access & kWrite) != 0, base_reg, region);
  return true;
}

const Step* fault_in_context(const Step* step, Exec* exec, i64 budget, u64 offset, u32 size,
                             u8 access) {
  exec->run->pc = {step->pc};
  exec->run->set_fault(Code::bad_context_access, offset, size, access);
  return stop(exec, budget);
}

template <class T>
[[gnu::noinline]] const Step* load_slowly(const Step* step, Exec* exec, i64 budget) {
  const u64 address = address_of(exec->regs[step->src], step);
  u64& dst = exec->regs[step->dst];
  if (step->size != 0 && in_context(*exec->run, address)) {
    const u64 offset = address - kContextBase;
    if (!context_load(*exec->run, offset, sizeof(T), std::is_signed_v<T>, dst)) {
      return fault_in_context(step, exec, budget, offset, sizeof(T), kRead);
    }
  } else {
    if (!find_slowly(*exec, step, address, sizeof(T), kRead, step->src)) return stop(exec, budget);
    dst = static_cast<u64>(static_cast<i64>(load_relaxed<T>(address)));
  }
  return leave(step + 1, exec, budget);
}

template <class T, bool kFromImm>
[[gnu::noinline]] const Step* store_slowly(const Step* step, Exec* exec, i64 budget) {
  const u64 address = address_of(exec->regs[step->dst], step);
  const u64 value = kFromImm ? static_cast<u64>(step->imm) : exec->regs[step->src];
  if (step->size != 0 && in_context(*exec->run, address)) {
    const u64 offset = address - kContextBase;
    if (!context_store(*exec->run, offset, sizeof(T), value)) {
      return fault_in_context(step, exec, budget, offset, sizeof(T), kWrite);
    }
  } else {
    if (!find_slowly(*exec, step, address, sizeof(T), kWrite, step->dst)) return stop(exec, budget);
    store_relaxed<T>(address, static_cast<T>(value));
  }
  return leave(step + 1, exec, budget);
}

template <class T, bool kChecked>
struct LoadFrom {
  template <int D, int S>
  static const Step* run(const Step* step, Exec* exec, i64 budget) {
    const u64 address = address_of(reg<S>(exec, step->src), step);
    if constexpr (kChecked) {
      const Hint& hint = exec->reads[S == kAny ? step->src : S];
      if (!hit<T>(hint, address)) [[unlikely]]
        return load_slowly<T>(step, exec, budget);
    }
    reg<D>(exec, step->dst) = static_cast<u64>(static_cast<i64>(load_relaxed<T>(address)));
    return go_on(step + 1, exec, budget);
  }
};

template <class T, bool kChecked>
struct StoreTo {
  template <int D, int S>
  static const Step* run(const Step* step, Exec* exec, i64 budget) {
    const u64 address = address_of(reg<D>(exec, step->dst), step);
    if constexpr (kChecked) {
      const Hint& hint = exec->writes[D == kAny ? step->dst : D];
      if (!hit<T>(hint, address)) [[unlikely]]
        return store_slowly < T, S == kImm > (step, exec, budget);
    }
    if constexpr (S == kImm) {
      store_relaxed<T>(address, static_cast<T>(step->imm));
    } else {
      store_relaxed<T>(address, static_cast<T>(reg<S>(exec, step->src)));
    }
    return go_on(step + 1, exec, budget);
  }
};

// An atomic's address: aligned in every mode, and one region's in the checked one.
template <class T, bool kChecked>
bool atomic_address(Exec* exec, const Step* step, u64 address, u8 access, u8 base_reg) {
  if (address % sizeof(T) != 0) {
    exec->run->pc = {step->pc};
    exec->run->set_fault(Code::misaligned_atomic, address, sizeof(T), access);
    return false;
  }
  const Hint& hint = access & kWrite ? exec->writes[base_reg] : exec->reads[base_reg];
  return !kChecked || hit<T>(hint, address) ||
         find_slowly(*exec, step, address, sizeof(T), access, base_reg);
}

// Where the old value goes: the column `fetch` of the ATOMIC rows.
enum class Fetch : u8 { None, Src, R0 };

// All are sequentially consistent: more than the ones that fetch nothing need, and on both machines
// what their single instruction gives anyway.
template <Op op, class T, Fetch fetch, bool kChecked>
const Step* atomic(const Step* step, Exec* exec, i64 budget) {
  u64* regs = exec->regs;
  const u64 address = address_of(regs[step->dst], step);
  if (!atomic_address<T, kChecked>(exec, step, address, kRead | kWrite, step->dst)) {
    return stop(exec, budget);
  }
  T* memory = reinterpret_cast<T*>(address);
  const T src = static_cast<T>(regs[step->src]);
  T old = __atomic_load_n(memory, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(memory, &old,
                                      atomic_result<T>(op, old, src, static_cast<T>(regs[0])), true,
                                      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
  }
  if constexpr (fetch == Fetch::Src) regs[step->src] = old;
  if constexpr (fetch == Fetch::R0) regs[0] = old;
  return leave(step + 1, exec, budget);
}

template <class T, bool kChecked>
const Step* load_acquire(const Step* step, Exec* exec, i64 budget) {
  const u64 address = address_of(exec->regs[step->src], step);
  if (!atomic_address<T, kChecked>(exec, step, address, kRead, step->src))
    return stop(exec, budget);
  exec->regs[step->dst] = __atomic_load_n(reinterpret_cast<const T*>(address), __ATOMIC_ACQUIRE);
  return leave(step + 1, exec, budget);
}

template <class T, bool kChecked>
const Step* store_release(const Step* step, Exec* exec, i64 budget) {
  const u64 address = address_of(exec->regs[step->dst], step);
  if (!atomic_address<T, kChecked>(exec, step, address, kWrite, step->dst))
    return stop(exec, budget);
  __atomic_store_n(reinterpret_cast<T*>(address), static_cast<T>(exec->regs[step->src]),
                   __ATOMIC_RELEASE);
  return leave(step + 1, exec, budget);
}

template <bool kChecked>
Handler load(const Decoded& insn) {
  switch (insn.size) {
    case 1: return for_regs<LoadFrom<u8, kChecked>>(insn.dst, insn.src);
    case 2: return for_regs<LoadFrom<u16, kChecked>>(insn.dst, insn.src);
    case 4: return for_regs<LoadFrom<u32, kChecked>>(insn.dst, insn.src);
    default: return for_regs<LoadFrom<u64, kChecked>>(insn.dst, insn.src);
  }
}

template <bool kChecked>
Handler load_signed(const Decoded& insn) {
  switch (insn.size) {
    case 1: return for_any_dst<LoadFrom<i8, kChecked>, kAny>();
    case 2: return for_any_dst<LoadFrom<i16, kChecked>, kAny>();
    default: return for_any_dst<LoadFrom<i32, kChecked>, kAny>();
  }
}

template <bool kChecked>
Handler store(const Decoded& insn) {
  switch (insn.size) {
    case 1: return for_regs<StoreTo<u8, kChecked>>(insn.dst, insn.src);
    case 2: return for_regs<StoreTo<u16, kChecked>>(insn.dst, insn.src);
    case 4: return for_regs<StoreTo<u32, kChecked>>(insn.dst, insn.src);
    default: return for_regs<StoreTo<u64, kChecked>>(insn.dst, insn.src);
  }
}

template <bool kChecked>
Handler store_imm(const Decoded& insn) {
  switch (insn.size) {
    case 1: return for_dst<StoreTo<u8, kChecked>, kImm>(insn.dst);
    case 2: return for_dst<StoreTo<u16, kChecked>, kImm>(insn.dst);
    case 4: return for_dst<StoreTo<u32, kChecked>, kImm>(insn.dst);
    default: return for_dst<StoreTo<u64, kChecked>, kImm>(insn.dst);
  }
}

template <bool kChecked>
Handler ordered(const Decoded& insn) {
  const bool load = insn.op == Op::LoadAcquire;
  switch (insn.size) {
    case 1: return load ? &load_acquire<u8, kChecked> : &store_release<u8, kChecked>;
    case 2: return load ? &load_acquire<u16, kChecked> : &store_release<u16, kChecked>;
    case 4: return load ? &load_acquire<u32, kChecked> : &store_release<u32, kChecked>;
    default: return load ? &load_acquire<u64, kChecked> : &store_release<u64, kChecked>;
  }
}

template <bool kChecked>
Handler memory(const Decoded& insn) {
  switch (insn.op) {
    case Op::Load: return load<kChecked>(insn);
    case Op::LoadSigned: return load_signed<kChecked>(insn);
    case Op::Store: return store<kChecked>(insn);
    case Op::StoreImm: return store_imm<kChecked>(insn);
#define ATOMIC(name, imm, sizes, since, symbol, fetch, meaning)            \
  case Op::name:                                                           \
    return insn.size == 8 ? &atomic<Op::name, u64, Fetch::fetch, kChecked> \
                          : &atomic<Op::name, u32, Fetch::fetch, kChecked>;
#define ORDERED(name, ...) \
  case Op::name: return ordered<kChecked>(insn);
#include "isa/insn.def"
    default: return nullptr;
  }
}

}  // namespace

Handler memory_handler(const Decoded& insn, bool checked) {
  return checked ? memory<true>(insn) : memory<false>(insn);
}

}  // namespace skep
