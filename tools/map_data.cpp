// Map contents in and out. See map_data.h.
#include "tools/map_data.h"

#include <algorithm>

#include "tools/json_values.h"
#include "tools/names.h"

namespace skep {
namespace {

bool is_per_cpu(MapType type) {
  return type == MapType::percpu_hash || type == MapType::percpu_array ||
         type == MapType::lru_percpu_hash || type == MapType::percpu_cgroup_storage;
}

bool is_array(MapType type) {
  return type == MapType::array || type == MapType::percpu_array || type == MapType::prog_array ||
         type == MapType::array_of_maps || type == MapType::devmap || type == MapType::cpumap ||
         type == MapType::xskmap;
}

bool is_queue(MapType type) {
  return type == MapType::queue || type == MapType::stack;
}

bool has_records(MapType type) {
  return type == MapType::ringbuf || type == MapType::perf_event_array;
}

Map& require_map(const Session& session, const std::string& name, std::string_view option) {
  if (Map* map = find_map(session, name)) return *map;
  std::string names;
  for (const MapSpec& spec : *session.object->maps)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", spec.name);
  raise<Code::usage>(fmt::format("{} {}: no such map{}", option, name,
                                 names.empty() ? "" : "; there are: " + names));
}

// One map being filled from one file.
class Filler {
 public:
  Filler(Session& session, Map& map, std::string file)
      : session_(session), map_(map), file_(std::move(file)) {}

  void fill(const Json& entries) {
    if (!entries.is_array()) fail("not a list of entries");
    for (const Json& entry : entries) {
      ++number_;
      const bool keyed = map_.spec().key_size != 0;
      if (!entry.is_object() || (keyed && !entry.contains("key"))) fail("not an object with a key");
      if (keyed) {
        add(entry);
      } else {
        push(entry);
      }
    }
  }

 private:
  void add(const Json& entry) {
    Buffer key(map_.spec().key_size);
    read_key(entry["key"], key);
    if (map_.spec().type == MapType::prog_array) return add_program(entry, key);
    const bool named = entry.contains("value") && entry["value"].is_string();
    if (holds_maps(map_.spec().type) && named) return add_map(entry, key);
    Buffer value(map_.host_value_size());
    read_value_of(entry, value);
    check(map_.write(key.data(), value.data(), update_flags::kAny), entry["key"]);
  }

  // Queues, stacks and bloom filters.
  void push(const Json& entry) {
    Buffer value(map_.host_value_size());
    read_value_of(entry, value);
    check(map_.write(nullptr, value.data(), update_flags::kAny), entry["value"]);
  }

  void add_map(const Json& entry, std::span<const u8> key) {
    const std::string name = entry["value"].get<std::string>();
    Map* inner = find_map(session_, name);
    if (inner == nullptr) fail(fmt::format("there is no map '{}' to put in", name));
    MapSlot slot;
    std::memcpy(&slot.index, key.data(), std::min(key.size(), sizeof(slot.index)));
    must(session_.backend->fill_slot(map_, slot, nullptr, inner));
  }

  void read_key(const Json& json, std::span<u8> key) {
    const bool prefix = map_.spec().type == MapType::lpm_trie && json.is_string();
    if (prefix && parse_prefix(json.get<std::string>(), key)) return;
    json_to_bytes(btf(), map_.spec().btf_key, json, key, place("key"));
  }

  void read_value_of(const Json& entry, std::span<u8> value) {
    if (!is_per_cpu(map_.spec().type)) {
      if (!entry.contains("value")) fail("no value");
      return json_to_bytes(btf(), map_.spec().btf_value, entry["value"], value, place("value"));
    }
    const u64 stride = value_stride(map_.spec());
    for (u32 cpu = 0; cpu < session_.cpus; ++cpu) {
      const Json* json = value_of_cpu(entry, cpu);
      if (json == nullptr) continue;  // stays zero
      json_to_bytes(btf(), map_.spec().btf_value, *json,
                    value.subspan(cpu * stride, map_.spec().value_size), place("value"));
    }
  }

