// load_all: loads every object of a directory, relocates it against a kernel's types, disassembles
// each program and assembles the text again, which must give the same bytes. Prints one line a
// program: object, program, status, reason, tab-separated. For running the loader over large
// collections of real objects, which tests/scripts/ makes.
//
//   load_all [--btf FILE] [--kconfig FILE] [--link] PATH...
//
// --link takes the files given as one object, as bpftool gen object does.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

#include "helpers/spec/image_names.h"
#include "helpers/spec/proto.h"
#include "isa/asm.h"
#include "loader/loader.h"

namespace {

using namespace skep;

std::vector<u8> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Arguments {
  std::vector<std::filesystem::path> paths;
  std::optional<CoreTarget> target;
  std::string kconfig;
  bool link = false;
};

void add_path(Arguments& arguments, const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return arguments.paths.push_back(path);
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".o") arguments.paths.push_back(entry.path());
  }
}

bool read_target(Arguments& arguments, const char* path) {
  auto btf = load_btf(read_file(path));
  if (!btf) {
    fmt::print(stderr, "{}: {}\n", path, btf.error().text);
    return false;
  }
  auto target = CoreTarget::make(std::make_shared<const Btf>(std::move(*btf)));
  if (!target) {
    fmt::print(stderr, "{}: {}\n", path, target.error().text);
    return false;
  }
  arguments.target.emplace(std::move(*target));
  return true;
}

struct Counts {
  u32 objects = 0, unreadable = 0, programs = 0, failed = 0, errors = 0, insns = 0;
  u32 core = 0, core_failed = 0, lines = 0, bad_text = 0;
};

void print_line(const std::string& object, std::string_view program, std::string_view status,
                std::string_view reason) {
  fmt::print("{}\t{}\t{}\t{}\n", object, program, status, reason);
}

// ---- text and back
// -------------------------------------------------------------------------------

// Names by index. Of two of a name only the first one can be written by it.
std::vector<std::string> map_names(const Image& image) {
  std::vector<std::string> names;
  for (const MapSpec& spec : *image.maps) {
    names.push_back(std::ranges::find(names, spec.name) != names.end() ? std::string() : spec.name);
  }
  return names;
}

std::vector<std::string> extern_names(const Image& image) {
  std::vector<std::string> names;
  for (const Extern& each : image.externs) names.push_back(each.name);
  return names;
}

std::optional<i32> helper_id(std::string_view name) {
  const HelperProto* proto = find_helper(name);
  return proto == nullptr ? std::nullopt : std::optional(static_cast<i32>(proto->id));
}

std::string text_of(const Image& image) {
  return disassemble(image.program, names_of(image));
}

// The first thing that is wrong with the text of a program, or nothing.
std::string fault_of(const Image& image, std::string_view text) {
  const Program& program = image.program;
  if (text.empty()) return "no text";
  if (const auto at = text.find(".quad"); at != text.npos) {
    return fmt::format("no instruction: {}", text.substr(at, text.find('\n', at) - at));
  }
  AsmOptions options;
  options.maps = map_names(image);
  options.externs = extern_names(image);
  options.helper = helper_id;
  const auto assembly = assemble(text, options);
  if (!assembly) return assembly.error().text;
  const auto insns = program.insns();
  const auto [mine, other] = std::ranges::mismatch(insns, assembly->insns);
  if (mine != insns.end() || other != assembly->insns.end()) {
    return fmt::format("insn {} is another one after assembly", mine - insns.begin());
  }
  const auto starts = [](std::span<const Subprogram> all) {
    std::vector<Pc> pcs;
    for (const Subprogram& each : all) pcs.push_back(each.first);
    return pcs;
  };
  const bool same = starts(program.subprograms()) == starts(assembly->subprograms);
  return same ? std::string() : "its functions are others after assembly";
}

void print_program(const std::string& object, const Image& image, Counts& counts) {
  ++counts.programs;
  counts.insns += image.program.size();
  const std::string text = text_of(image);
  counts.lines += static_cast<u32>(std::ranges::count(text, '\n'));
  const std::string fault = fault_of(image, text);
  counts.bad_text += !fault.empty();
  if (!fault.empty()) return print_line(object, image.name, "bad text", fault);
  print_line(object, image.name, "ok", fmt::format("{} insns", image.program.size()));
}

void print_object(const std::string& name, const Result<Object>& object, Counts& counts) {
  ++counts.objects;
  if (!object) {
    ++counts.unreadable;
    return print_line(name, "", "unreadable", object.error().text);
  }
  for (const auto& image : object->programs) print_program(name, *image, counts);
  for (const LoadFailure& failure : object->failures) {
    ++counts.failed;
    print_line(name, failure.name, "failed", failure.error.text);
  }
  for (const LoadFailure& error : object->errors) {
    ++counts.errors;
    print_line(name, error.name, "error", error.error.text);
  }
  counts.core += object->relocations[static_cast<std::size_t>(RelocationKind::Core)];
  counts.core_failed += static_cast<u32>(object->failed_core.size());
}

void run(const Arguments& arguments, Counts& counts) {
  LoadOptions options;
  options.kconfig = arguments.kconfig;
  options.target = arguments.target ? &*arguments.target : nullptr;
  std::vector<std::vector<u8>> bytes;
  std::vector<std::string> names;
  std::vector<ObjectFile> files;
  for (const auto& path : arguments.paths) {
    bytes.push_back(read_file(path));
    names.push_back(path.filename().string());
    options.name = names.back();
    if (!arguments.link) print_object(names.back(), load(bytes.back(), options), counts);
    if (!arguments.link) bytes.clear();
  }
  if (!arguments.link) return;
  for (std::size_t i = 0; i < names.size(); ++i) files.push_back({names[i], bytes[i]});
  print_object("linked", load_linked(files, options), counts);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--btf" && i + 1 < argc) {
      if (!read_target(arguments, argv[++i])) return 3;
    } else if (word == "--kconfig" && i + 1 < argc) {
      const std::vector<u8> text = read_file(argv[++i]);
      arguments.kconfig.assign(text.begin(), text.end());
    } else if (word == "--link") {
      arguments.link = true;
    } else {
      add_path(arguments, word);
    }
  }
  if (!arguments.link) std::ranges::sort(arguments.paths);
  Counts counts;
  const auto start = std::chrono::steady_clock::now();
  run(arguments, counts);
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  fmt::print(
      stderr,
      "{} objects: {} unreadable; {} programs of {} insns, {} failed; {} other errors; "
      "{} CO-RE relocations, {} not satisfied; {} lines of text, that of {} programs does not "
      "assemble to the same; {:.2f} s\n",
      counts.objects, counts.unreadable, counts.programs, counts.insns, counts.failed,
      counts.errors, counts.core, counts.core_failed, counts.lines, counts.bad_text, time.count());
  return counts.unreadable + counts.failed + counts.errors + counts.bad_text == 0 ? 0 : 1;
}
