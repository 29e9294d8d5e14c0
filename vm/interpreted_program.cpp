// A program loaded into the interpreter: lowering, the set-up of a run, callbacks, faults.

#include <chrono>
#include <new>

#include "helpers/bodies/bind.h"
#include "helpers/maps/map.h"
#include "vm/interpreter.h"

namespace skep {
namespace {

void forget(Run& run) {
  forget_hints(*static_cast<Exec*>(run.engine));
}

// What one run needs beside its Run; too big to be cleared each time.
struct Workspace {
  alignas(16) u8 stack[kMaxFrames * kStackSize];
  alignas(Region) u8 records[kMaxRecords * sizeof(Region)];
};

class Interpreter final : public Backend {
 public:
  explicit Interpreter(InterpreterOptions options) : options_(options) {}
  std::string_view name() const override { return "interpreter"; }
  Result<std::unique_ptr<Loaded>> load(std::shared_ptr<const Image> image,
                                       std::span<Map* const> maps) override {
    return InterpretedProgram::make(std::move(image), maps, options_);
  }

 private:
  InterpreterOptions options_;
};

}  // namespace

std::unique_ptr<Backend> make_interpreter(InterpreterOptions options) {
  return std::make_unique<Interpreter>(options);
}

Result<std::unique_ptr<Loaded>> InterpretedProgram::make(std::shared_ptr<const Image> image,
                                                         std::span<Map* const> maps,
                                                         InterpreterOptions options) {
  std::unique_ptr<InterpretedProgram> program(new (std::nothrow) InterpretedProgram);
  if (program == nullptr) return fail<Code::no_memory>("a program");
  program->code_ =
      TRY(lower(*image, maps, {.checked = options.mode == Mode::Checked, .trace = options.trace}));
  program->image_ = std::move(image);
  program->maps_.assign(maps.begin(), maps.end());
  for (Map* map : maps) {
    if (map->active_runs() != nullptr) program->active_runs_ = map->active_runs();
  }
  program->mode_ = options.mode;
  program->callable_.enter = enter_interpreted;
  program->callable_.image = program->image_.get();
  program->callable_.program = program.get();
  return program;
}

namespace {

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

}  // namespace

void InterpretedProgram::become_current(Run& run) const {
  run.image = image_.get();
  run.maps = maps_.data();
  run.map_count = static_cast<u32>(maps_.size());
}

RunResult InterpretedProgram::run(Frame& frame, const RunOptions& options) {
  RunResult result;
  if (options.env == nullptr) {
    result.fault.set = true;
    result.fault.code = Code::no_environment;
    result.message = make_error<Code::no_environment>().text;
    return result;
  }
  const CpuClaim claim(options.env->slots, options.cpu);
  if (!claim.cpu()) {
    result.fault.set = true;
    result.fault.code = Code::cpu_busy;
    result.message = busy_text(*options.env->slots, options.cpu);
    return result;
  }
  Workspace workspace;  // not initialised: frames are cleared when they are opened
  Exec exec;
  exec.trace = options.trace;
  exec.trace_user = options.trace_user;
  Run run;
  exec.run = &run;
  run.mode = mode_;
  run.cpu = *claim.cpu();
  run.env = options.env;
  run.stack = workspace.stack;
  run.records = reinterpret_cast<Region*>(workspace.records);
  run.probe = probe_region;
  run.invoke = invoke_callback;
  run.forget = forget;
  run.engine = &exec;
  run.budget = options.budget;
  become_current(run);

  const auto begin = std::chrono::steady_clock::now();
  for (u32 i = 0; i < options.repeat && !run.fault.set; ++i) {
    const ActiveRuns::Run active(active_runs_, run.cpu);  // keeps what it tail-calls alive
    if (auto ok = prepare(frame, run); !ok) {
      run.set_fault(ok.error().code);
      result.message = std::move(ok).error().text;
      break;
    }
    if (i > 0) forget(run);
    run.tail_calls = 0;
    run.depth = 0;
    run.record_count = 0;
    const u64 args[5] = {run.context, run.argument2, 0, 0, 0};
    result.r0 = execute(exec, *this, code_.at({0}), args);
    if (run.record_count != 0 || run.spin_lock != nullptr) release_held(run);
    if (run.inner_maps.maps != nullptr) forget_inner_maps(run);
    if (run.fault.set) break;  // in the program that runs now
    become_current(run);
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

}  // namespace skep
