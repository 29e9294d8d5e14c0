// Tells object files, text and bare instructions apart, and loads them. See program_input.h.
#include "tools/program_input.h"

#include <charconv>
#include <deque>
#include <filesystem>

#include "helpers/spec/sections.h"
#include "isa/asm.h"
#include "isa/wire.h"
#include "loader/core_target.h"
#include "tools/names.h"
#include "tools/output.h"

namespace skep {
namespace {

constexpr const char* kRunningKernel = "/sys/kernel/btf/vmlinux";

bool has_assembly_name(const std::string& path) {
  const std::string extension = std::filesystem::path(path).extension();
  return extension == ".s" || extension == ".S" || extension == ".asm" || extension == ".test";
}

ProgramForm form_of(const ProgramArguments& arguments, std::span<const u8> bytes) {
  if (arguments.assembly || has_assembly_name(arguments.path)) return ProgramForm::Assembly;
  if (is_elf(bytes)) return ProgramForm::Elf;
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return looks_like_hex(text) ? ProgramForm::Hex : ProgramForm::Bytes;
}

u32 parse_kernel(const std::string& text) {
  u32 parts[3] = {};
  std::size_t part = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (part < 3) {
    const auto [next, error] = std::from_chars(at, end, parts[part]);
    if (error != std::errc() || parts[part] > 255) break;
    ++part;
    at = next;
    if (at == end || *at != '.') break;
    ++at;
  }
  if (part < 2 || at != end)
    raise<Code::usage>(fmt::format("--kernel '{}' is not a version such as 6.12", text));
  return parts[0] << 16 | parts[1] << 8 | parts[2];
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == ',') {
      if (!word.empty()) words.push_back(std::exchange(word, {}));
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

// What comments of assembly text say beside the instructions:
//   ; run: type=xdp
//   ; run: section=fentry/do_unlinkat
//   ; map NAME: TYPE key=4 value=8 entries=16 flags=0x1
struct Notes {
  ProgramType type = ProgramType::raw;
  std::string section;  // says more than the type; "": nothing
  std::vector<MapSpec> maps;
};

[[noreturn]] void refuse_note(const std::string& file, u32 line, std::string_view reason) {
  raise<Code::bad_map_definition>(fmt::format("{}:{}", file, line), reason);
}

u32 note_number(const std::string& file, u32 line, std::string_view text) {
  const bool hex = text.starts_with("0x");
  u32 value = 0;
  const char* const end = text.data() + text.size();
  const auto [next, error] =
      std::from_chars(text.data() + (hex ? 2 : 0), end, value, hex ? 16 : 10);
  if (error != std::errc() || next != end)
    refuse_note(file, line, fmt::format("'{}' is not a number", text));
  return value;
}

MapSpec map_of_note(const std::string& file, u32 line, std::string_view name,
                    std::string_view text) {
  MapSpec spec;
  spec.name = name;
  spec.section = ".maps";
  const auto words = words_of(text);
  const MapKind* kind = words.empty() ? nullptr : find_map_kind(words[0]);
  if (kind == nullptr)
    refuse_note(file, line, fmt::format("'{}' is not a map type", words.empty() ? "" : words[0]));
  spec.type = kind->type;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const std::size_t equals = word.find('=');
    const std::string_view field = word.substr(0, equals);
    u32* place = field == "key"       ? &spec.key_size
                 : field == "value"   ? &spec.value_size
                 : field == "entries" ? &spec.max_entries
                 : field == "flags"   ? &spec.flags
                                      : nullptr;
    if (place == nullptr || equals == std::string_view::npos) {
      refuse_note(file, line, fmt::format("'{}' is none of key=, value=, entries=, flags=", word));
    }
    *place = note_number(file, line, word.substr(equals + 1));
  }
  return spec;
}

void read_run_note(const std::string& file, const LineNote& note, Notes& notes) {
  for (const std::string& word : words_of(note.text.substr(4))) {
    const std::string_view value = std::string_view(word).substr(word.find('=') + 1);
    if (word.starts_with("type=")) {
      const ProgramTypeRow* row = find_program_type(value);
      if (row == nullptr)
        raise<Code::usage>(fmt::format("{}:{}: no program type '{}'", file, note.line, value));
      notes.type = row->type;
    } else if (word.starts_with("section=")) {
      const SectionName section = parse_section_name(value);
      if (section.row == nullptr)
        raise<Code::usage>(fmt::format("{}:{}: no section name '{}'", file, note.line, value));
      notes.section = value;
      notes.type = section.row->type;
    }
  }
}

Notes read_notes(const std::string& file, const Assembly& assembly) {
  Notes notes;
  for (const LineNote& note : assembly.notes) {
    const std::string_view text = note.text;
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) continue;
    if (text.starts_with("map ")) {
      notes.maps.push_back(
          map_of_note(file, note.line, text.substr(4, colon - 4), text.substr(colon + 1)));
    } else if (text.starts_with("run:")) {
      read_run_note(file, note, notes);
    }
  }
  return notes;
}

void take_section(std::string_view name, Image& image) {
  const SectionName section = parse_section_name(name);
  image.section = section.name;
  image.attach_to = section.target;
  image.attach_type = static_cast<u32>(section.row->attach_type);
  image.sleepable = (section.row->flags & section_flags::Sleepable) != 0;
  image.frags = (section.row->flags & section_flags::Frags) != 0;
}

Object object_of(std::string name, Program program, const Notes& notes, std::vector<MapSpec> maps,
                 std::vector<Extern> externs) {
  Object object;
  object.name = name;
  object.maps = std::make_shared<const std::vector<MapSpec>>(std::move(maps));
  Image image;
  const std::string& entry = program.subprograms().front().name;
  image.name = entry.empty() ? "main" : entry;
  image.type = notes.type;
  if (!notes.section.empty()) take_section(notes.section, image);
  image.license = object.license = "GPL";  // of text nobody asks; every helper may be called
  image.program = std::move(program);
  image.maps = object.maps;
  image.externs = std::move(externs);
  object.programs.push_back(std::make_shared<const Image>(std::move(image)));
  return object;
}

// Maps in the order of their indices, each with its definition.
std::vector<MapSpec> maps_in_order(const std::string& file, const std::vector<std::string>& names,
                                   std::vector<MapSpec> defined) {
  for (const std::string& name : names) {
    if (std::ranges::find(defined, name, &MapSpec::name) == defined.end()) {
      raise<Code::bad_map_definition>(
          name, fmt::format("not defined; write in {}: `; map {}: hash key=4 value=8 entries=16`",
                            file, name));
    }
  }
  std::vector<MapSpec> ordered;
  for (const std::string& name : names)
    ordered.push_back(*std::ranges::find(defined, name, &MapSpec::name));
  return ordered;
}

// Kernel functions; those whose address is taken are variables, which the caller finds out.
std::vector<Extern> externs_of(const std::vector<std::string>& names) {
  std::vector<Extern> externs;
  for (const std::string& name : names) externs.push_back({.name = name, .function = true});
  return externs;
}

Object load_assembly(const ProgramInput& input) {
  const std::string_view text(reinterpret_cast<const char*>(input.bytes.data()),
                              input.bytes.size());
  AsmOptions options;
  options.file = input.name;
  options.helper = helper_number;
  Assembly assembly = must(assemble(text, options));
  Notes notes = read_notes(input.name, assembly);
  std::vector<MapSpec> maps = maps_in_order(input.name, assembly.maps, std::move(notes.maps));
  std::vector<Extern> externs = externs_of(assembly.externs);
  Program program = must(make_program(std::move(assembly)), input.name);
  for (const Decoded& insn : program.decoded()) {
    if (insn.op == Op::LoadBtfId && insn.map_index() < externs.size())
      externs[insn.map_index()].function = false;
  }
  return object_of(input.name, std::move(program), notes, std::move(maps), std::move(externs));
}

Object load_bare(const ProgramInput& input) {
  return object_of(input.name, must(Program::make(bare_insns(input)), input.name), {}, {}, {});
}

// The input alone, or linked with the other objects.
Object load_files(const ProgramInput& input, std::span<const ObjectFile> others,
                  const LoadOptions& options) {
  if (others.empty()) return must(load(input.bytes, options), input.name);
  std::vector<ObjectFile> files{{input.name, input.bytes}};
  files.insert(files.end(), others.begin(), others.end());
  return must(load_linked(files, options));
}

Object load_elf(const ProgramInput& input, const ProgramArguments& arguments, bool inspect) {
  LoadOptions options;
  const std::string stem = std::filesystem::path(input.name).filename().stem();
  const std::string name = stem.substr(0, stem.find('.'));
  options.name = name;
  options.inspect = inspect;
  const std::string kconfig = arguments.kconfig.empty() ? "" : read_text(arguments.kconfig);
  options.kconfig = kconfig;
  if (!arguments.kernel.empty()) options.kernel_version = parse_kernel(arguments.kernel);
  std::deque<Buffer> contents;
  std::vector<ObjectFile> others;
  for (const std::string& path : arguments.link) {
    contents.push_back(read_input(path));
    others.push_back({path, contents.back()});
  }
  std::shared_ptr<const CoreTarget> target =
      arguments.target.empty() ? nullptr : read_target(arguments.target);
  options.target = target.get();
  Object object = load_files(input, others, options);
  // The types of a kernel cost some tens of milliseconds to read, and few programs ask for them.
  const bool asks = object.relocations[static_cast<std::size_t>(RelocationKind::Core)] != 0;
  if (asks && target == nullptr) target = read_target("");
  if (target.get() == options.target) return object;
  options.target = target.get();
  return load_files(input, others, options);
}

}  // namespace

