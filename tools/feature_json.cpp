// See feature_json.h.
#include "tools/feature_json.h"

#include <algorithm>

#include "helpers/spec/proto.h"
#include "helpers/spec/sections.h"

namespace skep {
namespace {

const FeatureRow* find_feature(std::string_view name) {
  const auto row = std::ranges::find(feature_rows(), name, &FeatureRow::name);
  return row == feature_rows().end() ? nullptr : &*row;
}

const LimitRow* find_limit(std::string_view name) {
  const auto row = std::ranges::find(limit_rows(), name, &LimitRow::name);
  return row == limit_rows().end() ? nullptr : &*row;
}

std::string_view limit_name(Limit limit) {
  const auto row = std::ranges::find(limit_rows(), limit, &LimitRow::limit);
  return row == limit_rows().end() ? "" : row->name;
}

Json type_to_json(const TypeFacts& facts) {
  Json helpers = Json::array();
  for (const u32 id : facts.helpers) {
    const HelperProto* helper = find_helper(id);
    helpers.push_back(helper == nullptr ? Json(id) : Json(fmt::format("bpf_{}", helper->name)));
  }
  Json json{{"type", name(facts.type)}, {"loads", facts.loads}};
  if (facts.attach_type != AttachType::none)
    json["attach_type"] = attach_type_name(static_cast<u32>(facts.attach_type));
  if (facts.error != 0) json["errno"] = static_cast<u32>(facts.error);
  if (!facts.why.empty()) json["why"] = facts.why;
  if (facts.helpers_asked) json["helpers"] = helpers;
  if (!facts.contexts_asked) return json;
  Json context = Json::array();
  for (const ContextAccess& access : facts.accesses) {
    context.push_back({{"offset", access.offset},
                       {"size", access.size},
                       {"read", access.read},
                       {"write", access.write}});
  }
  json["context"] = context;
  return json;
}

class Reader {
 public:
  Reader(const Json& json, const std::string& place) : json_(json), place_(place) {}

  KernelFacts read() {
    if (!json_.is_object()) fail("not an object");
    if (json_.contains("system_config") || json_.contains("helpers")) return read_bpftool();
    if (!json_.contains("kernel")) fail("neither of skep nor of bpftool");
    facts_.release = text(json_, "kernel");
    auto version = version_of_release(facts_.release);
    if (!version) fail(version.error().text);
    facts_.version = *version;
    for (const Json& type : list(json_, "program_types")) read_type(type);
    for (const auto& [name, there] : object(json_, "map_types")) {
      const MapKind* kind = find_map_kind(name);
      if (kind != nullptr) facts_.maps.emplace_back(kind->type, truth(there, name));
    }
    for (const auto& [name, there] : object(json_, "features")) {
      if (const FeatureRow* row = find_feature(name))
        facts_.features.emplace_back(row->feature, truth(there, name));
    }
    for (const auto& [name, value] : object(json_, "limits")) {
      const LimitRow* row = find_limit(name);
      if (!value.is_number_unsigned()) fail(fmt::format("limits.{} is no number", name));
      if (row != nullptr) facts_.limits.emplace_back(row->limit, value.get<u64>());
    }
    for (const Json& line : list(json_, "unasked")) {
      if (!line.is_string()) fail("unasked: a line that is no text");
      facts_.unasked.push_back(line.get<std::string>());
    }
    return std::move(facts_);
  }

 private:
  [[noreturn]] void fail(std::string_view reason) const { raise<Code::bad_probe>(place_, reason); }

