// `skep dis`: programs as text, each with the names and source lines that the object has.
// Tested by tests/tools/cli_test.cpp.
#include "helpers/spec/image_names.h"
#include "isa/wire.h"
#include "tools/command.h"
#include "tools/names.h"
#include "tools/program_input.h"

namespace skep {
namespace {

struct Arguments {
  ProgramArguments program;
  std::string name;
  DisasmPrefix prefix = DisasmPrefix::Pc;
  bool bare = false;
};

DisasmOptions options_for(const Arguments& arguments, const Image* image) {
  DisasmOptions options = image != nullptr ? names_of(*image) : DisasmOptions{};
  if (image == nullptr) options.helper = helper_name;
  options.prefix = arguments.prefix;
  options.source = !arguments.bare;
  return options;
}

Json insns_document(const Program& program, const DisasmOptions& options) {
  Json insns = Json::array();
  DisasmOptions plain = options;
  plain.function = [&program](Pc first) { return program.subprogram_of(first).name; };
  for (u32 pc = 0; pc < program.size(); ++pc) {
    const Decoded& insn = program.at({pc});
    if (insn.second_slot) continue;
    Json entry{{"pc", pc},
               {"text", disassemble(insn, {pc}, plain)},
               {"hex", to_hex(to_bytes(program.insns().subspan(pc, insn.slots())))}};
    if (const SourceLine* line = program.source().find({pc})) {
      entry["file"] = program.source().files[line->file];
      entry["line"] = line->line;
    }
    insns.push_back(std::move(entry));
  }
  return insns;
}

Json disassemble_object(const Arguments& arguments, const Object& object, Output& output) {
  Json programs = Json::array();
  for (const auto& image : object.programs) {
    if (!arguments.name.empty() && image->name != arguments.name) continue;
    const DisasmOptions options = options_for(arguments, image.get());
    output.text("{}{}\n", programs.empty() ? "" : "\n",
                output.strong(fmt::format("; {} ({}), {} insn slots", image->name, image->section,
                                          image->program.size())));
    output.text("{}", disassemble(image->program, options));
    Json entry{{"name", image->name},
               {"section", image->section},
               {"type", name(image->type)},
               {"slots", image->program.size()}};
    if (output.json()) entry["insns"] = insns_document(image->program, options);
    programs.push_back(std::move(entry));
  }
  return programs;
}

Exit dis_object(const Arguments& arguments, const ProgramInput& input, Output& output) {
  const Object object = load_program(input, arguments.program, true);
  if (!arguments.name.empty()) must(object.image(arguments.name), object.name);
  const Json programs = disassemble_object(arguments, object, output);
  output.document({{"object", object.name}, {"programs", programs}});
  for (const LoadFailure& failure : object.failures) output.complain(failure.error);
  return object.failures.empty() ? Exit::Good : exit_of(row(object.failures[0].error.code).kind);
}

// Bare instructions need not hold together, or even decode.
Exit dis_bare(const Arguments& arguments, const ProgramInput& input, Output& output) {
  const std::vector<Insn> insns = bare_insns(input);
  const std::string text = disassemble(insns, options_for(arguments, nullptr));
  output.text("{}", text);
  DisasmOptions plain = options_for(arguments, nullptr);
  plain.prefix = DisasmPrefix::None;
  output.document({{"slots", insns.size()}, {"text", disassemble(insns, plain)}});
  return Exit::Good;
}

Exit run(const Arguments& arguments, Output& output) {
  const ProgramInput input = read_program(arguments.program);
  const bool bare = input.form == ProgramForm::Bytes || input.form == ProgramForm::Hex;
  return bare ? dis_bare(arguments, input, output) : dis_object(arguments, input, output);
}

}  // namespace

const Verb kDisVerb{
    "dis", "Disassemble the programs of an object, or bare instructions",
    "  skep dis filter.o --prog firewall\n"
    "  skep dis filter.o --prefix bytes --bare\n"
    "  echo 'b7 00 00 00 01 00 00 00 95 00 00 00 00 00 00 00' | skep dis -",
    [](CLI::App& app) -> Action {
      static const std::map<std::string, DisasmPrefix> kPrefixes{{"none", DisasmPrefix::None},
                                                                 {"pc", DisasmPrefix::Pc},
                                                                 {"opcode", DisasmPrefix::Opcode},
                                                                 {"bytes", DisasmPrefix::Bytes}};
      const auto arguments = std::make_shared<Arguments>();
      add_program_options(app, arguments->program);
      app.add_option("--prog", arguments->name, "Only this program, by its C name")
          ->type_name("NAME");
      app.add_option("--prefix", arguments->prefix,
                     "Before each instruction: none, pc, opcode or bytes (default: pc)")
          ->transform(CLI::CheckedTransformer(kPrefixes).description(""))
          ->type_name("WHAT");
      app.add_flag("--bare", arguments->bare, "Without source lines");
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