void add_program_options(CLI::App& app, ProgramArguments& arguments) {
  app.add_option(
         "program", arguments.path,
         "A BPF object; assembly (*.s, --asm); or instructions as bytes or hex; - for stdin")
      ->type_name("FILE")
      ->required();
  app.add_flag("--asm", arguments.assembly, "The program is assembly text")->group("Program");
  app.add_option("--link", arguments.link, "Link this object to the program, repeatable")
      ->type_name("OBJECT")
      ->allow_extra_args(false)
      ->group("Program");
  app.add_option("--btf", arguments.target,
                 "Types that CO-RE relocates against: BTF or ELF (default: the running kernel's)")
      ->type_name("FILE")
      ->group("Program");
  app.add_option("--kconfig", arguments.kconfig, "Kernel configuration for .kconfig externs")
      ->type_name("FILE")
      ->group("Program");
  app.add_option("--kernel", arguments.kernel,
                 "Kernel version that programs are told, such as 6.12")
      ->type_name("VERSION")
      ->group("Program");
}

ProgramInput read_program(const ProgramArguments& arguments) {
  ProgramInput input;
  input.name = arguments.path == "-" ? "stdin" : arguments.path;
  input.bytes = read_input(arguments.path);
  input.form = form_of(arguments, input.bytes);
  if (input.form != ProgramForm::Elf && !arguments.link.empty()) {
    raise<Code::usage>(fmt::format("--link joins objects, but {} is none", input.name));
  }
  return input;
}

