// Runs from begin to end, for every engine of ours. Tested by tests/filetests/run/entry.test.

#include "vm/engine.h"

#include <chrono>

#include "helpers/bodies/bind.h"
#include "helpers/bodies/env.h"
#include "helpers/contexts/access.h"
#include "helpers/contexts/frames.h"
#include "helpers/maps/map.h"
#include "isa/arith.h"
#include "isa/diagnostic.h"

namespace skep {
namespace {

// What one run needs beside its Run; too big to be cleared each time.
struct Workspace {
  alignas(16) u8 stack[kMaxFrames * kStackSize];
  alignas(Region) u8 records[kMaxRecords * sizeof(Region)];
};

// Why a run did not get its CPU.
std::string busy_text(const CpuSlots& slots, u32 wanted) {
  std::string why = fmt::format("CPU {} has a run on it", wanted);
  if (wanted == kAnyCpu) {
    why = fmt::format("all {} CPUs have runs on them", slots.count());
  } else if (wanted >= slots.count()) {
    why = fmt::format("there is no CPU {} of {}", wanted, slots.count());
  }
  return make_error<Code::cpu_busy>(why).text;
}

RunResult refused(Code code, std::string text) {
  RunResult result;
  result.fault.set = true;
  result.fault.code = code;
  result.message = std::move(text);
  return result;
}

u64 load_own(u64 address, u32 size) {
  switch (size) {
    case 1: return load_relaxed<u8>(address);
    case 2: return load_relaxed<u16>(address);
    case 4: return load_relaxed<u32>(address);
    default: return load_relaxed<u64>(address);
  }
}

void store_own(u64 address, u32 size, u64 value) {
  switch (size) {
    case 1: return store_relaxed<u8>(address, static_cast<u8>(value));
    case 2: return store_relaxed<u16>(address, static_cast<u16>(value));
    case 4: return store_relaxed<u32>(address, static_cast<u32>(value));
    default: return store_relaxed<u64>(address, value);
  }
}

bool load_field(Run& run, u64 offset, u32 size, bool sign_extend, u64& value) {
  if (context_load(run, offset, size, sign_extend, value)) return true;
  run.set_fault(Code::bad_context_access, offset, size, kRead);
  return false;
}

// load_through_kernel() of what is no context; not extended.
bool load_kernel_memory(Run& run, u64 address, u32 size, u64& value) {
  constexpr u64 kMadeUp = kKernelBase + (u64{1} << 48) - kContextBase;
  const bool kernel_half = address >> 63 != 0;  // where nothing of ours ever is
  Region own;
  value = 0;
  if (!kernel_half && run.probe(run, address, size, kRead, own)) {
    value = load_own(address, size);
    return true;
  }
  const std::span<u8> bytes(reinterpret_cast<u8*>(&value), size);
  if (own.size == 0 && read_mapped(*run.env, address, false, bytes)) return true;
  value = 0;
  if (own.size == 0 && address - kContextBase >= kMadeUp) return true;
  run.set_fault(Code::bad_access, address, size, kRead);
  run.fault.cls = own.cls;
  run.fault.base = own.base;
  run.fault.bound = own.base + own.size;
  return false;
}

}  // namespace

EngineProgram::EngineProgram(std::shared_ptr<const Image> image, std::span<Map* const> maps,
                             Mode mode)
    : image_(std::move(image)), maps_(maps.begin(), maps.end()), mode_(mode) {
  for (Map* map : maps) {
    if (map->active_runs() != nullptr) active_runs_ = map->active_runs();
  }
}

void EngineProgram::become_current(Run& run) const {
  run.image = image_.get();
  run.maps = maps_.data();
  run.map_count = static_cast<u32>(maps_.size());
}

RunResult run_program(Run& run, Frame& frame, const RunOptions& options,
                      const EngineProgram& program, Enter enter, void* user) {
  if (options.env == nullptr) {
    return refused(Code::no_environment, make_error<Code::no_environment>().text);
  }
  const CpuClaim claim(options.env->slots, options.cpu);
  if (!claim.cpu()) return refused(Code::cpu_busy, busy_text(*options.env->slots, options.cpu));
  RunResult result;
  Workspace workspace;  // not initialised: frames are cleared when they are opened
  run.mode = program.mode();
  run.cpu = *claim.cpu();
  run.env = options.env;
  run.stack = workspace.stack;
  run.records = reinterpret_cast<Region*>(workspace.records);
  run.probe = probe_region;
  run.budget = options.budget;
  program.become_current(run);

  const auto begin = std::chrono::steady_clock::now();
  for (u32 i = 0; i < options.repeat && !run.fault.set; ++i) {
    const ActiveRuns::Run active(program.active_runs(), run.cpu);  // keeps what it tail-calls alive
    if (auto ok = prepare(frame, run); !ok) {
      run.set_fault(ok.error().code);
      result.message = std::move(ok).error().text;
      break;
    }
    if (i > 0) run.forget(run);
    run.tail_calls = 0;
    run.depth = 0;
    run.record_count = 0;
    result.r0 = enter(run, program, user);
    if (holds_something(run)) release_held(run);
    if (run.inner_maps.maps != nullptr) forget_inner_maps(run);
    if (run.fault.set) break;  // in the program that runs now
    program.become_current(run);
  }
  const auto spent = std::chrono::steady_clock::now() - begin;
  result.nanoseconds =
      static_cast<u64>(std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count());
  result.insns = static_cast<u64>(options.budget - run.budget);
  if (run.fault.code == Code::budget_spent) run.fault.size = static_cast<u64>(options.budget);
  result.fault = run.fault;
  if (run.fault.set) {
    result.r0 = 0;
    result.image = run.image;
    if (result.message.empty()) result.message = describe(run, run.fault);
  }
  return result;
}

bool on_own_frame(u8 base, const Decoded& insn) {
  return base == kFrameReg && insn.off >= -static_cast<i32>(kStackSize) &&
         insn.off + insn.size <= 0;
}

const Callable* tail_target(Run& run, u64 handle, u64 index) {
  Map* map = run.map(handle);
  if (map == nullptr || map->spec().type != MapType::prog_array) {
    run.set_fault(Code::bad_map_handle, handle);
    return nullptr;
  }
  if (run.tail_calls >= kMaxTailCalls) return nullptr;
  const Callable* target = map->target(static_cast<u32>(index));
  if (target == nullptr || target->image->type != run.image->type) return nullptr;
  ++run.tail_calls;
  if (holds_something(run)) release_held(run);  // the next program has other maps
  return target;
}

bool load_checked(Run& run, u64 address, u32 size, bool sign_extend, bool may_be_context,
                  u64& value, Region& found) {
  if (may_be_context && in_context(run, address)) {
    found = {};
    return load_field(run, address - kContextBase, size, sign_extend, value);
  }
  if (!run.find(address, size, kRead, found)) return false;
  value = load_own(address, size);
  if (sign_extend) value = sign_extended(value, 8 * size);
  return true;
}

bool store_checked(Run& run, u64 address, u32 size, bool may_be_context, u64 value, Region& found) {
  if (may_be_context && in_context(run, address)) {
    found = {};
    const u64 offset = address - kContextBase;
    if (context_store(run, offset, size, value)) return true;
    run.set_fault(Code::bad_context_access, offset, size, kWrite);
    return false;
  }
  if (!run.find(address, size, kWrite, found)) return false;
  store_own(address, size, value);
  return true;
}

bool load_through_kernel(Run& run, u64 address, u32 size, bool sign_extend, u64& value) {
  if (in_context(run, address)) {
    return load_field(run, address - kContextBase, size, sign_extend, value);
  }
  if (!load_kernel_memory(run, address, size, value)) return false;
  if (sign_extend) value = sign_extended(value, 8 * size);
  return true;
}

bool load_packet(const Run& run, i32 offset, u32 size, u64& value) {
  constexpr i32 kLinkOffset = -0x200000;
  constexpr i32 kNetOffset = -0x100000;
  constexpr u64 kLinkHeader = 14;
  if (run.packet == nullptr) return false;
  const u64 length = static_cast<u64>(run.packet->end - run.packet->data);
  u64 at = static_cast<u64>(offset);
  if (offset < 0) {
    if (offset >= kNetOffset) {
      at = static_cast<u64>(offset - kNetOffset) + kLinkHeader;
    } else if (offset >= kLinkOffset) {
      at = static_cast<u64>(offset - kLinkOffset);
    } else {
      return false;
    }
  }
  if (at > length || size > length - at) return false;
  value = 0;
  for (u32 i = 0; i < size; ++i) value = value << 8 | run.packet->data[at + i];
  return true;
}

}  // namespace skep
