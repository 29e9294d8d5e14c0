// What emitted code calls: the slow halves of accesses, contexts, calls that are no plain helpers,
// faults. The meaning is the interpreter's, by the same functions (vm/engine.h). Tested by
// tests/vm/jit_test.cpp, and by whatever runs on all engines.

#include "helpers/bodies/bind.h"
#include "helpers/contexts/access.h"
#include "helpers/spec/image.h"
#include "isa/diagnostic.h"
#include "vm/jit_program.h"

namespace skep {
namespace {

using jit::State;
using jit::TailResult;

const JitProgram& program_of(const State& state) {
  return *static_cast<const JitProgram*>(state.program);
}

Pc pc_of(u64 pc) {
  return {static_cast<u32>(pc)};
}

// Emitted code gives sizes with 0x80 for "sign-extended".
u32 size_of(u64 shape) {
  return static_cast<u32>(shape & 15);
}
bool is_signed(u64 shape) {
  return (shape & 0x80) != 0;
}

void remember(State& state, u8 access, u8 number, const Region& region) {
  const bool write = (access & kWrite) != 0;
  jit::Hint& hint = write ? state.writes[number] : state.reads[number];
  hint.base = region.base;
  for (int k = 0; k < 4; ++k) {
    const u64 bytes = u64{1} << k;
    hint.limit[k] = region.size >= bytes ? region.size - bytes + 1 : 0;
  }
  const u32 bit = 1u << (write ? 16 + number : number);
  state.hinted |= bit;
  state.stack_hints &= ~bit;
  if (region.cls == AddressClass::Stack) state.stack_hints |= bit;
}

void access(State& state, u64 index) {
  const jit::Site& site = program_of(state).compiled().sites[index];
  Run& run = state.run;
  run.pc = site.pc;
  Region found;
  bool good = false;
  switch (site.kind) {
    case jit::Site::Kind::Load:
      good = load_checked(run, state.address, site.size, site.sign_extend, site.may_be_context,
                          state.value, found);
      break;
    case jit::Site::Kind::Store:
      good = store_checked(run, state.address, site.size, site.may_be_context, state.value, found);
      break;
    case jit::Site::Kind::Judge:
      good = run.find(state.address, site.size, site.access, found);
      break;
  }
  if (good && found.size != 0) remember(state, site.access, site.hint, found);
}

void guard(State& state, u64 index) {
  const jit::Compiled& compiled = program_of(state).compiled();
  const jit::GuardSite& site = compiled.guards[index];
  Run& run = state.run;
  Region found;
  for (u32 i = 0; i < site.parts; ++i) {
    const jit::SitePart& part = compiled.parts[site.first + i];
    run.pc = part.pc;
    const u64 address = state.address + static_cast<u64>(static_cast<i64>(part.disp));
    if (!run.find(address, part.size, part.access, found)) return;
  }
  const bool whole = found.holds(state.address, site.size);
  if (whole && (found.access & site.access) == site.access) {
    remember(state, site.access, site.hint, found);
  }
}

u64 load_context(State& state, u64 offset, u64 shape, u64 pc) {
  u64 value = 0;
  if (!context_load(state.run, offset, size_of(shape), is_signed(shape), value)) {
    state.run.pc = pc_of(pc);
    state.run.set_fault(Code::bad_context_access, offset, size_of(shape), kRead);
  }
  return value;
}

void store_context(State& state, u64 offset, u64 size, u64 value, u64 pc) {
  if (context_store(state.run, offset, static_cast<u32>(size), value)) return;
  state.run.pc = pc_of(pc);
  state.run.set_fault(Code::bad_context_access, offset, size, kWrite);
}

u64 load_kernel(State& state, u64 address, u64 shape, u64 pc) {
  state.run.pc = pc_of(pc);
  u64 value = 0;
  load_through_kernel(state.run, address, size_of(shape), is_signed(shape), value);
  return value;
}

u64 load_packet_or_ones(State& state, u64 offset, u64 size) {
  u64 value = 0;
  const bool there =
      load_packet(state.run, static_cast<i32>(offset), static_cast<u32>(size), value);
  return there ? value : ~u64{0};
}

void check_code(State& state, u64 address, u64 pc) {
  const Program& code = program_of(state).image().program;
  const Subprogram& here = code.subprogram_of(pc_of(pc));
  const u64 target = address - kFunctionBase;
  if (target >= here.first.value && target < here.end.value &&
      !code.at(pc_of(target)).second_slot) {
    return;
  }
  state.run.pc = pc_of(pc);
  state.run.set_fault(Code::bad_code_address, address);
}

u64 call_host(State& state, u64 helper, u64 pc) {
  state.run.pc = pc_of(pc);
  u64 args[5];
  std::memcpy(args, state.arguments, sizeof args);
  return call_host_helper(state.run, *reinterpret_cast<const HostHelper*>(helper), args);
}

u64 call_indirect(State& state, u64 target, u64 pc) {
  const JitProgram& program = program_of(state);
  Run& run = state.run;
  run.pc = pc_of(pc);
  u64 args[5];
  std::memcpy(args, state.arguments, sizeof args);
  if (const u32 function = program.function_at(target); function != JitProgram::kNoFunction) {
    const u64 r0 = program.enter(state, function, args);
    if (!run.fault.set) resume(state, program);
    return r0;
  }
  HelperUse use;
  if (target <= UINT32_MAX) use = find_helper_use(program.image(), static_cast<u32>(target));
  if (use.entry != nullptr) return use.entry(run, args[0], args[1], args[2], args[3], args[4]);
  if (use.host != nullptr) return call_host_helper(run, *use.host, args);
  run.set_fault(use.forbidden ? Code::helper_not_allowed : Code::bad_code_address, target);
  return 0;
}

TailResult tail_call(State& state, u64 handle, u64 index, u64 pc) {
  const JitProgram& program = program_of(state);
  Run& run = state.run;
  run.pc = pc_of(pc);
  const Callable* target = tail_target(run, handle, index & 0xffffffff);
  if (target == nullptr) return {TailResult::kFailed, kTailCallFailed};
  --run.depth;  // the target takes this function's frame
  if (target->enter == &enter_jit) {
    const JitProgram* next = static_cast<const JitCallable*>(target)->program;
    if (next->mode() == program.mode()) {
      next->become_current(state);
      forget_hints(state);  // what is known of the old program's maps is not for the new one
      return {next->address_of(0), 0};
    }
  }
  const u64 r0 = target->enter(run, *target);
  ++run.depth;
  if (run.fault.set) return {TailResult::kDone, 0};  // in the program that runs now
  program.become_current(state);
  forget_hints(state);
  return {TailResult::kDone, r0};
}

void set_fault(State& state, u64 code, u64 address, u64 size_and_access, u64 pc) {
  state.run.pc = pc_of(pc);
  state.run.set_fault(static_cast<Code>(code), address, static_cast<u32>(size_and_access),
                      static_cast<u8>(size_and_access >> 32));
}

void out_of_budget(State& state, u64 cost, u64 pc) {
  state.run.budget += static_cast<i64>(cost);
  state.run.pc = pc_of(pc);
  state.run.set_fault(Code::budget_spent);
}

void too_many_frames(State& state, u64 pc) {
  if (pc != jit::kKeepPc) state.run.pc = pc_of(pc);
  state.run.set_fault(Code::too_many_frames);
}

void forget_frame(State& state) {
  const u64 base = reinterpret_cast<u64>(state.run.stack + state.run.depth * kStackSize);
  for (u32 i = 0; i < 32; ++i) {
    if ((state.stack_hints >> i & 1) == 0) continue;
    jit::Hint& hint = i < 16 ? state.reads[i] : state.writes[i - 16];
    if (hint.base != base) continue;
    hint = {};
    state.hinted &= ~(1u << i);
    state.stack_hints &= ~(1u << i);
  }
}

void resume_program(State& state, u64 program) {
  resume(state, *reinterpret_cast<const JitProgram*>(program));
}

}  // namespace

void forget_hints(State& state) {
  for (u32 i = 0; i < 32; ++i) {
    if ((state.hinted >> i & 1) != 0) (i < 16 ? state.reads[i] : state.writes[i - 16]) = {};
  }
  state.hinted = 0;
  state.stack_hints = 0;
}

void resume(State& state, const JitProgram& program) {
  if (state.program == &program) return;
  program.become_current(state);
  forget_hints(state);
}

const jit::Runtime kJitRuntime = {
    .access = access,
    .guard = guard,
    .load_context = load_context,
    .store_context = store_context,
    .load_kernel = load_kernel,
    .load_packet = load_packet_or_ones,
    .check_code = check_code,
    .call_host = call_host,
    .call_indirect = call_indirect,
    .tail_call = tail_call,
    .fault = set_fault,
    .out_of_budget = out_of_budget,
    .too_many_frames = too_many_frames,
    .forget_frame = forget_frame,
    .resume = resume_program,
};

}  // namespace skep
