// `skep asm`: text to instructions. Tested by tests/tools/cli_test.cpp.
#include "isa/asm.h"
#include "isa/wire.h"
#include "tools/command.h"
#include "tools/io.h"
#include "tools/names.h"

namespace skep {
namespace {

enum class Format { Hex, Bytes, C };

struct Arguments {
  std::string path;
  std::string output;
  Format format = Format::Hex;
  bool unchecked = false;
};

// One slot a line: what `skep dis` and the conformance suite's protocol read.
std::string hex_lines(std::span<const Insn> insns) {
  const std::vector<u8> bytes = to_bytes(insns);
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text += fmt::format("{:02x}{}", bytes[i], i % 8 == 7 ? "\n" : " ");
  }
  return text;
}

Buffer render(std::span<const Insn> insns, Format format) {
  if (format == Format::Bytes) return to_bytes(insns);
  const std::string text = format == Format::C ? to_c_array(insns, "program") : hex_lines(insns);
  return {text.begin(), text.end()};
}

Json document(const Assembly& assembly) {
  Json subprograms = Json::array();
  for (const Subprogram& subprogram : assembly.subprograms) {
    subprograms.push_back({{"name", subprogram.name},
                           {"first", subprogram.first.value},
                           {"end", subprogram.end.value}});
  }
  return {{"slots", assembly.insns.size()},
          {"hex", to_hex(to_bytes(assembly.insns))},
          {"functions", subprograms},
          {"maps", assembly.maps},
          {"externs", assembly.externs}};
}

Exit run(const Arguments& arguments, Output& output) {
  const std::string text = read_text(arguments.path, kMaxAsmBytes);
  AsmOptions options;
  const std::string name = arguments.path == "-" ? "stdin" : arguments.path;
  options.file = name;
  options.helper = helper_number;
  Assembly assembly = must(assemble(text, options));
  if (!arguments.unchecked) must(make_program(assembly), name);
  const Buffer bytes = render(assembly.insns, arguments.format);
  if (!arguments.output.empty()) {
    write_output(arguments.output, bytes);
  } else if (!output.json()) {
    write_output("-", bytes);
  }
  output.document(document(assembly));
  return Exit::Good;
}

}  // namespace

const Verb kAsmVerb{
    "asm", "Assemble text to instructions",
    "  skep asm filter.s                      hex, one instruction slot a line\n"
    "  skep asm filter.s -f bin -o filter.bin\n"
    "  echo 'r0 = 0; exit' | tr ';' '\\n' | skep asm - | skep dis -",
    [](CLI::App& app) -> Action {
      static const std::map<std::string, Format> kFormats{
          {"hex", Format::Hex}, {"bin", Format::Bytes}, {"c", Format::C}};
      const auto arguments = std::make_shared<Arguments>();
      app.add_option("text", arguments->path, "Assembly text; - for stdin")
          ->type_name("FILE")
          ->required();
      app.add_option("-o,--output", arguments->output, "Write here instead of stdout")
          ->type_name("FILE");
      app.add_option("-f,--format", arguments->format, "hex, bin or c (default: hex)")
          ->transform(CLI::CheckedTransformer(kFormats).description(""))
          ->type_name("FORMAT");
      app.add_flag("--no-check", arguments->unchecked,
                   "Write programs too that do not hold together");
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
