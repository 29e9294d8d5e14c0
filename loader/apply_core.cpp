// Applies CO-RE relocations to the code of every object, before programs are put together, so that
// a function that several programs share is done once. Tested by tests/loader/core_load_test.cpp.
#include "loader/apply_core.h"

#include <algorithm>
#include <map>

#include "loader/core_relocate.h"
#include "loader/limits.h"

namespace skep {
namespace {

using namespace loader_limits;

// The records of a function, out of those of its section.
std::span<const CoreRelo> records_of(const Unit& unit, const Function& function) {
  const auto& all = unit.core[function.section];
  const u64 begin = u64{function.first} * sizeof(Insn);
  const u64 end = begin + u64{function.slots} * sizeof(Insn);
  const auto first = std::ranges::lower_bound(all, begin, {}, &CoreRelo::offset);
  const auto last = std::ranges::lower_bound(all, end, {}, &CoreRelo::offset);
  return {first, last};
}

void report(Object& object, const Unit& unit, const Function& function, const CoreResult& result) {
  for (const CoreFailure& failure : result.failed) {
    if (object.failed_core.size() >= kMaxNotes) return;
    object.failed_core.push_back({std::string(unit.section_name(function.section)),
                                  failure.pc + function.first, failure.kind, failure.poisoned,
                                  failure.path, failure.reason});
  }
}

void apply_to_unit(Unit& unit, const CoreTarget& target, Object& object) {
  CoreRelocator relocator(*unit.btf, target);
  for (std::size_t i = 0; i < unit.functions.size(); ++i) {
    const Function& function = unit.functions[i];
    const auto records = records_of(unit, function);
    if (records.empty()) continue;
    const auto insns =
        std::span(unit.code[function.section]).subspan(function.first, function.slots);
    CoreResult result;
    if (auto ok = relocator.relocate(insns, records, result, function.first); !ok) {
      unit.core_errors[i] = ok.error();
    }
    report(object, unit, function, result);
  }
}

}  // namespace

void apply_core(Linked& linked, const LoadOptions& options, Object& object) {
  for (Unit& unit : linked.units) {
    u32& count = object.relocations[static_cast<std::size_t>(RelocationKind::Core)];
    for (const auto& records : unit.core) count += static_cast<u32>(records.size());
    if (!unit.ext || (options.inspect && options.target == nullptr)) continue;
    if (options.target != nullptr) {
      apply_to_unit(unit, *options.target, object);
      continue;
    }
    for (std::size_t i = 0; i < unit.functions.size(); ++i) {
      if (records_of(unit, unit.functions[i]).empty()) continue;
      unit.core_errors[i] = make_error<Code::missing_core_target>(unit.functions[i].name);
    }
  }
}

}  // namespace skep