Object load_program(const ProgramInput& input, const ProgramArguments& arguments, bool inspect) {
  switch (input.form) {
    case ProgramForm::Elf: return load_elf(input, arguments, inspect);
    case ProgramForm::Assembly: return load_assembly(input);
    case ProgramForm::Bytes:
    case ProgramForm::Hex: return load_bare(input);
  }
  raise<Code::unhandled>("a program of no form");
}

std::vector<Insn> bare_insns(const ProgramInput& input) {
  if (input.bytes.empty()) raise<Code::not_an_object>(fmt::format("{} is empty", input.name));
  if (input.form == ProgramForm::Hex) {
    const std::string_view text(reinterpret_cast<const char*>(input.bytes.data()),
                                input.bytes.size());
    return must(from_bytes(parse_hex(text, input.name)), input.name);
  }
  // Any bytes could be instructions, but a file of other bytes is more likely a mistake.
  if (input.bytes.size() % sizeof(Insn) != 0) {
    raise<Code::not_an_object>(
        fmt::format("{} is no ELF file, nor hex, nor a multiple of 8 bytes", input.name));
  }
  return must(from_bytes(input.bytes), input.name);
}

std::string program_names(const Object& object) {
  std::string text;
  for (const auto& image : object.programs) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", image->name, image->section);
  }
  return text;
}

std::shared_ptr<const CoreTarget> read_target(const std::string& path) {
  std::error_code ignored;
  if (path.empty() && !std::filesystem::exists(kRunningKernel, ignored)) return nullptr;
  const std::string from = path.empty() ? kRunningKernel : path;
  auto btf = std::make_shared<const Btf>(must(load_btf(read_input(from)), from));
  return std::make_shared<const CoreTarget>(must(CoreTarget::make(std::move(btf)), from));
}

}  // namespace skep
