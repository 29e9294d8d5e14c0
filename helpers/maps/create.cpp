// MapSpec to Map, through the table. Tested by tests/helpers/map_spec_test.cpp.
#include <iterator>

#include "helpers/maps/families.h"

namespace skep {
namespace {

constexpr MakeMap kMake[] = {
#define MAP(id, name, since, family, rule, ops) make_##family,
#include "helpers/spec/maps.def"
};

}  // namespace

Result<std::unique_ptr<Map>> create_map(const MapSpec& spec, const MapWorld& world) {
  if (auto ok = validate(spec); !ok) return std::unexpected(std::move(ok).error());
  const MakeMap make = kMake[static_cast<u32>(spec.type)];
  if (make == nullptr) {
    return fail<Code::map_not_emulated>(spec.name, find_map_kind(spec.type)->name);
  }
  return make(spec, world);
}

}  // namespace skep
