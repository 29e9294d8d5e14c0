// `skep load`: an object into the kernel, attached until interrupted. The work is in load_*.cpp;
// this is the command line. Tested by tests/tools/load_test.cpp.
#include "tools/load_arguments.h"

namespace skep {
namespace {

constexpr const char* kExamples =
    "  skep load firewall.o --attach xdp:eth0 --maps rules.json --records events=drop_event\n"
    "  skep load trace.o                                where the sections of its programs say\n"
    "  skep load tc.o --attach in=tcx_ingress:eth0 --attach out=tcx_egress:eth0 --dump-maps\n"
    "  skep load filter.o --attach xdp:eth0 --pin /sys/fs/bpf/filter --for 0\n"
    "Ends on Ctrl-C, SIGTERM or SIGHUP, and detaches. What --pin put into a folder stays "
    "attached;\n"
    "`rm -r FOLDER` detaches it. With -j each line is a document: what was attached, each record,\n"
    "and at the end the maps.";

Exit load(const LoadArguments& arguments, Output& output) {
  find_engine("kernel");  // says if this build has none
#ifdef SKEP_HAS_KERNEL
  return run_load(arguments, output);
#else
  (void)arguments, (void)output;
  return Exit::Unsupported;
#endif
}

}  // namespace

const Verb kLoadVerb{
    "load", "Load an object into the kernel, attach it, show its events", kExamples,
    [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<LoadArguments>();
      RunArguments& run = arguments->run;
      run.engine = "kernel";
      add_program_options(app, run.program);
      app.add_option("--prog", run.name, "Load this program alone, by its C name")
          ->type_name("NAME")
          ->group("Program");
      app.add_option("--attach", arguments->attach,
                     "Where to, repeatable (default: where sections say): xdp:eth0, "
                     "tracepoint:sched/sched_switch, ...")
          ->type_name("[PROG=]KIND:TARGET")
          ->allow_extra_args(false)
          ->group("Place");
      app.add_option("--pin", arguments->pin,
                     "Keep programs, maps and links in this folder of a bpf file system")
          ->type_name("FOLDER")
          ->group("Place");
      app.add_option("--for", arguments->seconds, "End after so long (default: when interrupted)")
          ->check(CLI::Range(0.0, 1e9).description(""))
          ->type_name("SECONDS")
          ->group("Place");
      add_map_options(app, run);
      add_map_reports(app, run);
      return [arguments](Output& output) { return load(*arguments, output); };
    }};

}  // namespace skep