  // "value" is every CPU's; "values" are {"cpu": n, "value": v}, or the values in order.
  const Json* value_of_cpu(const Json& entry, u32 cpu) {
    if (entry.contains("value")) return &entry["value"];
    if (!entry.contains("values") || !entry["values"].is_array()) fail("neither value nor values");
    const Json& values = entry["values"];
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool numbered =
          values[i].is_object() && values[i].contains("cpu") && values[i].contains("value");
      if (numbered ? values[i]["cpu"] == cpu : i == cpu)
        return numbered ? &values[i]["value"] : &values[i];
    }
    return nullptr;
  }

  void add_program(const Json& entry, std::span<const u8> key) {
    if (!entry.contains("value") || !entry["value"].is_string())
      fail("the value of a prog array is the name of a program");
    const std::string name = entry["value"].get<std::string>();
    Loaded* program = session_.instance->find(name);
    if (program == nullptr || (session_.engine.emulates && program->callable() == nullptr))
      fail(fmt::format("there is no program '{}' to jump to", name));
    MapSlot slot{.program = name};
    std::memcpy(&slot.index, key.data(), std::min(key.size(), sizeof(slot.index)));
    if (slot.index >= map_.spec().max_entries) check(kE2BIG, entry["key"]);
    must(session_.backend->fill_slot(map_, slot, program, nullptr));
  }

  void check(int error, const Json& key) {
    if (error < 0)
      raise<Code::map_refused>(map_.spec().name, fmt::format("key {}", json_to_text(key)),
                               error_name(error));
  }

  const Btf* btf() const { return session_.object->btf.get(); }
  std::string place(std::string_view part) const {
    return fmt::format("{}: map '{}', entry {}, {}", file_, map_.spec().name, number_, part);
  }
  [[noreturn]] void fail(std::string_view reason) const {
    raise<Code::bad_map_data>(
        number_ == 0 ? fmt::format("{}: map '{}'", file_, map_.spec().name)
                     : fmt::format("{}: map '{}', entry {}", file_, map_.spec().name, number_),
        reason);
  }

  Session& session_;
  Map& map_;
  std::string file_;
  std::size_t number_ = 0;
};

Json dump_records(const Session& session, Map& map, u32 record) {
  // The sink must not throw, so it keeps bytes, and typing them comes after.
  std::vector<Buffer> records;
  map.consume([&](std::span<const u8> bytes) { records.emplace_back(bytes.begin(), bytes.end()); });
  Json list = Json::array();
  for (const Buffer& bytes : records)
    list.push_back(bytes_to_json(session.object->btf.get(), record, bytes));
  return list;
}

// The values of a queue or a stack as they come out; it is empty then, as a ring is.
Json dump_queue(const Session& session, Map& map) {
  Json list = Json::array();
  Buffer value(map.spec().value_size);
  while (map.read_and_erase(nullptr, value.data()) == 0) {
    list.push_back(
        {{"value", bytes_to_json(session.object->btf.get(), map.spec().btf_value, value)}});
  }
  return list;
}

// The name of an inner map, where it is one of the object's.
Json inner_to_json(const Session& session, Map& map, std::span<const u8> key,
                   std::span<const u8> id) {
  const Map* inner = map.inner(key.data());
  for (const Map* known : session.instance->maps()) {
    if (inner != nullptr && known == inner) return known->spec().name;
  }
  return bytes_to_json(nullptr, 0, id);
}

// Keys of arrays are numbers, also where no type says so: .bss and the like.
Json key_to_json(const Btf* btf, const MapSpec& spec, u32 type, std::span<const u8> key) {
  if ((btf != nullptr && type != 0) || !is_array(spec.type)) return bytes_to_json(btf, type, key);
  u32 index = 0;
  std::memcpy(&index, key.data(), std::min(key.size(), sizeof(index)));
  return index;
}

Json dump_entry(const Session& session, const Map& map, u32 key_type, std::span<const u8> key,
                std::span<const u8> value) {
  const MapSpec& spec = map.spec();
  const Btf* btf = session.object->btf.get();
  Json entry{{"key", key_to_json(btf, spec, key_type, key)}};
  if (spec.type == MapType::lpm_trie) entry["prefix"] = prefix_text(key);
  if (!is_per_cpu(spec.type)) {
    entry["value"] = bytes_to_json(btf, spec.btf_value, value);
    return entry;
  }
  Json values = Json::array();
  for (u32 cpu = 0; cpu < session.cpus; ++cpu) {
    values.push_back(
        {{"cpu", cpu},
         {"value", bytes_to_json(btf, spec.btf_value,
                                 value.subspan(cpu * value_stride(spec), spec.value_size))}});
  }
  entry["values"] = values;
  return entry;
}

// Whether there is nothing in it but zeros: most of what arrays hold.
bool is_zero(const Json& json) {
  if (json.is_structured()) {
    return std::ranges::all_of(json.items(), [](const auto& item) {
      return item.key() == "cpu" || is_zero(item.value());
    });
  }
  if (json.is_string()) return json.get<std::string>().find_first_not_of('0') == std::string::npos;
  return json.is_boolean() ? !json.get<bool>() : json.is_number() && json.get<double>() == 0;
}

std::string values_text(const Json& entry) {
  if (entry.contains("value")) return json_to_text(entry["value"]);
  std::string text;
  for (const Json& value : entry["values"]) {
    if (entry["values"].size() > 1 && is_zero(value)) continue;
    text += fmt::format("{}cpu {} {}", text.empty() ? "" : "   ", value["cpu"].get<u32>(),
                        json_to_text(value["value"]));
  }
  return text;
}

}  // namespace