  static const Json& empty(bool list) {
    static const Json kList = Json::array(), kObject = Json::object();
    return list ? kList : kObject;
  }
  const Json& part(const Json& from, const char* key, bool list) const {
    const auto found = from.find(key);
    if (found == from.end()) return empty(list);
    if (list ? !found->is_array() : !found->is_object())
      fail(fmt::format("{} is not {}", key, list ? "a list" : "an object"));
    return *found;
  }
  const Json& list(const Json& from, const char* key) const { return part(from, key, true); }
  nlohmann::detail::iteration_proxy<Json::const_iterator> object(const Json& from,
                                                                 const char* key) const {
    return part(from, key, false).items();
  }
  std::string text(const Json& from, const char* key) const {
    const auto found = from.find(key);
    if (found == from.end() || !found->is_string()) fail(fmt::format("{} is not a text", key));
    return found->get<std::string>();
  }
  bool truth(const Json& value, const std::string& name) const {
    if (!value.is_boolean()) fail(fmt::format("{} is neither true nor false", name));
    return value.get<bool>();
  }
  u32 number(const Json& from, const char* key, u32 limit) const {
    const auto found = from.find(key);
    if (found == from.end() || !found->is_number_unsigned() || found->get<u64>() > limit)
      fail(fmt::format("{} is not a number of at most {}", key, limit));
    return found->get<u32>();
  }

