// `skep guest`: a command under another kernel. The work is in guest.cpp.
// Tested by tests/tools/guest_test.cpp.
#include <filesystem>

#include "tools/command.h"
#include "tools/guest.h"

namespace skep {
namespace {

constexpr const char* kExamples =
    "  skep guest 6.1 --add prog.o -- skep run prog.o --engine kernel\n"
    "  skep guest 6.12 --add build/dev/tests/kernel_test --module veth -- "
    "build/dev/tests/kernel_test\n"
    "The guest is a machine under qemu-system-x86_64 with Debian's kernel of that version, from\n"
    "/boot or from the folders in SKEP_KERNELS; KERNEL may also be the path of a vmlinuz. In it "
    "are\n"
    "this skep, the files of --add with the libraries that they load, all at the places that they\n"
    "have here, and nothing else. The exit code is the command's.";

struct GuestArguments {
  std::string kernel;
  GuestJob job;
  bool inside = false;
};

Exit run(GuestArguments& arguments, Output& output) {
  if (arguments.inside) guest_init();
  GuestJob& job = arguments.job;
  if (arguments.kernel.empty() || job.command.empty())
    raise<Code::usage>("guest: which kernel, and after --, which command?");
  job.kernel = find_guest_kernel(arguments.kernel);
  job.folder = std::filesystem::current_path().string();
  for (std::string& file : job.results) file = std::filesystem::absolute(file).string();
  const GuestOutcome outcome = run_in_guest(job);
  for (const auto& [path, bytes] : outcome.files) write_output(path, bytes);
  output.text("{}", outcome.out);
  output.document({{"kernel", job.kernel.release},
                   {"exit", outcome.code},
                   {"out", outcome.out},
                   {"err", outcome.err}});
  output.finish();
  if (!output.json()) write_error(outcome.err);
  return static_cast<Exit>(outcome.code & 255);
}

}  // namespace

const Verb kGuestVerb{
    "guest", "Run a command under another kernel", kExamples, [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<GuestArguments>();
      GuestJob& job = arguments->job;
      app.add_option("kernel", arguments->kernel, "Version or path of the kernel to boot");
      app.add_option("command", job.command, "What to run there, after --");
      app.add_option("--add", job.files, "A file or folder that it needs, repeatable")
          ->type_name("PATH")
          ->allow_extra_args(false);
      app.add_option("--module", job.modules, "A kernel module to load before, repeatable")
          ->type_name("NAME")
          ->allow_extra_args(false);
      app.add_option("--result", job.results, "A file that it writes, to bring back, repeatable")
          ->type_name("PATH")
          ->allow_extra_args(false);
      app.add_option("--seconds", job.seconds, "Give up after so long (default: 120)")
          ->check(CLI::Range(1u, 86400u).description(""));
      app.add_flag("--inside", arguments->inside)->group("");
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
