// Looks for types that the kernel knows by name, and for pointers with one of its tags.
// Semantics: Linux 6.12 kernel/bpf/btf.c, btf_find_field. Tested by tests/loader/maps_test.cpp.
#include "loader/value_fields.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "isa/btf.h"

namespace skep {
namespace {

constexpr u32 kMaxFields = 11;  // BTF_FIELDS_MAX
constexpr u32 kMaxDepth = 16;   // MAX_RESOLVE_DEPTH
constexpr u32 kMaxSteps = 10'000;

constexpr std::pair<std::string_view, FieldKind> kStructs[] = {
    {"bpf_spin_lock", FieldKind::SpinLock}, {"bpf_res_spin_lock", FieldKind::ResilientLock},
    {"bpf_timer", FieldKind::Timer},        {"bpf_wq", FieldKind::Workqueue},
    {"bpf_task_work", FieldKind::TaskWork}, {"bpf_list_head", FieldKind::ListHead},
    {"bpf_list_node", FieldKind::ListNode}, {"bpf_rb_root", FieldKind::TreeRoot},
    {"bpf_rb_node", FieldKind::TreeNode},   {"bpf_refcount", FieldKind::RefCount},
};
constexpr std::string_view kPointerTags[] = {"kptr", "kptr_untrusted", "percpu_kptr", "uptr"};

class FieldFinder {
 public:
  explicit FieldFinder(const Btf& btf) : btf_(btf) {}

  void find(u32 type, u64 offset, u32 depth) {
    if (++steps_ > kMaxSteps || depth > kMaxDepth || fields.size() > kMaxFields) return;
    const u32 id = btf_.resolve(type);
    if (const auto kind = kind_of(id)) return add(*kind, id, offset);
    switch (btf_.kind(id)) {
      case BtfKind::Struct: return find_in_members(id, offset, depth);
      case BtfKind::Datasec: return find_in_variables(id, offset, depth);
      case BtfKind::Array: return find_in_elements(id, offset, depth);
      default: return;
    }
  }

  std::vector<ValueField> fields;

 private:
  std::optional<FieldKind> kind_of(u32 id) const {
    if (btf_.kind(id) == BtfKind::Ptr) {
      const u32 target = btf_.type(id);
      const bool tagged =
          btf_.kind(target) == BtfKind::TypeTag &&
          std::ranges::find(kPointerTags, btf_.name(target)) != std::end(kPointerTags);
      return tagged ? std::optional(FieldKind::Pointer) : std::nullopt;
    }
    if (btf_.kind(id) != BtfKind::Struct) return {};
    const auto* found =
        std::ranges::find(kStructs, btf_.name(id), &std::pair<std::string_view, FieldKind>::first);
    return found != std::end(kStructs) ? std::optional(found->second) : std::nullopt;
  }

  void add(FieldKind kind, u32 id, u64 offset) {
    const u32 size = btf_.size_of(id).value_or(0);
    if (offset <= UINT32_MAX) fields.push_back({kind, static_cast<u32>(offset), size});
  }

  void find_in_members(u32 id, u64 offset, u32 depth) {
    for (u32 i = 0; i < btf_.vlen(id); ++i) {
      const BtfMember member = btf_.member(id, i);
      if (member.bit_offset % 8 == 0) find(member.type, offset + member.bit_offset / 8, depth + 1);
    }
  }

  void find_in_variables(u32 id, u64 offset, u32 depth) {
    for (u32 i = 0; i < btf_.vlen(id); ++i) {
      const BtfSectionEntry entry = btf_.entry(id, i);
      find(btf_.type(entry.type), offset + entry.offset, depth + 1);
    }
  }

  // If the first element has fields, so have the others.
  void find_in_elements(u32 id, u64 offset, u32 depth) {
    const BtfArray array = btf_.array(id);
    const u64 size = btf_.size_of(array.element).value_or(0);
    const u64 before = fields.size();
    for (u32 i = 0; i < array.count; ++i) {
      find(array.element, offset + i * size, depth + 1);
      if (fields.size() == before || fields.size() > kMaxFields) return;
    }
  }

  const Btf& btf_;
  u32 steps_ = 0;
};

}  // namespace

std::vector<ValueField> value_fields(const Btf& btf, u32 type, u32 size) {
  FieldFinder finder(btf);
  finder.find(type, 0, 0);
  std::ranges::sort(finder.fields, {}, &ValueField::offset);
  u64 end = 0;
  for (const ValueField& field : finder.fields) {
    if (field.offset < end || field.offset + u64{field.size} > size) return {};
    end = field.offset + u64{field.size};
  }
  return finder.fields.size() <= kMaxFields ? std::move(finder.fields) : std::vector<ValueField>{};
}

}  // namespace skep
