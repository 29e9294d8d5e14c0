// `skep conformance`: the programs of the bpf_conformance suite, all of a folder at once, or one as
// that suite's runner asks its plug-ins: memory as argument, program on stdin, r0 on stdout.
// Tested by tests/tools/cli_test.cpp.
#include "isa/wire.h"
#include "loader/elf.h"
#include "tools/command.h"
#include "tools/conformance_data.h"
#include "tools/engine.h"
#include "tools/io.h"
#include "vm/vm.h"

namespace skep {
namespace {

struct Arguments {
  std::string operand;  // a folder, or the memory
  bool plugin = false;
  bool elf = false;
  std::string program;
  Mode mode = Mode::Checked;
  std::string engine = "interpreter";
};

// One program on its own: r1 = memory, r2 = its length.
Result<u64> run_raw(std::vector<Insn> insns, std::vector<u8> memory, const Arguments& how) {
  auto image = std::make_shared<Image>();
  image->name = "main";
  image->type = ProgramType::raw;
  image->program = SKEP_TRY(Program::make(std::move(insns)));
  image->maps = std::make_shared<const std::vector<MapSpec>>();
  const std::shared_ptr<const Image> images[] = {image};
  Vm vm;
  const auto backend = find_engine(how.engine).make({.trusted = how.mode == Mode::Trusted});
  const auto instance = SKEP_TRY(vm.load(images, *backend));
  const InstanceProgram& program = instance->programs()[0];
  if (program.error) return std::unexpected(*program.error);
  Frame frame;
  frame.type = ProgramType::raw;
  frame.memory = memory.empty() ? nullptr : memory.data();
  frame.size = memory.size();
  Env env = Env::deterministic(1);
  const RunResult result = program.loaded->run(frame, {.env = &env});
  if (!result.ok())
    return std::unexpected(Error{result.fault.code, result.message, result.fault.pc});
  return result.r0;
}

struct Outcome {
  enum class Status { Passed, Failed, Skipped } status = Status::Failed;
  std::string reason;
};

Outcome judge(const ConformanceCase& test, const Arguments& how) {
  using enum Outcome::Status;
  if (test.assembly.empty() && test.raw.empty()) return {Skipped, "no instructions"};
  if (!test.result && test.error.empty())
    return {Skipped, "neither a result nor an error is expected"};
  const auto code = conformance_code(test);
  if (!code) return {Failed, code.error().text};
  const auto r0 = run_raw(*code, test.memory, how);
  if (!r0) {
    const bool meant = !test.error.empty() && r0.error().text.find(test.error) != std::string::npos;
    return meant ? Outcome{Passed, ""} : Outcome{Failed, r0.error().text};
  }
  if (!test.result)
    return {Failed, fmt::format("r0 = {:#x}, but an error is expected: {}", *r0, test.error)};
  if (*r0 != *test.result)
    return {Failed, fmt::format("r0 = {:#x}, but {:#x} is expected", *r0, *test.result)};
  return {Passed, ""};
}

Outcome judge_file(const std::string& path, const Arguments& how) {
  const auto test = parse_conformance(read_text(path, 1u << 20), path);
  return test ? judge(*test, how) : Outcome{Outcome::Status::Failed, test.error().text};
}

Exit run_folder(const Arguments& arguments, Output& output) {
  const std::vector<std::string> files = conformance_files(arguments.operand);
  if (files.empty()) raise<Code::file_unreadable>(arguments.operand, "no folder with .data files");
  std::size_t counts[3] = {};
  constexpr const char* kNames[] = {"passed", "failed", "skipped"};
  Json results = Json::array();
  for (const std::string& path : files) {
    const Outcome outcome = judge_file(path, arguments);
    const auto status = static_cast<std::size_t>(outcome.status);
    ++counts[status];
    const std::string file = path.substr(path.rfind('/') + 1);
    if (status != 0)
      output.text("{} {}: {}\n", status == 1 ? output.bad("FAILED ") : "skipped", file,
                  outcome.reason);
    results.push_back({{"file", file}, {"status", kNames[status]}, {"reason", outcome.reason}});
  }
  output.text("{} passed of {}, {} failed, {} skipped\n", counts[0], files.size(), counts[1],
              counts[2]);
  output.document({{"files", files.size()},
                   {"passed", counts[0]},
                   {"failed", counts[1]},
                   {"skipped", counts[2]},
                   {"results", results}});
  return counts[1] == 0 ? Exit::Good : Exit::Bad;
}

// The instructions that the runner sends: hex, of bare slots or of an object's .text.
std::vector<Insn> plugin_program(const Arguments& arguments) {
  const std::string hex = arguments.program.empty() ? read_text("-") : arguments.program;
  const Buffer bytes = parse_hex(hex, "program");
  if (!arguments.elf) return must(from_bytes(bytes), "program");
  const Elf elf = must(Elf::parse(bytes), "program");
  if (const Section* text = elf.find(".text")) return must(from_bytes(text->data), ".text");
  raise<Code::not_an_object>("program: no section .text");
}

Exit run_plugin(const Arguments& arguments, Output& output) {
  const std::vector<Insn> insns = plugin_program(arguments);
  const u64 r0 = must(run_raw(insns, parse_hex(arguments.operand, "memory"), arguments));
  output.text("{:x}\n", r0);
  output.document({{"r0", r0}});
  return Exit::Good;
}

Exit run(const Arguments& arguments, Output& output) {
  if (!find_engine(arguments.engine).emulates)
    raise<Code::engine_cannot>("conformance", arguments.engine, "runs no programs without a type");
  if (arguments.plugin) return run_plugin(arguments, output);
  if (arguments.operand.empty())
    raise<Code::usage>("conformance needs a folder of .data files, or --plugin");
  return run_folder(arguments, output);
}

}  // namespace

const Verb kConformanceVerb{
    "conformance", "Run the programs of the bpf_conformance suite",
    "  skep conformance bpf_conformance/tests     every .data file of a folder\n"
    "  bpf_conformance_runner --test_file_directory tests --plugin_path skep-plugin\n"
    "where skep-plugin is a script of one line: exec skep conformance --plugin \"$@\"\n"
    "  echo 'bf 10 00 00 00 00 00 00 95 00 00 00 00 00 00 00' | skep conformance --plugin",
    [](CLI::App& app) -> Action {
      static const std::map<std::string, Mode> kModes{{"checked", Mode::Checked},
                                                      {"trusted", Mode::Trusted}};
      const auto arguments = std::make_shared<Arguments>();
      app.add_option("operand", arguments->operand,
                     "A folder of .data files; with --plugin the memory, in hex")
          ->type_name("DIR|MEM");
      app.add_flag("--plugin", arguments->plugin, "Speak the protocol of the suite's plug-ins");
      app.add_flag("--elf", arguments->elf, "The plug-in's program is an object")
          ->needs("--plugin");
      app.add_option("--program", arguments->program, "The plug-in's program, instead of stdin")
          ->type_name("HEX")
          ->needs("--plugin");
      app.add_option("--mode", arguments->mode,
                     "checked: judge each memory access (default); trusted: none")
          ->transform(CLI::CheckedTransformer(kModes).description(""))
          ->type_name("MODE");
      add_engine_option(app, arguments->engine);
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
