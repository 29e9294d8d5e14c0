// `skep verify`: is an object accepted, and why not? Judged by the verifier of the running kernel,
// or of another one in a guest. This is the command line. Tested by tests/tools/verify_test.cpp.
#include "tools/guest.h"
#include "tools/verify_arguments.h"

namespace skep {
namespace {

constexpr const char* kExamples =
    "  skep verify filter.o\n"
    "  skep verify filter.o --engine kernel:6.1           what an older kernel says\n"
    "  skep verify filter.o --prog firewall --log 2       with the verifier's log and its states\n"
    "  skep verify filter.o -j | jq '.programs[].verdict'\n"
    "The exit code is 1 if a program is rejected, or could not be made from the object.";

Exit verify(const VerifyArguments& arguments, Output& output) {
  const std::string& judge = arguments.run.engine;
  if (is_guest_engine(judge)) return rerun_in_guest(judge, {});
  if (const Engine& engine = find_engine(judge); engine.emulates)
    raise<Code::engine_cannot>("--engine " + judge, engine.name, "runs programs and judges none");
#ifdef SKEP_HAS_KERNEL
  return verify_by_kernel(arguments, output);
#else
  (void)output;
  return Exit::Unsupported;
#endif
}

}  // namespace

const Verb kVerifyVerb{
    "verify", "Say whether a kernel accepts programs, and why not", kExamples,
    [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<VerifyArguments>();
      RunArguments& run = arguments->run;
      run.engine = "kernel";
      add_program_options(app, run.program);
      app.add_option("--prog", run.name, "Judge this program alone, by its C name")
          ->type_name("NAME")
          ->group("Program");
      app.add_option("--set", run.globals, "Set a global variable before loading, repeatable")
          ->type_name("NAME=VALUE")
          ->allow_extra_args(false)
          ->group("Program");
      add_engine_option(app, run.engine)->group("Judge");
      app.add_option("--log", arguments->log_level,
                     "Show the verifier's log: 1 its insns, 2 states too, 4 counts alone")
          ->check(CLI::Range(1u, 7u).description(""))
          ->type_name("LEVEL")
          ->group("Judge");
      return [arguments](Output& output) { return verify(*arguments, output); };
    }};

}  // namespace skep
