// `skep verify`: is an object accepted, and why not? Judged by skep's own verifier, by that of the
// running kernel, or of another one in a guest. This is the command line.
// Tested by tests/tools/verify_test.cpp.
#include "tools/guest.h"
#include "tools/verify_arguments.h"

namespace skep {
namespace {

constexpr const char* kExamples =
    "  skep verify filter.o\n"
    "  skep verify filter.o --kernel 5.15                 by the rules of that kernel\n"
    "  skep verify filter.o --engine kernel:6.1           what an older kernel says\n"
    "  skep verify filter.o --compare                     ours beside the running kernel's\n"
    "  skep verify filter.o --engine kernel --prog firewall --log 2\n"
    "  skep verify filter.o -j | jq '.programs[].verdict'\n"
    "The exit code is 1 if a program is rejected, or could not be made from the object; 4 if skep\n"
    "can't judge one yet.";

constexpr const char* kOurs = "skep";

bool is_judge(const std::string& name) {
  return name == kOurs || name == "kernel" || is_guest_engine(name);
}

Exit verify(const VerifyArguments& arguments, Output& output) {
  const std::string& judge = arguments.run.engine;
  if (is_guest_engine(judge)) return rerun_in_guest(judge, {});
  if (judge == kOurs && !arguments.compare) return verify_by_skep(arguments, output);
#ifdef SKEP_HAS_KERNEL
  return arguments.compare ? compare_verdicts(arguments, output, ask_kernel(arguments))
                           : verify_by_kernel(arguments, output);
#else
  raise<Code::engine_cannot>("--engine kernel", "kernel", "is not in this build");
#endif
}

}  // namespace

const Verb kVerifyVerb{
    "verify", "Say whether programs are safe, or a kernel accepts them, and why not", kExamples,
    [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<VerifyArguments>();
      RunArguments& run = arguments->run;
      run.engine = kOurs;
      add_program_options(app, run.program);
      app.add_option("--prog", run.name, "Judge this program alone, by its C name")
          ->type_name("NAME")
          ->group("Program");
      app.add_option("--set", run.globals, "Set a global variable before loading, repeatable")
          ->type_name("NAME=VALUE")
          ->allow_extra_args(false)
          ->group("Program");
      app.add_option("--type", run.type, "Judge the programs as of this type")
          ->type_name("TYPE")
          ->group("Program");
      app.add_option("--memory", arguments->memory,
                     "Bytes that programs of skep's own type `raw` are given")
          ->check(CLI::Range(u64{0}, u64{1} << 28).description(""))
          ->type_name("BYTES")
          ->group("Program");
      const auto check = [](const std::string& given) {
        return is_judge(given) ? std::string()
                               : std::string("there are: skep, kernel, kernel:VERSION");
      };
      app.add_option("--engine", run.engine,
                     "Who judges: skep, kernel, or kernel:VERSION, another kernel in a machine of "
                     "its own (default: skep)")
          ->check(CLI::Validator(check, ""))
          ->type_name("ENGINE")
          ->group("Judge");
      app.add_flag("--compare", arguments->compare,
                   "Show skep's verdicts beside the running kernel's, and where they differ")
          ->group("Judge");
      app.add_flag("--stats", arguments->stats, "Show how much work each verdict was")
          ->group("Judge");
      app.add_option("--log", arguments->log_level,
                     "Show the kernel's log: 1 its insns, 2 states too, 4 counts alone")
          ->check(CLI::Range(1u, 7u).description(""))
          ->type_name("LEVEL")
          ->group("Judge");
      return [arguments](Output& output) { return verify(*arguments, output); };
    }};

}  // namespace skep
