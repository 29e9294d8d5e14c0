// The maps of a run, reported as asked for. See run_arguments.h.
#include "tools/globals.h"
#include "tools/map_data.h"

namespace skep {
namespace {

Map* require_map(const Session& session, const std::string& name, const std::string& option) {
  Map* map = find_map(session, name);
  if (map == nullptr) raise<Code::usage>(fmt::format("{}: no such map", option));
  return map;
}

// What --records and --keys say: MAP=TYPE.
void add_types(const std::vector<std::string>& settings, const char* option, u32 MapTypes::* part,
               Session& session) {
  for (const std::string& setting : settings) {
    const auto [name, type] = split_setting(setting, option);
    const std::string shown = fmt::format("{} {}", option, setting);
    session.types[require_map(session, name, shown)].*part =
        find_type(*session.object, type, shown);
  }
}

std::vector<Map*> wanted_maps(const RunArguments& arguments, const Session& session) {
  std::vector<Map*> maps;
  for (Map* map : session.instance->maps()) {
    // Frozen ones hold what the object says, which no run changes.
    if (arguments.dump_all && map != nullptr && !map->spec().frozen) maps.push_back(map);
  }
  for (const std::string& name : arguments.dump) {
    Map* map = require_map(session, name, "--dump-map " + name);
    if (std::ranges::find(maps, map) == maps.end()) maps.push_back(map);
  }
  return maps;
}

}  // namespace

Map* find_map(const Session& session, std::string_view name) {
  if (Map* map = session.instance->map(name)) return map;
  for (Map* map : session.instance->maps()) {
    if (map != nullptr && name.starts_with('.') && map->spec().section == name) return map;
  }
  return nullptr;
}

void plan_reports(const RunArguments& arguments, Session& session) {
  add_types(arguments.records, "--records", &MapTypes::record, session);
  add_types(arguments.keys, "--keys", &MapTypes::key, session);
  session.reported = wanted_maps(arguments, session);
}

void report_maps(Session& session, Output& output, Json& document) {
  if (session.reported.empty()) return;
  Json contents = Json::object();
  for (Map* map : session.reported) {
    contents[map->spec().name] = dump_map(session, *map);
    output.text("\n{}", map_text(*map, contents[map->spec().name]));
    if (const u64 lost = map->lost_events(); lost != 0) {
      output.warning(fmt::format("{}: {} records were lost", map->spec().name, lost));
    }
  }
  document["maps"] = std::move(contents);
}

}  // namespace skep