  u32 helper_id(const Json& json) const {
    const HelperProto* helper = json.is_string() ? find_helper(json.get<std::string>()) : nullptr;
    if (helper != nullptr) return helper->id;
    if (json.is_number_unsigned() && json.get<u64>() < 10'000) return json.get<u32>();
    if (!json.is_string()) fail("a helper that is neither a name nor a number");
    return 0;  // of a newer kernel
  }

  void read_helpers(const Json& names, TypeFacts& type) const {
    for (const Json& name : names) {
      if (const u32 id = helper_id(name); id != 0) type.helpers.push_back(id);
    }
    std::ranges::sort(type.helpers);
  }

  AttachType read_attach_type(const Json& json, ProgramType type) const {
    if (!json.contains("attach_type")) return AttachType::none;
    const std::string wanted = text(json, "attach_type");
    for (const AttachRow& row : attach_rows()) {
      if (row.type == type && attach_type_name(static_cast<u32>(row.attach_type)) == wanted)
        return row.attach_type;
    }
    fail(fmt::format("{} has no attach type {}", name(type), wanted));
  }

  void read_type(const Json& json) {
    if (!json.is_object()) fail("a program type that is no object");
    const ProgramTypeRow* row = find_program_type(text(json, "type"));
    if (row == nullptr) return;  // of a newer kernel
    const AttachType attach_type = read_attach_type(json, row->type);
    TypeFacts& type = facts_.types.emplace_back();
    type.type = row->type;
    type.attach_type = attach_type;
    type.loads = truth(json.value("loads", Json()), "loads");
    if (json.contains("errno")) type.error = static_cast<int>(number(json, "errno", 4095));
    if (json.contains("why")) type.why = text(json, "why");
    type.helpers_asked = json.contains("helpers");
    read_helpers(list(json, "helpers"), type);
    type.contexts_asked = json.contains("context");
    for (const Json& access : list(json, "context")) {
      if (!access.is_object()) fail("an access that is no object");
      type.accesses.push_back({static_cast<u16>(number(access, "offset", 0xffff)),
                               static_cast<u8>(number(access, "size", 8)),
                               truth(access.value("read", Json()), "read"),
                               truth(access.value("write", Json()), "write")});
    }
  }

  // "have_xdp_prog_type", "have_hash_map_type", "xdp_available_helpers".
  static std::string between(const std::string& text, std::string_view front,
                             std::string_view back) {
    if (!text.starts_with(front) || !text.ends_with(back)) return "";
    return text.substr(front.size(), text.size() - front.size() - back.size());
  }

  // What libbpf loads a type as to see whether it can be; none where it does not say.
  static AttachType bpftool_attach_type(ProgramType type) {
    switch (type) {
      case ProgramType::cgroup_sock_addr: return AttachType::cgroup_inet4_connect;
      case ProgramType::cgroup_sockopt: return AttachType::cgroup_getsockopt;
      case ProgramType::sk_lookup: return AttachType::sk_lookup;
      case ProgramType::netfilter: return AttachType::netfilter;
      default: return AttachType::none;
    }
  }

  // A bpftool that does not know the words in which newer kernels (6.12) refuse a helper takes
  // every helper for allowed, also those of other types: its lists say nothing then. It never asks
  // for helpers that came after it, and not for those that leave traces in the kernel's log.
  void distrust_helpers() {
    const bool wrong = std::ranges::any_of(facts_.types, [](const TypeFacts& type) {
      const HelperProto* foreign = find_helper("xdp_adjust_head");
      return type.type != ProgramType::xdp && std::ranges::binary_search(type.helpers, foreign->id);
    });
    std::vector<bool> listed(kHelperCount + 1);
    for (TypeFacts& type : facts_.types) {
      for (const u32 id : type.helpers) {
        if (id < listed.size()) listed[id] = true;
      }
      if (!wrong) continue;
      type.helpers.clear();
      type.helpers_asked = false;
    }
    if (wrong)
      facts_.unasked.push_back(
          "helpers: this bpftool takes each for allowed in every program type");
    for (u32 id = 1; id <= kHelperCount; ++id) {
      if (!listed[id]) facts_.helpers_unasked.push_back(id);
    }
  }

  KernelFacts read_bpftool() {
    for (const auto& [key, there] : object(json_, "program_types")) {
      const auto* row = find_program_type(between(key, "have_", "_prog_type"));
      if (row == nullptr) continue;
      TypeFacts& type = facts_.types.emplace_back();
      type.type = row->type;
      type.attach_type = bpftool_attach_type(row->type);
      type.loads = truth(there, key);
      const auto& helpers = part(json_, "helpers", false);
      const std::string available = std::string(row->name) + "_available_helpers";
      if (helpers.contains(available)) read_helpers(list(helpers, available.c_str()), type);
      type.helpers_asked = !type.helpers.empty();  // it asks of no type that needs BTF
      if (type.loads) take_version(row->since);
    }
    for (const auto& [key, there] : object(json_, "map_types")) {
      const MapKind* kind = find_map_kind(between(key, "have_", "_map_type"));
      if (kind == nullptr) continue;
      facts_.maps.emplace_back(kind->type, truth(there, key));
      if (facts_.maps.back().second) take_version(kind->since);
    }
    distrust_helpers();
    for (const TypeFacts& type : facts_.types) {
      for (const u32 id : type.helpers) {
        if (const HelperProto* helper = find_helper(id)) take_version(helper->since);
      }
    }
    const auto& misc = part(json_, "misc", false);
    const std::pair<const char*, Feature> kMisc[] = {
        {"have_large_insn_limit", Feature::large_programs},
        {"have_bounded_loops", Feature::bounded_loops}};
    for (const auto& [key, feature] : kMisc) {
      if (misc.contains(key)) facts_.features.emplace_back(feature, truth(misc[key], key));
    }
    return std::move(facts_);
  }

  void take_version(Version since) {
    if (facts_.version < since) facts_.version = since;
  }

  const Json& json_;
  const std::string& place_;
  KernelFacts facts_;
};

}  // namespace

Json facts_to_json(const KernelFacts& facts) {
  Json types = Json::array(), maps = Json::object(), features = Json::object(),
       limits = Json::object();
  for (const TypeFacts& type : facts.types) types.push_back(type_to_json(type));
  for (const auto& [type, there] : facts.maps) maps[std::string(find_map_kind(type)->name)] = there;
  for (const auto& [feature, there] : facts.features)
    features[std::string(feature_rows()[static_cast<std::size_t>(feature)].name)] = there;
  for (const auto& [limit, value] : facts.limits) limits[std::string(limit_name(limit))] = value;
  return {{"kernel", facts.release.empty()
                         ? fmt::format("{}.{}", facts.version.major, facts.version.minor)
                         : facts.release},
          {"profile", facts.profile().text()},
          {"program_types", types},
          {"map_types", maps},
          {"features", features},
          {"limits", limits},
          {"unasked", facts.unasked}};
}

KernelFacts facts_from_json(const Json& json, const std::string& place) {
  return Reader(json, place).read();
}

}  // namespace skep
