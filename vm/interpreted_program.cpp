// A program loaded into the interpreter: lowering, the set-up of a run, callbacks, faults.

#include <new>

#include "vm/interpreter.h"

namespace skep {
namespace {

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
  program->program_ = EngineProgram(std::move(image), maps, options.mode);
  program->callable_.enter = enter_interpreted;
  program->callable_.image = &program->image();
  program->callable_.program = program.get();
  return program;
}

namespace {

u64 enter_once(Run& run, const EngineProgram&, void* user) {
  const InterpretedProgram& program = *static_cast<const InterpretedProgram*>(user);
  const u64 args[5] = {run.context, run.argument2, 0, 0, 0};
  return execute(*static_cast<Exec*>(run.engine), program, program.code().at({0}), args);
}

}  // namespace

RunResult InterpretedProgram::run(Frame& frame, const RunOptions& options) {
  Exec exec;
  exec.trace = options.trace;
  exec.trace_user = options.trace_user;
  Run run;
  exec.run = &run;
  run.invoke = invoke_callback;
  run.forget = forget_regions;
  run.engine = &exec;
  return run_program(run, frame, options, program_, enter_once, this);
}

}  // namespace skep
