// Handlers of jumps, calls, exits, context fields and packet loads: one each, none of them short
// enough to gain by fixed registers. Tested by tests/vm/rows_test.cpp.

#include "helpers/bodies/bind.h"
#include "helpers/contexts/access.h"
#include "vm/engine.h"
#include "vm/handlers.h"

namespace skep {
namespace {

const Step* fault(const Step* step, Exec* exec, i64 budget, Code code, u64 address = 0,
                  u64 size = 0, u8 access = 0) {
  exec->run->pc = {step->pc};
  exec->run->set_fault(code, address, size, access);
  return stop(exec, budget);
}

void clear_arguments(Exec* exec) {
  for (int i = 1; i <= 5; ++i) exec->regs[i] = 0;
}

// ---- jumps ----------------------------------------------------------------------------------

const Step* jump(const Step* step, Exec* exec, i64 budget) {
  return enter_block(target_of(step), exec, budget);
}

const Step* charge(const Step* step, Exec* exec, i64 budget) {
  budget -= step->cost;
  if (budget < 0) [[unlikely]]
    return out_of_budget(step, exec, budget);
  return go_on(step + 1, exec, budget);
}

const Step* may_goto(const Step* step, Exec* exec, i64 budget) {
  if (exec->loops == 0) return enter_block(target_of(step), exec, budget);
  --exec->loops;
  return enter_block(step + 1, exec, budget);
}

const Step* gotox(const Step* step, Exec* exec, i64 budget) {
  const u64 address = exec->regs[step->dst];
  const u64 pc = address - kFunctionBase;
  const Program& code = exec->program->image().program;
  const Subprogram& here = code.subprogram_of({step->pc});
  if (pc < here.first.value || pc >= here.end.value ||
      code.at({static_cast<u32>(pc)}).second_slot) {
    return fault(step, exec, budget, Code::bad_code_address, address);
  }
  return enter_block(exec->program->code().at({static_cast<u32>(pc)}), exec, budget);
}

const Step* trace(const Step* step, Exec* exec, i64 budget) {
  if (exec->trace != nullptr) {
    exec->trace(exec->trace_user, Pc{step->pc}, exec->program->image(), exec->regs);
  }
  return go_on(step + 1, exec, budget);
}

// ---- calls ----------------------------------------------------------------------------------

const Step* call_entry(const Step* step, Exec* exec, i64 budget, HelperEntry entry) {
  Run& run = *exec->run;
  u64* regs = exec->regs;
  run.pc = {step->pc};
  run.budget = budget;
  regs[0] = entry(run, regs[1], regs[2], regs[3], regs[4], regs[5]);
  if (run.fault.set) [[unlikely]]
    return stop(exec, run.budget);
  clear_arguments(exec);
  return go_on(step + 1, exec, run.budget);
}

const Step* call_helper(const Step* step, Exec* exec, i64 budget) {
  return call_entry(step, exec, budget, reinterpret_cast<HelperEntry>(step->imm));
}

// Apart, for the address of its arguments.
[[gnu::noinline]] u64 call_host_with(Exec& exec, const HostHelper& helper) {
  const u64 args[5] = {exec.regs[1], exec.regs[2], exec.regs[3], exec.regs[4], exec.regs[5]};
  return call_host_helper(*exec.run, helper, args);
}

const Step* call_host_helper_at(const Step* step, Exec* exec, i64 budget,
                                const HostHelper& helper) {
  Run& run = *exec->run;
  run.pc = {step->pc};
  run.budget = budget;
  exec->regs[0] = call_host_with(*exec, helper);
  if (run.fault.set) [[unlikely]]
    return stop(exec, run.budget);
  clear_arguments(exec);
  return go_on(step + 1, exec, run.budget);
}

const Step* call_host(const Step* step, Exec* exec, i64 budget) {
  return call_host_helper_at(step, exec, budget, *reinterpret_cast<const HostHelper*>(step->imm));
}

const Step* forbidden_helper(const Step* step, Exec* exec, i64 budget) {
  return fault(step, exec, budget, Code::helper_not_allowed, static_cast<u32>(step->imm));
}

// A helper whose number is in a register.
const Step* call_number(const Step* step, Exec* exec, i64 budget, u64 number) {
  HelperUse use;
  if (number <= 0xffffffff) {
    use = find_helper_use(exec->program->image(), static_cast<u32>(number));
  }
  if (use.entry != nullptr) return call_entry(step, exec, budget, use.entry);
  if (use.host != nullptr) return call_host_helper_at(step, exec, budget, *use.host);
  const Code code = use.forbidden ? Code::helper_not_allowed : Code::bad_code_address;
  return fault(step, exec, budget, code, number);
}

// Calls the function that starts at `first`.
const Step* call_function(const Step* step, Exec* exec, i64 budget, const Step* first) {
  u64* regs = exec->regs;
  exec->run->pc = {step->pc};
  const u64 frame_end = regs[kFrameReg];
  const u32 loops = exec->loops;
  if (!open_frame(*exec, first)) return stop(exec, budget);
  Waiting& caller = exec->waiting[exec->waiters++];
  caller.back = step + 1;
  caller.program = exec->program;
  for (int i = 0; i < 4; ++i) caller.saved[i] = regs[6 + i];
  caller.frame_end = frame_end;
  caller.loops = loops;
  regs[0] = 0;
  for (int i = 6; i <= 9; ++i) regs[i] = 0;
  return enter_block(first, exec, budget);
}

const Step* call_local(const Step* step, Exec* exec, i64 budget) {
  return call_function(step, exec, budget, target_of(step));
}

const Step* callx(const Step* step, Exec* exec, i64 budget) {
  const u64 target = exec->regs[step->dst];
  const Program& code = exec->program->image().program;
  const u64 pc = target - kFunctionBase;
  if (pc < code.size() && code.subprogram_of({static_cast<u32>(pc)}).first.value == pc) {
    const Step* first = exec->program->code().at({static_cast<u32>(pc)});
    return call_function(step, exec, budget, first);
  }
  return call_number(step, exec, budget, target);
}

const Step* bad_helper(const Step* step, Exec* exec, i64 budget) {
  const Decoded& insn = exec->program->image().program.at({step->pc});
  const u64 number = static_cast<u64>(insn.imm);
  const Code code = number == kPoisonedHelper ? Code::core_poisoned : Code::unknown_helper;
  return fault(step, exec, budget, code, number, insn.op == Op::CallKfunc);
}

const Step* read_only(const Step* step, Exec* exec, i64 budget) {
  return fault(step, exec, budget, Code::write_to_frame_pointer);
}

// Returns to the caller that waits, with r0 as it is.
const Step* exit(const Step*, Exec* exec, i64 budget) {
  close_frame(*exec);
  if (exec->waiters == exec->first_waiter) return stop(exec, budget);
  const Waiting& caller = exec->waiting[--exec->waiters];
  if (caller.program != exec->program) [[unlikely]] {
    exec->program = caller.program;
    exec->program->become_current(*exec->run);
    forget_hints(*exec);
  }
  u64* regs = exec->regs;
  for (int i = 0; i < 4; ++i) regs[6 + i] = caller.saved[i];
  regs[kFrameReg] = caller.frame_end;
  exec->loops = caller.loops;
  clear_arguments(exec);
  return go_on(caller.back, exec, budget);
}

// A program of another engine or mode takes this frame; its end is the end of this function.
const Step* enter_foreign(const Step* step, Exec* exec, i64 budget, const Callable& target) {
  Run& run = *exec->run;
  --run.depth;
  run.budget = budget;
  exec->regs[0] = target.enter(run, target);
  ++run.depth;
  if (run.fault.set) return stop(exec, run.budget);  // in the program that runs now
  exec->program->become_current(run);
  forget_hints(*exec);
  return exit(step, exec, run.budget);
}

const Step* tail_call(const Step* step, Exec* exec, i64 budget) {
  Run& run = *exec->run;
  u64* regs = exec->regs;
  run.pc = {step->pc};
  const Callable* target = tail_target(run, regs[2], regs[3] & 0xffffffff);
  if (run.fault.set) return stop(exec, budget);
  if (target == nullptr) {
    regs[0] = kTailCallFailed;
    clear_arguments(exec);
    return go_on(step + 1, exec, budget);
  }
  if (target->enter != &enter_interpreted) return enter_foreign(step, exec, budget, *target);
  const InterpretedProgram* program = static_cast<const InterpretedCallable*>(target)->program;
  if (program->mode() != exec->program->mode()) return enter_foreign(step, exec, budget, *target);

  exec->program = program;
  program->become_current(run);
  forget_hints(*exec);  // what is known of the old program's maps is not for the new one
  const Step* first = program->code().at({0});
  --run.depth;
  open_frame(*exec, first);
  for (int i = 0; i < kFrameReg; ++i) regs[i] = 0;
  regs[1] = run.context;
  regs[2] = run.argument2;
  return enter_block(first, exec, budget);
}

// ---- contexts and packets -------------------------------------------------------------------

const Step* load_context(const Step* step, Exec* exec, i64 budget) {
  const u32 size = step->size & 15;
  const u64 offset = static_cast<u32>(step->off);
  if (!context_load(*exec->run, offset, size, step->size >> 7, exec->regs[step->dst])) {
    return fault(step, exec, budget, Code::bad_context_access, offset, size, kRead);
  }
  return go_on(step + 1, exec, budget);
}

template <bool kFromImm>
const Step* store_context(const Step* step, Exec* exec, i64 budget) {
  const u64 value = kFromImm ? static_cast<u64>(step->imm) : exec->regs[step->src];
  const u64 offset = static_cast<u32>(step->off);
  if (!context_store(*exec->run, offset, step->size, value)) {
    return fault(step, exec, budget, Code::bad_context_access, offset, step->size, kWrite);
  }
  return go_on(step + 1, exec, budget);
}

const Step* load_kernel(const Step* step, Exec* exec, i64 budget) {
  Run& run = *exec->run;
  const u64 address = exec->regs[step->src] + static_cast<u64>(static_cast<i64>(step->off));
  u64 value = 0;
  run.pc = {step->pc};
  if (!load_through_kernel(run, address, step->size & 15, step->size >> 7 != 0, value)) {
    return stop(exec, budget);
  }
  exec->regs[step->dst] = value;
  return leave(step + 1, exec, budget);
}

// A miss ends the program with r0 = 0.
template <bool kIndirect>
const Step* load_absolute(const Step* step, Exec* exec, i64 budget) {
  u64 offset = static_cast<u64>(step->imm);
  if constexpr (kIndirect) offset += exec->regs[step->src];
  if (!load_packet(*exec->run, static_cast<i32>(offset), step->size, exec->regs[0])) {
    exec->regs[0] = 0;
    return exit(step, exec, budget);
  }
  clear_arguments(exec);
  return go_on(step + 1, exec, budget);
}

}  // namespace

Handler control_handler(Control control) {
  switch (control) {
    case Control::Jump: return jump;
    case Control::Gotox: return gotox;
    case Control::MayGoto: return may_goto;
    case Control::CallHelper: return call_helper;
    case Control::CallHost: return call_host;
    case Control::ForbiddenHelper: return forbidden_helper;
    case Control::CallLocal: return call_local;
    case Control::Callx: return callx;
    case Control::TailCall: return tail_call;
    case Control::Exit: return exit;
    case Control::BadHelper: return bad_helper;
    case Control::ReadOnly: return read_only;
    case Control::Charge: return charge;
    case Control::Trace: return trace;
    case Control::LoadContext: return load_context;
    case Control::StoreContext: return store_context<false>;
    case Control::StoreContextImm: return store_context<true>;
    case Control::LoadKernel: return load_kernel;
    case Control::LoadAbs: return load_absolute<false>;
    case Control::LoadInd: return load_absolute<true>;
  }
  return nullptr;
}

}  // namespace skep
