// The interpreter's runs: entering programs and callbacks, frames, hints. What steps do is in
// vm/handlers_*.cpp. Tested by tests/vm/rows_test.cpp, filetests and the conformance suite.

#include "vm/interpreter.h"

#include <bit>

#include "vm/handlers.h"

namespace skep {
namespace {

Hint& hint_of(Exec& exec, u32 bit) {
  return bit < 16 ? exec.reads[bit] : exec.writes[bit - 16];
}

}  // namespace

void forget_hints(Exec& exec) {
  for (u32 left = exec.hinted; left != 0; left &= left - 1) {
    hint_of(exec, static_cast<u32>(std::countr_zero(left))) = {};
  }
  exec.hinted = 0;
  exec.stack_hints = 0;
}

void forget_regions(Run& run) {
  forget_hints(*static_cast<Exec*>(run.engine));
}

void forget_frame(Exec& exec, u64 base) {
  for (u32 left = exec.stack_hints; left != 0; left &= left - 1) {
    const u32 bit = static_cast<u32>(std::countr_zero(left));
    Hint& hint = hint_of(exec, bit);
    if (hint.base != base) continue;
    hint = {};
    exec.hinted &= ~(1u << bit);
    exec.stack_hints &= ~(1u << bit);
  }
}

u64 execute(Exec& exec, const InterpretedProgram& program, const Step* start,
            const u64 (&args)[5]) {
  Run& run = *exec.run;
  exec.program = &program;
  exec.first_waiter = exec.waiters;
  for (u64& reg : exec.regs) reg = 0;
  for (int i = 0; i < 5; ++i) exec.regs[i + 1] = args[i];
  if (!open_frame(exec, start)) return 0;
  const Step* next = enter_block(start, &exec, run.budget);
  while (next != nullptr) next = next->handler(next, &exec, run.budget);
  return run.fault.set ? 0 : exec.regs[0];
}

u64 enter_interpreted(Run& run, const Callable& self) {
  const InterpretedProgram& program = *static_cast<const InterpretedCallable&>(self).program;
  Exec exec;
  exec.run = &run;
  void* const saved_engine = run.engine;
  const Mode saved_mode = run.mode;
  const auto saved_invoke = run.invoke;
  const auto saved_forget = run.forget;
  run.engine = &exec;
  run.mode = program.mode();
  run.invoke = invoke_callback;
  run.forget = forget_regions;
  program.become_current(run);
  const u64 args[5] = {run.context, run.argument2, 0, 0, 0};
  const u64 r0 = execute(exec, program, program.code().at({0}), args);
  run.engine = saved_engine;
  run.mode = saved_mode;
  run.invoke = saved_invoke;
  run.forget = saved_forget;
  return r0;
}

u64 invoke_callback(Run& run, u64 function, const u64 (&args)[5]) {
  Exec& exec = *static_cast<Exec*>(run.engine);
  const InterpretedProgram& program = *exec.program;
  const Program& code = program.image().program;
  const u64 pc = function - kFunctionBase;
  if (pc >= code.size() || code.subprogram_of({static_cast<u32>(pc)}).first.value != pc) {
    run.set_fault(Code::bad_code_address, function);
    return 0;
  }
  const Pc call = run.pc;
  u64 saved[kRegs];
  std::memcpy(saved, exec.regs, sizeof saved);
  const u32 loops = exec.loops;
  const u32 first_waiter = exec.first_waiter;
  const u64 r0 = execute(exec, program, program.code().at({static_cast<u32>(pc)}), args);
  if (run.fault.set) return 0;
  if (exec.program != &program) {  // it ended in a tail call
    exec.program = &program;
    program.become_current(run);
    forget_hints(exec);
  }
  std::memcpy(exec.regs, saved, sizeof saved);
  exec.loops = loops;
  exec.first_waiter = first_waiter;
  run.pc = call;
  return r0;
}

}  // namespace skep