void fill_maps(Session& session, const RunArguments& arguments) {
  if (!arguments.all_maps.empty()) {
    const Json all = parse_json(read_text(arguments.all_maps), arguments.all_maps);
    if (!all.is_object())
      raise<Code::bad_map_data>(arguments.all_maps, "not an object of lists by map");
    for (const auto& [name, entries] : all.items()) {
      Filler(session, require_map(session, name, "--maps"), arguments.all_maps).fill(entries);
    }
  }
  for (const std::string& setting : arguments.maps) {
    const auto [name, file] = split_setting(setting, "--map");
    Map& map = require_map(session, name, "--map");
    Filler(session, map, file).fill(parse_json(read_text(file), file));
  }
}

Json dump_map(Session& session, Map& map) {
  const MapSpec& spec = map.spec();
  const auto found = session.types.find(&map);
  const MapTypes types = found == session.types.end() ? MapTypes{} : found->second;
  if (has_records(spec.type)) return dump_records(session, map, types.record);
  if (is_queue(spec.type)) return dump_queue(session, map);
  const u32 key_type = types.key == 0 ? spec.btf_key : types.key;
  Json entries = Json::array();
  Buffer key(spec.key_size), next(spec.key_size), value(map.host_value_size());
  bool first = true;
  while (map.next_key(first ? nullptr : key.data(), next.data()) == 0) {
    first = false;
    key = next;
    if (map.read(key.data(), value.data()) < 0) continue;  // an empty slot
    entries.push_back(dump_entry(session, map, key_type, key, value));
    if (holds_maps(spec.type)) {
      entries.back()["value"] = inner_to_json(session, map, key, value);
    }
  }
  return entries;
}

std::string map_text(const Map& map, const Json& contents) {
  const MapKind* kind = find_map_kind(map.spec().type);
  const bool records = has_records(map.spec().type);
  std::string text =
      fmt::format("{} ({}), {} {}\n", printable(map.spec().name), kind == nullptr ? "" : kind->name,
                  contents.size(), records ? "records" : "entries");
  std::size_t hidden = 0;
  for (const Json& entry : contents) {
    if (records) {
      text += fmt::format("  {}\n", json_to_text(entry));
    } else if (!entry.contains("key")) {
      text += fmt::format("  {}\n", values_text(entry));
    } else if (contents.size() > 1 &&
               is_zero(entry.contains("value") ? entry["value"] : entry["values"])) {
      ++hidden;
    } else {
      text += fmt::format("  {}: {}\n",
                          json_to_text(entry[entry.contains("prefix") ? "prefix" : "key"]),
                          values_text(entry));
    }
  }
  if (hidden != 0) text += fmt::format("  and {} of zeros\n", hidden);
  return text;
}

}  // namespace skep
