// `skep info`: what is in an object, without running it: programs, maps, externs, relocations, the
// licence, sizes, and what could not be made and why. Tested by tests/tools/cli_test.cpp.
#include "helpers/contexts/frames.h"
#include "helpers/spec/sections.h"
#include "isa/btf_format.h"
#include "tools/command.h"
#include "tools/program_input.h"

namespace skep {
namespace {

std::string attach_name(const Image& image) {
  if (image.attach_type == 0) return "";
  const std::string_view known = attach_type_name(image.attach_type);
  return known.empty() ? std::to_string(image.attach_type) : std::string(known);
}

std::string type_text(const Btf* btf, u32 id) {
  return btf == nullptr || id == 0 ? "" : type_name(*btf, id);
}

std::string map_type_name(MapType type) {
  const MapKind* kind = find_map_kind(type);
  return kind == nullptr ? fmt::format("type {}", static_cast<u32>(type)) : std::string(kind->name);
}

std::string sized(u32 size, const std::string& type) {
  return type.empty() ? std::to_string(size) : fmt::format("{} ({})", size, type);
}

Json programs_document(const Object& object) {
  Json programs = Json::array();
  for (const auto& image : object.programs) {
    Json functions = Json::array();
    for (const Subprogram& function : image->program.subprograms()) {
      functions.push_back({{"name", function.name},
                           {"first", function.first.value},
                           {"end", function.end.value},
                           {"global", function.global}});
    }
    programs.push_back({{"name", image->name},
                        {"section", image->section},
                        {"type", name(image->type)},
                        {"attach_type", attach_name(*image)},
                        {"attach_to", image->attach_to},
                        {"sleepable", image->sleepable},
                        {"slots", image->program.size()},
                        {"bytes", image->program.size() * sizeof(Insn)},
                        {"source_lines", image->program.source().lines.size()},
                        {"functions", functions},
                        {"emulated", is_emulated(image->type)}});
  }
  return programs;
}

Json maps_document(const Object& object) {
  Json maps = Json::array();
  for (const MapSpec& map : *object.maps) {
    const MapKind* kind = find_map_kind(map.type);
    maps.push_back({{"name", map.name},
                    {"type", map_type_name(map.type)},
                    {"key_size", map.key_size},
                    {"value_size", map.value_size},
                    {"max_entries", map.max_entries},
                    {"flags", map.flags},
                    {"key_type", type_text(object.btf.get(), map.btf_key)},
                    {"value_type", type_text(object.btf.get(), map.btf_value)},
                    {"section", map.section},
                    {"frozen", map.frozen},
                    {"pinned", map.pinned},
                    {"emulated", kind != nullptr && kind->runs}});
  }
  return maps;
}

std::string_view kind_name(ExternInfo::Kind kind) {
  switch (kind) {
    case ExternInfo::Kind::Kconfig: return "kconfig";
    case ExternInfo::Kind::KernelFunction: return "kernel function";
    case ExternInfo::Kind::KernelVariable: return "kernel variable";
  }
  return "";
}

Json externs_document(const Object& object) {
  Json externs = Json::array();
  for (const ExternInfo& info : object.externs) {
    Json entry{{"name", info.name}, {"kind", kind_name(info.kind)}, {"weak", info.weak}};
    if (info.kind == ExternInfo::Kind::Kconfig)
      entry["value"] = info.found ? Json(info.value) : Json();
    externs.push_back(std::move(entry));
  }
  return externs;
}

Json failures_document(const std::vector<LoadFailure>& failures) {
  Json list = Json::array();
  for (const LoadFailure& failure : failures) {
    list.push_back({{"name", failure.name},
                    {"section", failure.section},
                    {"code", name(failure.error.code)},
                    {"text", failure.error.text}});
  }
  return list;
}

Json relocations_document(const Object& object) {
  Json counts = Json::object();
  for (std::size_t i = 0; i < kRelocationKinds; ++i) {
    counts[std::string(name(static_cast<RelocationKind>(i)))] = object.relocations[i];
  }
  return counts;
}

Json core_document(const Object& object) {
  Json failures = Json::array();
  for (const FailedCoreRelo& failed : object.failed_core) {
    failures.push_back({{"section", failed.section},
                        {"pc", failed.pc.value},
                        {"kind", name(failed.kind)},
                        {"path", failed.path},
                        {"reason", failed.reason},
                        {"poisoned", failed.poisoned}});
  }
  return failures;
}

Json document_of(const Object& object) {
  Json sections = Json::array();
  for (const SectionInfo& section : object.sections) {
    sections.push_back({{"object", section.object},
                        {"name", section.name},
                        {"use", section.use},
                        {"size", section.size},
                        {"relocations", section.relocations}});
  }
  return {{"object", object.name},
          {"license", object.license},
          {"kernel_version", object.kernel_version},
          {"byte_order", object.big_endian ? "big" : "little"},
          {"btf_types", object.btf == nullptr ? 0 : object.btf->types()},
          {"programs", programs_document(object)},
          {"maps", maps_document(object)},
          {"externs", externs_document(object)},
          {"relocations", relocations_document(object)},
          {"core_failures", core_document(object)},
          {"failures", failures_document(object.failures)},
          {"errors", failures_document(object.errors)},
          {"sections", sections}};
}

std::string program_table(const Object& object) {
  Table table({"program", "section", "type", "attach type", "insns", "functions", "lines"});
  for (const auto& image : object.programs) {
    table.add({printable(image->name), printable(image->section), std::string(name(image->type)),
               attach_name(*image), std::to_string(image->program.size()),
               std::to_string(image->program.subprograms().size()),
               std::to_string(image->program.source().lines.size())});
  }
  return table.empty() ? "" : "\n" + table.text("");
}

std::string map_table(const Object& object) {
  Table table({"map", "type", "entries", "key", "value", "flags"});
  for (const MapSpec& map : *object.maps) {
    const std::string flags = fmt::format("{:#x}{}{}", map.flags, map.frozen ? " frozen" : "",
                                          map.pinned ? " pinned" : "");
    table.add({printable(map.name), map_type_name(map.type), std::to_string(map.max_entries),
               sized(map.key_size, printable(type_text(object.btf.get(), map.btf_key))),
               sized(map.value_size, printable(type_text(object.btf.get(), map.btf_value))),
               flags});
  }
  return table.empty() ? "" : "\n" + table.text("");
}

std::string extern_table(const Object& object) {
  Table table({"extern", "kind", "value"});
  for (const ExternInfo& info : object.externs) {
    const std::string value = info.found  ? fmt::format("{:#x}", info.value)
                              : info.weak ? "(weak)"
                                          : "";
    table.add({printable(info.name), std::string(kind_name(info.kind)), value});
  }
  return table.empty() ? "" : "\n" + table.text("");
}

// Sections that programs have, not those that hold a file together.
bool is_content(std::string_view use) {
  return !use.empty() && use != "strings" && use != "symbols" && use != "relocations";
}

std::string section_table(const Object& object) {
  Table table({"section", "use", "bytes", "relocations"});
  for (const SectionInfo& section : object.sections) {
    if (is_content(section.use))
      table.add({printable(section.name), std::string(section.use), std::to_string(section.size),
                 std::to_string(section.relocations)});
  }
  return table.empty() ? "" : "\n" + table.text("");
}

void report(const Object& object, Output& output) {
  output.text("{}: license {}, {}-endian, {} BTF types\n", output.strong(printable(object.name)),
              object.license.empty() ? "none" : fmt::format("'{}'", printable(object.license)),
              object.big_endian ? "big" : "little",
              object.btf == nullptr ? 0 : object.btf->types());
  output.text("{}{}{}{}", program_table(object), map_table(object), extern_table(object),
              section_table(object));
  std::string relocations;
  for (std::size_t i = 0; i < kRelocationKinds; ++i) {
    if (object.relocations[i] == 0) continue;
    relocations += fmt::format("{}{} {}", relocations.empty() ? "" : ", ", object.relocations[i],
                               name(static_cast<RelocationKind>(i)));
  }
  output.text("\nrelocations: {}\n", relocations.empty() ? "none" : relocations);
  for (const FailedCoreRelo& failed : object.failed_core) {
    output.text("CO-RE: {} insn {}: {} of {}: {}{}\n", printable(failed.section), failed.pc.value,
                name(failed.kind), printable(failed.path), printable(failed.reason),
                failed.poisoned ? " (poisoned)" : "");
  }
}

Exit run(const ProgramArguments& arguments, Output& output) {
  const Object object = load_program(read_program(arguments), arguments, true);
  report(object, output);
  output.document(document_of(object));
  for (const LoadFailure& failure : object.failures) output.complain(failure.error);
  for (const LoadFailure& failure : object.errors) output.complain(failure.error);
  if (!object.failures.empty()) return exit_of(row(object.failures[0].error.code).kind);
  return object.errors.empty() ? Exit::Good : exit_of(row(object.errors[0].error.code).kind);
}

}  // namespace

const Verb kInfoVerb{
    "info", "Show what is in an object",
    "  skep info filter.o\n"
    "  skep info part.o --link other.o -p\n"
    "  skep info probe.o --btf vmlinux-5.10.btf     would its CO-RE accesses work there?",
    [](CLI::App& app) -> Action {
      const auto arguments = std::make_shared<ProgramArguments>();
      add_program_options(app, *arguments);
      return [arguments](Output& output) { return run(*arguments, output); };
    }};

}  // namespace skep
