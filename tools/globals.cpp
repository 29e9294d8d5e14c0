// Finds variables in the data sections' BTF. See globals.h.
#include "tools/globals.h"

#include "tools/json_values.h"
#include "tools/run_arguments.h"

namespace skep {
namespace {

// The data section that has the variable, with its place in it.
MapSpec* find_variable(const Btf& btf, const std::string& path, std::vector<MapSpec>& maps,
                       BtfPlace& place) {
  for (MapSpec& map : maps) {
    if (map.btf_value == 0 || btf.kind(map.btf_value) != BtfKind::Datasec) continue;
    const auto found = find_place(btf, map.btf_value, path);
    if (!found) continue;
    place = *found;
    return &map;
  }
  return nullptr;
}

Json parse_setting(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(text) : json;
}

}  // namespace

void set_globals(const Object& object, const std::vector<std::string>& settings,
                 std::vector<MapSpec>& maps) {
  for (const std::string& setting : settings) {
    const auto [path, text] = split_setting(setting, "--set");
    if (object.btf == nullptr)
      raise<Code::no_btf>(
          fmt::format("--set {}: {} has no BTF that would say where it is", setting, object.name));
    BtfPlace place;
    MapSpec* map = find_variable(*object.btf, path, maps, place);
    if (map == nullptr)
      raise<Code::usage>(fmt::format("--set {}: there is no global variable '{}'", setting, path));
    map->initial.resize(map->value_size);
    const Status written =
        write_value(*object.btf, place, from_json(parse_setting(text)), map->initial);
    if (!written) raise<Code::usage>(fmt::format("--set {}: {}", setting, written.error().text));
  }
}

u32 find_type(const Object& object, const std::string& name, const std::string& option) {
  if (object.btf == nullptr)
    raise<Code::no_btf>(fmt::format("{}: {} has no BTF", option, object.name));
  const std::size_t blank = name.find(' ');
  const std::string word = name.substr(0, blank == std::string::npos ? 0 : blank);
  const std::string bare = blank == std::string::npos ? name : name.substr(blank + 1);
  for (const BtfKind kind : {BtfKind::Struct, BtfKind::Union, BtfKind::Enum, BtfKind::Enum64,
                             BtfKind::Typedef, BtfKind::Int}) {
    const bool asked = word.empty() || skep::name(kind).starts_with(word);
    const u32 id = asked ? object.btf->find(kind, bare) : 0;
    if (id != 0) return id;
  }
  raise<Code::usage>(fmt::format(
      "{}: the program's BTF has no type '{}'; compilers leave out those that nothing uses", option,
      name));
}

}  // namespace skep
