// Facts against the tables. See kernel_facts.h.

#include "helpers/spec/kernel_facts.h"

#include <algorithm>
#include <charconv>

#include "helpers/spec/errno.h"
#include "helpers/spec/proto.h"
#include "helpers/spec/sections.h"

namespace skep {
namespace {

std::string label(const TypeFacts& facts) {
  if (facts.attach_type == AttachType::none) return std::string(name(facts.type));
  return fmt::format("{}:{}", name(facts.type),
                     attach_type_name(static_cast<u32>(facts.attach_type)));
}

std::string_view says(bool yes) {
  return yes ? "yes" : "no";
}

class Comparison {
 public:
  explicit Comparison(const KernelFacts& facts)
      : facts_(facts), profile_(KernelProfile(facts.version)) {}

  std::vector<std::string> run() {
    for (const TypeFacts& type : facts_.types) {
      compare_type(type);
      if (!type.loads) continue;
      if (type.helpers_asked) compare_helpers(type);
      if (type.contexts_asked) compare_context(type);
    }
    for (const auto& [type, there] : facts_.maps) {
      const MapKind* kind = find_map_kind(type);
      if (kind != nullptr) note("map type", kind->name, "", profile_.knows(kind->since), there);
    }
    for (const auto& [feature, there] : facts_.features)
      note("feature", feature_rows()[static_cast<std::size_t>(feature)].name, "",
           profile_.has(feature), there);
    for (const auto& [limit, value] : facts_.limits) {
      if (profile_.limit(limit) == value) continue;
      lines_.push_back(fmt::format("limit {}: the table says {}, the kernel {}", limit_name(limit),
                                   profile_.limit(limit), value));
    }
    return std::move(lines_);
  }

 private:
  static std::string_view limit_name(Limit limit) {
    const auto row = std::ranges::find(limit_rows(), limit, &LimitRow::limit);
    return row == limit_rows().end() ? "" : row->name;
  }

  void note(std::string_view what, std::string_view which, std::string_view more, bool table,
            bool kernel) {
    if (table == kernel) return;
    lines_.push_back(fmt::format("{} {}{}: the table says {}, the kernel {}", what, which, more,
                                 says(table), says(kernel)));
  }

  void compare_type(const TypeFacts& type) {
    const ProgramTypeRow* row = find_program_type(type.type);
    if (row == nullptr || type.error == -kEPERM) return;
    bool known = profile_.knows(row->since);
    if (const AttachRow* attach = find_attach(type.type, type.attach_type); attach != nullptr)
      known = known && profile_.knows(attach->since);
    note("program type", label(type), "", known, type.loads);
  }

  void compare_helpers(const TypeFacts& type) {
    for (const HelperProto& helper : helpers()) {
      if (std::ranges::binary_search(facts_.helpers_unasked, helper.id)) continue;
      const bool there = std::ranges::binary_search(type.helpers, helper.id);
      note("helper", helper.name, fmt::format(" in {}", label(type)),
           may_call(helper, type.type, type.attach_type, profile_), there);
    }
  }

  void compare_context(const TypeFacts& type) {
    const ContextRow& context = row(find_program_type(type.type)->context);
    if (fields(context.context).empty()) {  // one line, whatever the attach types
      std::string line = fmt::format("{}: the table has no fields", context.c_name);
      if (!type.accesses.empty() && std::ranges::find(lines_, line) == lines_.end())
        lines_.push_back(std::move(line));
      return;
    }
    for (u32 size : {1u, 2u, 4u, 8u}) {
      for (u32 offset = 0; offset + size <= context.size; offset += size) {
        const auto found = std::ranges::find_if(type.accesses, [&](const ContextAccess& access) {
          return access.offset == offset && access.size == size;
        });
        const ContextAccess access = found == type.accesses.end() ? ContextAccess{} : *found;
        compare_access(type, context.context, offset, size, false, access.read);
        compare_access(type, context.context, offset, size, true, access.write);
      }
    }
  }

  void compare_access(const TypeFacts& type, Context context, u32 offset, u32 size, bool write,
                      bool kernel) {
    const FieldRow* field = find_access(context, type.type, type.attach_type, offset, size, write);
    note(write ? "write of" : "read of", row(context).c_name,
         fmt::format(" at {}, {} bytes, in {}", offset, size, label(type)),
         field != nullptr && profile_.knows(field->since), kernel);
  }

  const KernelFacts& facts_;
  const KernelProfile profile_;
  std::vector<std::string> lines_;
};

}  // namespace

KernelProfile KernelFacts::profile() const {
  KernelProfile profile(version);
  for (const auto& [feature, there] : features)
    profile = there ? profile.with(feature) : profile.without(feature);
  return profile;
}

Result<Version> version_of_release(std::string_view release) {
  Version version{};
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.')
    return fail<Code::bad_kernel_version>(release);
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  if (minor.ec != std::errc()) return fail<Code::bad_kernel_version>(release);
  return version;
}

std::vector<std::string> differences(const KernelFacts& facts) {
  return Comparison(facts).run();
}

}  // namespace skep
