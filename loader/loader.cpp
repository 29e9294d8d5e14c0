// The steps of a load, in order, and what is told about the object.
// Tested by tests/loader/loader_test.cpp, fuzzed by tests/fuzz/load.cpp.
#include "loader/loader.h"

#include <algorithm>

#include "loader/apply_core.h"
#include "loader/build.h"
#include "loader/limits.h"
#include "loader/references.h"

namespace skep {
namespace {

using namespace loader_limits;

Status read_units(Linked& linked, std::span<const ObjectFile> files, const LoadOptions& options) {
  if (files.empty()) return fail<Code::not_an_object>("there is no file");
  if (files.size() > kMaxObjects) {
    return fail<Code::object_too_large>("the number of objects", files.size(), kMaxObjects);
  }
  for (const ObjectFile& file : files) {
    auto unit = read_unit(file, options.inspect);
    if (!unit) return std::unexpected(std::move(unit).error());
    linked.units.push_back(*std::move(unit));
    if (linked.units.back().elf.big_endian() == linked.units.front().elf.big_endian()) continue;
    return fail<Code::link_mismatch>(file.name, "its byte order is not that of the first object");
  }
  return {};
}

// License and version of the first object that has them; the others may say nothing else.
Status join_licenses(const Linked& linked, Object& object) {
  for (const Unit& unit : linked.units) {
    if (object.license.empty()) object.license = unit.license;
    if (object.kernel_version == 0) object.kernel_version = unit.kernel_version;
    if (!unit.license.empty() && unit.license != object.license) {
      return fail<Code::link_mismatch>(
          "license",
          fmt::format("'{}' in one object, '{}' in '{}'", object.license, unit.license, unit.name));
    }
    if (unit.kernel_version != 0 && unit.kernel_version != object.kernel_version) {
      return fail<Code::link_mismatch>(
          "version", fmt::format("{:#x} in one object, {:#x} in '{}'", object.kernel_version,
                                 unit.kernel_version, unit.name));
    }
  }
  return {};
}

void count_relocation(const Linked& linked, Place at, const Relocation& relocation,
                      Object& object) {
  RelocationKind kind = RelocationKind::Skipped;
  const Unit& unit = linked.units[at.unit];
  const SectionUse use = unit.uses[at.section];
  const auto& code = unit.code[at.section];
  if (use == SectionUse::Code && relocation.offset / sizeof(Insn) < code.size()) {
    const Insn insn = code[relocation.offset / sizeof(Insn)];
    const auto found = find_reference(linked, at, relocation, insn);
    if (found) kind = found->kind;
  } else if (use == SectionUse::Maps || use == SectionUse::StructOps) {
    const Target target = resolve(linked, at.unit, unit.elf.symbols()[relocation.symbol]);
    const bool code_target =
        target.kind == Target::Kind::Defined &&
        linked.units[target.place.unit].uses[target.place.section] == SectionUse::Code;
    kind = code_target ? RelocationKind::Function : RelocationKind::Map;
  }
  ++object.relocations[static_cast<std::size_t>(kind)];
}

void describe_sections(const Linked& linked, Object& object) {
  for (u32 unit = 0; unit < linked.units.size(); ++unit) {
    const Unit& from = linked.units[unit];
    for (const Section& section : from.elf.sections()) {
      if (section.index == 0) continue;
      const auto& relocations = from.relocations[section.index];
      object.sections.push_back({from.name, std::string(section.name),
                                 text(from.uses[section.index]), section.size,
                                 static_cast<u32>(relocations.size())});
      for (const Relocation& relocation : relocations) {
        count_relocation(linked, {unit, section.index, relocation.offset}, relocation, object);
      }
    }
  }
}

void describe_externs(const Linked& linked, Object& object) {
  for (const ExternSymbol& symbol : linked.externs) {
    object.externs.push_back({std::string(symbol.name), symbol.kind, symbol.weak, symbol.found,
                              symbol.value, linked.type_id(symbol.unit, symbol.type)});
  }
}

using Step = Status (*)(Linked&);

Status link(Linked& linked, const LoadOptions& options) {
  TRY(link_names(linked));
  TRY(set_kconfig(linked, options));
  for (const Step step : {place_data, link_types}) {
    TRY(step(linked));
  }
  return make_maps(linked);
}

}  // namespace

Result<std::shared_ptr<const Image>> Object::image(std::string_view wanted) const {
  if (wanted.empty() && programs.size() == 1 && failures.empty()) return programs.front();
  std::string names;
  for (const auto& each : programs) {
    if (!wanted.empty() && each->name == wanted) return each;
    if (names.size() < kMaxName) names += (names.empty() ? "" : ", ") + each->name;
  }
  for (const LoadFailure& failure : failures) {
    const bool only = wanted.empty() && programs.empty() && failures.size() == 1;
    if (only || (!wanted.empty() && failure.name == wanted)) return std::unexpected(failure.error);
  }
  return fail<Code::object_without_program>(wanted, names.empty() ? "none" : names);
}

Result<Object> load_linked(std::span<const ObjectFile> files, const LoadOptions& options) {
  Linked linked;
  linked.name = options.name.substr(0, kMaxName);
  TRY(read_units(linked, files, options));
  Object object;
  object.name = linked.name;
  object.big_endian = linked.units.front().elf.big_endian();
  TRY(join_licenses(linked, object));
  TRY(link(linked, options));
  apply_core(linked, options, object);
  object.maps = std::make_shared<const std::vector<MapSpec>>(std::move(linked.maps));
  object.btf = linked.btf;
  describe_sections(linked, object);
  describe_externs(linked, object);
  TRY(build_programs(linked, options, object));
  object.errors = std::move(linked.errors);
  return object;
}

Result<Object> load(std::span<const u8> bytes, const LoadOptions& options) {
  const ObjectFile file{options.name.empty() ? "object" : options.name, bytes};
  return load_linked(std::span(&file, 1), options);
}

}  // namespace skep
