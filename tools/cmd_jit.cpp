// `skep jit`: what the compiler makes of programs, stage by stage, for either machine on any. The
// maps are created, since their addresses are in the code; nothing is run.
// Tested by tests/tools/jit_test.cpp.
#include "tools/command.h"
#include "tools/program_input.h"

#ifdef SKEP_HAS_JIT
#include "jit/ir_text.h"
#include "vm/jit_backend.h"
#include "vm/vm.h"
#endif

namespace skep {
namespace {

constexpr const char* kExamples =
    "  skep jit filter.o                                the machine code\n"
    "  skep jit filter.o --prog firewall --dump ir      what it is made of\n"
    "  skep jit filter.o --dump ir:lifted,ir:slots,code,stats --target a64";

struct Arguments {
  ProgramArguments program;
  std::string name;
  std::string dump = "code";
  std::string target;
  std::string mode = "checked";
  std::string level = "O2";
};

#ifdef SKEP_HAS_JIT

// What --dump asks for. `passes`: names of passes, "lifted", or "" for what is left after all.
struct Wanted {
  std::vector<std::string> passes;
  bool code = false, stats = false;
};

bool is_stage(std::string_view name) {
  return name.empty() || name == "lifted" || ir::find_pass(name) != nullptr;
}

std::string stage_names() {
  std::string names = "lifted";
  for (const ir::Pass& pass : ir::passes()) names += fmt::format(", {}", pass.name);
  return names;
}

Wanted parse_dump(const std::string& text) {
  Wanted wanted;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    at = end + 1;
    if (part == "code") {
      wanted.code = true;
    } else if (part == "stats") {
      wanted.stats = true;
    } else if (part == "ir") {
      wanted.passes.emplace_back();
    } else if (part.starts_with("ir:") && is_stage(part.substr(3))) {
      wanted.passes.push_back(part.substr(3));
    } else {
      raise<Code::usage>(fmt::format(
          "--dump {}: not ir, ir:PASS, code or stats; the passes are: {}", part, stage_names()));
    }
  }
  return wanted;
}

// Collects the stages that are wanted as the compiler comes by. A pass that runs twice is shown as
// it left things last.
struct Stages {
  const Wanted& wanted;
  std::map<std::string, std::string> texts;  // by pass

  void see(std::string_view pass, const ir::Module& module) {
    for (const std::string& each : wanted.passes) {
      if (each == pass || each.empty()) texts[each] = print(module);
    }
  }
};

Json dump_program(const Image& image, std::span<Map* const> maps, const Arguments& arguments,
                  const Wanted& wanted, Output& output) {
  Stages stages{.wanted = wanted, .texts = {}};
  jit::CompileOptions options;
  options.level = arguments.level == "O0" ? jit::Level::O0 : jit::Level::O2;
  options.target = arguments.target == "a64"   ? &jit::kA64
                   : arguments.target == "x64" ? &jit::kX64
                                               : &jit::host_target();
  options.text = wanted.code;
  options.check = true;
  options.after = [&stages](std::string_view pass, const ir::Module& module) {
    stages.see(pass, module);
  };
  const Mode mode = arguments.mode == "trusted" ? Mode::Trusted : Mode::Checked;
  const jit::Compiled compiled = must(compile_image(image, maps, mode, options), image.name);
  Json entry{{"name", image.name}, {"section", image.section}, {"slots", image.program.size()}};
  output.text("{}\n", output.strong(fmt::format("; {} ({}), {} insn slots", image.name,
                                                image.section, image.program.size())));
  for (const auto& [pass, text] : stages.texts) {
    output.text("; ir{}{}\n{}", pass.empty() ? "" : ":", pass, text);
    entry["ir"][pass.empty() ? "last" : pass] = text;
  }
  if (wanted.code) {
    output.text("; code for {}\n{}", options.target->name, compiled.text);
    entry["code"] = compiled.text;
  }
  if (wanted.stats) {
    const jit::CompileStats& stats = compiled.stats;
    output.text(
        "; {} bytes of code, {} insts of the representation, {} values in slots, native "
        "frames of {} bytes at most\n",
        compiled.code.size(), stats.insts, stats.values_in_slots, stats.frame_bytes);
    entry["stats"] = {{"code_bytes", compiled.code.size()},
                      {"insts", stats.insts},
                      {"values_in_slots", stats.values_in_slots},
                      {"frame_bytes", stats.frame_bytes}};
  }
  return entry;
}

Exit run(const Arguments& arguments, Output& output) {
  const Wanted wanted = parse_dump(arguments.dump);
  const ProgramInput input = read_program(arguments.program);
  const Object object = load_program(input, arguments.program);
  if (!arguments.name.empty()) must(object.image(arguments.name), object.name);
  Vm vm;
  const auto interpreter = make_interpreter();
  const auto instance = must(vm.load(object.programs, *interpreter), object.name);
  Json programs = Json::array();
  for (const auto& image : object.programs) {
    if (!arguments.name.empty() && image->name != arguments.name) continue;
    programs.push_back(dump_program(*image, instance->maps(), arguments, wanted, output));
  }
  output.document({{"object", object.name}, {"programs", programs}});
  for (const LoadFailure& failure : object.failures) output.complain(failure.error);
  return object.failures.empty() ? Exit::Good : exit_of(row(object.failures[0].error.code).kind);
}

#else

Exit run(const Arguments&, Output&) {
  raise<Code::engine_cannot>("skep jit", "jit", "is not in this build");
}

#endif

}  // namespace

const Verb kJitVerb{
    "jit", "Show what programs are compiled to", kExamples, [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<Arguments>();
      add_program_options(app, arguments->program);
      app.add_option("--prog", arguments->name, "Only this program, by its C name")
          ->type_name("NAME");
      app.add_option("--dump", arguments->dump,
                     "By commas: ir (the representation after all passes), ir:PASS, ir:lifted, "
                     "code, stats (default: code)")
          ->type_name("WHAT");
      app.add_option("--target", arguments->target, "x64 or a64 (default: this machine)")
          ->check(CLI::IsMember({"x64", "a64"}).description(""))
          ->type_name("MACHINE");
      app.add_option("--mode", arguments->mode, "checked or trusted (default: checked)")
          ->check(CLI::IsMember({"checked", "trusted"}).description(""))
          ->type_name("MODE");
      app.add_option("--level", arguments->level, "O0 or O2 (default: O2)")
          ->check(CLI::IsMember({"O0", "O2"}).description(""))
          ->type_name("LEVEL");
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
