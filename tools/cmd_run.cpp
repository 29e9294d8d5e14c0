// `skep run`: one program on one input or on a capture. The work is in run_*.cpp; this is the
// command line. Tested by tests/tools/cli_test.cpp.
#include "tools/guest.h"
#include "tools/run_arguments.h"

namespace skep {
namespace {

constexpr const char* kExamples =
    "  skep run filter.o --data packet.bin --dump-maps\n"
    "  skep run filter.o --prog firewall --pcap in.pcap --pcap-out passed.pcap\n"
    "  skep run probe.o --ctx arg2=@user:/etc/passwd      a kprobe that reads its second argument\n"
    "  skep run tc.o --data 0x0200000000020200000000010800 --ctx mark=7 --trace\n"
    "  skep run program.s --data 01020304                 assembly: r1 = memory, r2 = its length\n"
    "  skep run filter.o --map blocked=blocked.json --set debug=true --records events=event\n"
    "  skep run filter.o --pcap in.pcap --dump-maps --engine kernel     the same by bpf(2)\n"
    "Values of --ctx are numbers, or put bytes into memory that the program can read through\n"
    "bpf_probe_read_*, and are their address: @user:TEXT (with a zero byte after it),\n"
    "@user:hex:BYTES, @user:file:PATH, and the same with @kernel:. Fields are those of the\n"
    "program type's context; kprobes also have arg1 to arg6 (arg8 on arm64), ret and ip, programs "
    "on\n"
    "functions and raw tracepoints arg1 to arg12 and ret.\n"
    "Map files are [{\"key\": ..., \"value\": ...}, ...], typed as the program's BTF says, as\n"
    "--dump-maps -j prints them.";

void add_input(CLI::App& app, RunArguments& run) {
  constexpr const char* kGroup = "Input";
  app.add_option("--data", run.data,
                 "Packet or memory: a file, - or hex (default: 64 zero bytes for packets)")
      ->type_name("FILE|HEX")
      ->group(kGroup);
  auto* capture = app.add_option("--pcap", run.capture, "Run on each packet of a capture")
                      ->type_name("FILE")
                      ->group(kGroup);
  app.add_flag("--no-ethernet", run.bare_ip,
               "Give packets of raw IP captures as they are, without a link header")
      ->needs(capture)
      ->group(kGroup);
  app.add_option("--ctx", run.context, "Set a field of the context, repeatable")
      ->type_name("FIELD=VALUE")
      ->allow_extra_args(false)
      ->group(kGroup);
  app.add_option("--task", run.task,
                 "Set pid, tgid, uid, gid or comm of the current task, repeatable")
      ->type_name("FIELD=VALUE")
      ->allow_extra_args(false)
      ->group(kGroup);
  add_map_options(app, run);
  capture->excludes("--data");
}

void add_reports(CLI::App& app, RunArguments& run) {
  constexpr const char* kGroup = "Reports";
  add_map_reports(app, run);
  app.add_flag("--trace", run.trace, "Show each instruction and what it changed")->group(kGroup);
  app.add_flag("--packets", run.each_packet, "Show the verdict of each packet of a capture")
      ->group(kGroup);
  app.add_option("--data-out", run.data_out, "Write the packet or memory as the run left it")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--pcap-out", run.capture_out, "Write the packets that were not dropped")
      ->type_name("FILE")
      ->needs("--pcap")
      ->group(kGroup);
}

void add_engine(CLI::App& app, RunArguments& run) {
  static const std::map<std::string, bool> kModes{{"checked", false}, {"trusted", true}};
  constexpr const char* kGroup = "Engine";
  add_engine_option(app, run.engine)->group(kGroup);
  app.add_option("--mode", run.trusted,
                 "checked: judge each memory access (default); trusted: none")
      ->transform(CLI::CheckedTransformer(kModes).description(""))
      ->type_name("MODE")
      ->group(kGroup);
  app.add_option("--repeat", run.repeat,
                 "Run so often and measure; captures: so many passes after the first")
      ->check(CLI::Range(1u, 1'000'000'000u).description(""))
      ->type_name("COUNT")
      ->group(kGroup);
  app.add_option("--budget", run.budget, "Stop each run after so many instructions")
      ->check(CLI::Range(i64{1}, INT64_MAX).description(""))
      ->type_name("INSNS")
      ->group(kGroup);
  app.add_option("--cpu", run.cpu,
                 "The CPU that the program runs on (default: 0; captures: packets take turns)")
      ->check(CLI::Range(0u, 1023u).description(""))
      ->type_name("NUMBER")
      ->group(kGroup);
  app.add_option(
         "--cpus", run.cpus,
         "CPUs of the machine, for per-CPU maps (default: 1; the kernel's are this machine's)")
      ->check(CLI::Range(1u, 1024u).description(""))
      ->type_name("COUNT")
      ->group(kGroup);
  app.add_option("--seed", run.seed, "The same clock and random numbers in each run")
      ->type_name("NUMBER")
      ->group(kGroup);
  app.add_option("--machine", run.machine,
                 "Whose registers a kprobe sees: x86-64 or arm64 (default: this machine's)")
      ->check(CLI::IsMember({"x86-64", "arm64"}).description(""))
      ->type_name("MACHINE")
      ->group(kGroup);
}

Exit run(const RunArguments& arguments, Output& output) {
  if (is_guest_engine(arguments.engine))
    return rerun_in_guest(arguments.engine, {arguments.data_out, arguments.capture_out});
  const auto session = make_session(arguments, output);
  return arguments.capture.empty() ? run_once(arguments, *session, output)
                                   : run_capture(arguments, *session, output);
}

}  // namespace

void add_map_options(CLI::App& app, RunArguments& run) {
  constexpr const char* kGroup = "Input";
  app.add_option("--map", run.maps, "Fill a map before the run, repeatable")
      ->type_name("NAME=FILE")
      ->allow_extra_args(false)
      ->group(kGroup);
  app.add_option("--maps", run.all_maps, "Fill several maps: {\"NAME\": [...], ...}")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--set", run.globals, "Set a global variable before loading, repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->group(kGroup);
}

void add_map_reports(CLI::App& app, RunArguments& run) {
  constexpr const char* kGroup = "Reports";
  app.add_flag("--dump-maps", run.dump_all, "Show what all maps hold after the run")->group(kGroup);
  app.add_option("--dump-map", run.dump, "Show what this map holds, repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->group(kGroup);
  app.add_option("--records", run.records, "Read records of a ring buffer as this type, repeatable")
      ->type_name("MAP=TYPE")
      ->allow_extra_args(false)
      ->group(kGroup);
  app.add_option("--keys", run.keys, "Show keys of a map as this type, repeatable")
      ->type_name("MAP=TYPE")
      ->allow_extra_args(false)
      ->group(kGroup);
}

const Verb kRunVerb{
    "run", "Run a program on data, a packet or a capture", kExamples, [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<RunArguments>();
      add_program_options(app, arguments->program);
      app.add_option("--prog", arguments->name, "The program of the object to run, by its C name")
          ->type_name("NAME")
          ->group("Program");
      app.add_option("--type", arguments->type,
                     "Run it as this program type (default: by its section)")
          ->type_name("TYPE")
          ->group("Program");
      add_input(app, *arguments);
      add_reports(app, *arguments);
      add_engine(app, *arguments);
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
