// `skep bench`: programs on several engines in one process, compared. The work is in tools/bench/;
// this is the command line. Tested by tests/tools/bench_test.cpp.
#include <sys/utsname.h>

#include <fstream>

#include "tools/bench/input.h"
#include "tools/json_values.h"

namespace skep {
namespace {

using bench::Arguments;

constexpr const char* kExamples =
    "  skep bench filter.o --data packet.bin --engine interpreter,kernel\n"
    "  skep bench hash.o --data 0x0102030405060708 --engine interpreter,native:libhash.so\n"
    "  skep bench build/release/bpf/programs --html table.html    a folder with a bench.json\n"
    "  skep bench programs --out now.json --against before.json\n"
    "Engines:\n"
    "  interpreter, interpreter:trusted   skep's own, with and without checks of memory accesses\n"
    "  jit                                skep's own\n"
    "  kernel                             BPF_PROG_TEST_RUN, less the time of an empty program\n"
    "  native, native:LIBRARY             functions native_NAME of a library (libnative.so)\n"
    "  ubpf, ubpf:jit                     ubpf's\n"
    "An engine that is absent is shown as absent; a result that differs is an error, exit code 1.";

constexpr const char* kDefaultEngines[] = {"interpreter", "interpreter:trusted", "jit", "kernel",
                                           "native"};

std::string machine_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  utsname name{};
  return uname(&name) == 0 ? name.machine : "";
}

std::string kernel_name() {
  utsname name{};
  return uname(&name) == 0 ? fmt::format("{} {}", name.sysname, name.release) : "";
}

// The columns, and all that can run as jobs.
struct Setup {
  std::vector<std::unique_ptr<bench::Lineup>> lineups;
  std::vector<bench::Job> jobs;
};

void add_column(bench::Result& result, const bench::Lineup& lineup) {
  for (const bench::Column& column : result.columns) {
    if (column.name == lineup.name)
      raise<Code::usage>(fmt::format("--engine: two columns would be called {}", lineup.name));
  }
  result.columns.push_back({lineup.name, lineup.absent});
}

Setup set_up(const Arguments& arguments, const std::vector<bench::Entry>& entries,
             bench::Result& result) {
  Setup setup;
  const std::vector<std::string> defaults(std::begin(kDefaultEngines), std::end(kDefaultEngines));
  for (const std::string& what : arguments.engines.empty() ? defaults : arguments.engines) {
    setup.lineups.push_back(bench::make_lineup(what, bench::folder_of(arguments)));
    add_column(result, *setup.lineups.back());
  }
  for (const bench::Entry& entry : entries) {
    const u32 row = static_cast<u32>(result.rows.size());
    result.rows.push_back({entry.name, entry.group, 0, 0, {}});
    for (const auto& lineup : setup.lineups) {
      if (!lineup->absent.empty()) continue;
      bench::Cell& cell = result.rows[row].cells[lineup->name];
      bench::Ready ready = lineup->make(entry);
      cell.refused = std::move(ready.refused);
      if (ready.contender == nullptr) continue;
      setup.jobs.push_back({row, lineup->name, std::move(ready.contender), std::move(ready.base)});
    }
  }
  return setup;
}

// The reference: the one asked for, or the first native column.
std::string choose_reference(const Arguments& arguments, const bench::Result& result) {
  const std::string wanted = arguments.reference.empty() ? "native" : arguments.reference;
  const bench::Column* found = nullptr;
  for (const bench::Column& column : result.columns) {
    const bool fits =
        arguments.reference.empty() ? column.name.starts_with(wanted) : column.name == wanted;
    if (fits && found == nullptr) found = &column;
  }
  if (!arguments.reference.empty() && found == nullptr)
    raise<Code::usage>(fmt::format("--reference {}: none of the columns", wanted));
  return found == nullptr || !found->absent.empty() ? "" : found->name;
}

void write_text(const std::string& path, const std::string& text) {
  write_output(path, {reinterpret_cast<const u8*>(text.data()), text.size()});
}

Exit run(const Arguments& arguments, Output& output) {
  std::optional<bench::Result> before;  // read first: a wrong name costs no measuring
  if (!arguments.against.empty()) {
    before = bench::from_json(parse_json(read_text(arguments.against), arguments.against),
                              arguments.against);
  }
  const std::vector<bench::Entry> entries = bench::read_entries(arguments);
  bench::Result result;
  result.machine = machine_name();
  result.kernel = kernel_name();
  Setup setup = set_up(arguments, entries, result);
  result.reference = choose_reference(arguments, result);
  std::vector<std::optional<u64>> expected;
  for (const bench::Entry& entry : entries) expected.push_back(entry.r0);
  bench::measure(setup.jobs, expected,
                 {.rounds = arguments.rounds, .sample_ns = arguments.sample_ms * 1e6}, result);

  bench::print(result, output);
  Json document = bench::to_json(result);
  if (!arguments.out.empty()) write_text(arguments.out, document.dump(1) + "\n");
  if (!arguments.html.empty()) write_text(arguments.html, bench::page(result));
  bool slower = false;
  if (before) {
    const auto changes = bench::compare(*before, result);
    if (changes.empty())
      raise<Code::usage>(
          fmt::format("--against {}: no ratio is in both results", arguments.against));
    slower = bench::print_changes(changes, arguments.limit, output) != 0;
    document["against"] = bench::changes_json(changes, arguments.limit);
  }
  output.document(document);
  return bench::any_wrong(result) || slower ? Exit::Bad : Exit::Good;
}

void add_measuring(CLI::App& app, Arguments& bench) {
  constexpr const char* kGroup = "Measuring";
  app.add_option("--engine", bench.engines,
                 "Columns, by commas (default: interpreter,interpreter:trusted,jit,kernel,native)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("LIST")
      ->group(kGroup);
  app.add_option("--reference", bench.reference, "The column that ratios are to (default: native)")
      ->type_name("ENGINE")
      ->group(kGroup);
  app.add_option("--rounds", bench.rounds, "Samples of each; the least time counts (default: 25)")
      ->check(CLI::Range(1u, 100'000u).description(""))
      ->type_name("COUNT")
      ->group(kGroup);
  app.add_option("--sample", bench.sample_ms, "Milliseconds that a sample takes (default: 2)")
      ->check(CLI::Range(0.001, 10'000.0).description(""))
      ->type_name("MS")
      ->group(kGroup);
}

void add_results(CLI::App& app, Arguments& bench) {
  constexpr const char* kGroup = "Results";
  app.add_option("--out", bench.out, "Write the result as JSON too")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--html", bench.html, "Write a page with bars")->type_name("FILE")->group(kGroup);
  app.add_option("--against", bench.against, "Compare ratios with those of an earlier --out")
      ->type_name("FILE")
      ->group(kGroup);
  app.add_option("--limit", bench.limit, "Percent that a ratio may grow (default: 15)")
      ->check(CLI::Range(0.0, 10'000.0).description(""))
      ->needs("--against")
      ->type_name("PERCENT")
      ->group(kGroup);
}

}  // namespace

const Verb kBenchVerb{
    "bench", "Measure programs on several engines, and compare", kExamples,
    [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<Arguments>();
      add_program_options(app, arguments->program);
      app.get_option("program")->description("A BPF object, or a folder of them");
      app.add_option("--prog", arguments->only, "Programs of these names; * and ? stand for any")
          ->type_name("PATTERN")
          ->group("Program");
      app.add_option("--type", arguments->type,
                     "Run them as this program type (default: by their sections)")
          ->type_name("TYPE")
          ->group("Program");
      app.add_option("--data", arguments->data, "Packet or memory: a file, - or hex")
          ->type_name("FILE|HEX")
          ->group("Input");
      app.add_option("--map", arguments->maps, "Fill a map first, repeatable")
          ->type_name("NAME=FILE")
          ->allow_extra_args(false)
          ->group("Input");
      app.add_option("--maps", arguments->all_maps, "Fill several maps: {\"NAME\": [...], ...}")
          ->type_name("FILE")
          ->group("Input");
      add_measuring(app, *arguments);
      add_results(app, *arguments);
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
