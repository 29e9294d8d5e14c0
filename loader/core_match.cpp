// Finding a program's path of names in a type of the target, and comparing types of the two.
// Tested by tests/loader/core_match_test.cpp and core_relocate_test.cpp.
#include "loader/core_spec.h"
#include "loader/core_target.h"

namespace skep::core {
namespace {

constexpr const char* kTooDeep = "the types are nested too deeply";
constexpr const char* kTooMuchWork = "the types are too entangled to be compared";
constexpr u32 kMaxLevel = 32;  // of recursion, as libbpf has it

bool same_essential_name(std::string_view local, std::string_view target) {
  return essential_name(local) == essential_name(target);
}

// A type of the program and one of the target, side by side.
struct Pair {
  const Btf* local;
  u32 local_id;
  const Btf* target;
  u32 target_id;

  Pair with(u32 local_type, u32 target_type) const {
    return {local, local_type, target, target_type};
  }
  Pair resolved() const { return with(local->resolve(local_id), target->resolve(target_id)); }
  Pair referred() const { return with(local->type(local_id), target->type(target_id)); }
  Pair elements() const {
    return with(local->array(local_id).element, target->array(target_id).element);
  }
  Pair params(u32 i) const {
    return with(local->param(local_id, i).type, target->param(target_id, i).type);
  }
  BtfKind local_kind() const { return local->kind(local_id); }
  BtfKind target_kind() const { return target->kind(target_id); }
  bool same_kind() const { return local_kind() == target_kind(); }
  std::string_view local_name() const { return local->name(local_id); }
  std::string_view target_name() const { return target->name(target_id); }
};

// Old compilers wrote bitfields as integers with an offset; those are never relocated.
bool are_plain_ints(const Pair& pair) {
  return pair.local->integer(pair.local_id).bit_offset == 0 &&
         pair.target->integer(pair.target_id).bit_offset == 0;
}

// Whether a field of one type may be accessed as the other: any two structs or unions, pointers,
// floats and integers; enums and forward declarations of one name, or anonymous; arrays by element.
bool fields_are_compatible(Pair pair) {
  for (u32 depth = 0; depth < Btf::kMaxDepth * 2; ++depth) {
    pair = pair.resolved();
    if (pair.local->is_composite(pair.local_id) && pair.target->is_composite(pair.target_id))
      return true;
    if (!are_compatible(pair.local_kind(), pair.target_kind())) return false;
    switch (pair.local_kind()) {
      case BtfKind::Ptr:
      case BtfKind::Float: return true;
      case BtfKind::Fwd:
      case BtfKind::Enum:
      case BtfKind::Enum64:
        return pair.local_name().empty() || pair.target_name().empty() ||
               same_essential_name(pair.local_name(), pair.target_name());
      case BtfKind::Int: return are_plain_ints(pair);
      case BtfKind::Array: pair = pair.elements(); break;
      default: return false;
    }
  }
  return false;
}

// One matching of a spec; `found_` grows with each step of the local path.
class Matcher {
 public:
  Matcher(const Spec& local, const Btf& target, u32 target_id, Spec& found, Work& work)
      : local_(local), target_(target), found_(found), work_(work) {
    found.btf = &target;
    found.root = target_id;
    found.kind = local.kind;
    found.length = found.raw_length = found.bit_offset = 0;
  }

  Core<bool> match_fields();
  Core<bool> match_enumerator();

 private:
  Core<bool> match_member(const Accessor& wanted, u32& type);
  Core<bool> match_element(u32 step, u32& type);

  const Spec& local_;
  const Btf& target_;
  Spec& found_;
  Work& work_;
};

// Looks for a field in `type` and in the anonymous structs and unions of it; `type` becomes the
// field's.
Core<bool> Matcher::match_member(const Accessor& wanted, u32& type) {
  const u32 holder = target_.resolve(type);
  if (!target_.is_composite(holder)) return false;
  if (found_.raw_length == kMaxSpec) return std::unexpected(kTooDeep);
  ++found_.raw_length;
  const u32 start = found_.bit_offset;
  for (u32 i = 0; i < target_.vlen(holder); ++i) {
    const BtfMember member = target_.member(holder, i);
    if (!work_.spend(1 + member.name.size() / 64)) return std::unexpected(kTooMuchWork);
    found_.bit_offset = start + member.bit_offset;
    if (member.name.empty()) {
      u32 inner = member.type;
      if (TRY(match_member(wanted, inner))) {
        type = inner;
        return true;
      }
    } else if (member.name == wanted.name) {
      found_.path[found_.length++] = {holder, i, member.name};
      type = member.type;
      const u32 local_type = local_.btf->member(wanted.type, wanted.index).type;
      return fields_are_compatible({local_.btf, local_type, &target_, member.type});
    }
  }
  found_.bit_offset = start;
  --found_.raw_length;
  return false;
}

// Steps into an array. The first step of a path is the pointer's own: its type is the element.
Core<bool> Matcher::match_element(u32 step, u32& type) {
  const u32 index = local_.path[step].index;
  type = target_.resolve(type);
  if (step > 0) {
    if (target_.kind(type) != BtfKind::Array) return false;
    const BtfArray array = target_.array(type);
    if (index >= array.count && !is_flexible_array(target_, found_.last(), array)) return false;
    type = target_.resolve(array.element);
  }
  if (found_.raw_length == kMaxSpec) return std::unexpected(kTooDeep);
  ++found_.raw_length;
  found_.path[found_.length++] = {type, index, {}};
  const auto size = target_.size_of(type);
  if (!size) return std::unexpected(fmt::format("type {} of the target has no size", type));
  found_.bit_offset += static_cast<u32>(u64{index} * *size * 8);
  return true;
}

Core<bool> Matcher::match_fields() {
  u32 type = found_.root;
  for (u32 step = 0; step < local_.length; ++step) {
    const Accessor& wanted = local_.path[step];
    const bool is_there = wanted.name.empty() ? TRY(match_element(step, type)) : TRY(match_member(wanted, type));
    if (!is_there) return false;
  }
  return true;
}

Core<bool> Matcher::match_enumerator() {
  const u32 type = target_.resolve(found_.root);
  if (!target_.is_enum(type)) return false;
  for (u32 i = 0; i < target_.vlen(type); ++i) {
    const std::string_view name = target_.enumerator(type, i).name;
    if (!work_.spend()) return std::unexpected(kTooMuchWork);
    if (!same_essential_name(local_.path[0].name, name)) continue;
    found_.path[0] = {type, i, name};
    found_.length = found_.raw_length = 1;
    return true;
  }
  return false;
}

// The comparison of TYPE_MATCHES.
class TypeMatch {
 public:
  explicit TypeMatch(Work& work) : work_(work) {}
  Core<bool> match(Pair pair, bool behind_pointer, u32 level);

 private:
  Core<bool> match_enums(const Pair& pair);
  Core<bool> match_members(const Pair& pair, bool behind_pointer, u32 level);
  Core<bool> match_params(const Pair& pair, bool behind_pointer, u32 level);

  Work& work_;
};

// The program's enumerators are all in the target, whatever their values.
Core<bool> TypeMatch::match_enums(const Pair& pair) {
  const u32 count = pair.local->vlen(pair.local_id);
  const u32 target_count = pair.target->vlen(pair.target_id);
  if (pair.local->size(pair.local_id) != pair.target->size(pair.target_id) || count > target_count)
    return false;
  for (u32 i = 0; i < count; ++i) {
    const std::string_view wanted = pair.local->enumerator(pair.local_id, i).name;
    bool is_there = false;
    for (u32 j = 0; j < target_count && !is_there; ++j) {
      if (!work_.spend()) return std::unexpected(kTooMuchWork);
      is_there = same_essential_name(wanted, pair.target->enumerator(pair.target_id, j).name);
    }
    if (!is_there) return false;
  }
  return true;
}

// The program's members are all in the target, with types that match.
Core<bool> TypeMatch::match_members(const Pair& pair, bool behind_pointer, u32 level) {
  const u32 count = pair.local->vlen(pair.local_id);
  const u32 target_count = pair.target->vlen(pair.target_id);
  if (count > target_count) return false;
  for (u32 i = 0; i < count; ++i) {
    const BtfMember wanted = pair.local->member(pair.local_id, i);
    bool is_there = false;
    for (u32 j = 0; j < target_count && !is_there; ++j) {
      const BtfMember member = pair.target->member(pair.target_id, j);
      if (!work_.spend(1 + member.name.size() / 64)) return std::unexpected(kTooMuchWork);
      if (!same_essential_name(wanted.name, member.name)) continue;
      is_there = TRY(match(pair.with(wanted.type, member.type), behind_pointer, level - 1));
    }
    if (!is_there) return false;
  }
  return true;
}

Core<bool> TypeMatch::match_params(const Pair& pair, bool behind_pointer, u32 level) {
  const u32 count = pair.local->vlen(pair.local_id);
  if (count != pair.target->vlen(pair.target_id)) return false;
  for (u32 i = 0; i < count; ++i) {
    if (!TRY(match(pair.params(i), behind_pointer, level - 1))) return false;
  }
  return true;
}

// A forward declaration's flag says that it is of a union.
bool forward_matches(const Pair& pair, bool behind_pointer) {
  const bool is_union = pair.local->flag(pair.local_id);
  if (pair.same_kind()) return is_union == pair.target->flag(pair.target_id);
  return behind_pointer && pair.target_kind() == (is_union ? BtfKind::Union : BtfKind::Struct);
}

bool pointee_matches(const Pair& pair) {
  if (pair.same_kind()) return true;
  return pair.target_kind() == BtfKind::Fwd &&
         (pair.local_kind() == BtfKind::Union) == pair.target->flag(pair.target_id);
}

bool ints_match(const Pair& pair) {
  return pair.same_kind() && pair.local->size(pair.local_id) == pair.target->size(pair.target_id) &&
         pair.local->integer(pair.local_id).is_signed ==
             pair.target->integer(pair.target_id).is_signed;
}

Core<bool> TypeMatch::match(Pair pair, bool behind_pointer, u32 level) {
  if (level == 0) return std::unexpected(kTooDeep);
  for (u32 depth = 0; depth < kMaxLevel; ++depth) {
    if (!work_.spend()) return std::unexpected(kTooMuchWork);
    pair = pair.resolved();
    if (!same_essential_name(pair.local_name(), pair.target_name())) return false;
    switch (pair.local_kind()) {
      case BtfKind::Void: return pair.same_kind();
      case BtfKind::Fwd: return forward_matches(pair, behind_pointer);
      case BtfKind::Enum:
      case BtfKind::Enum64:
        if (!pair.target->is_enum(pair.target_id)) return false;
        return match_enums(pair);
      case BtfKind::Struct:
      case BtfKind::Union:
        if (behind_pointer) return pointee_matches(pair);
        if (!pair.same_kind()) return false;
        return match_members(pair, behind_pointer, level);
      case BtfKind::Int: return ints_match(pair);
      case BtfKind::Ptr:
        if (!pair.same_kind()) return false;
        behind_pointer = true;
        pair = pair.referred();
        break;
      case BtfKind::Array:
        if (!pair.same_kind()) return false;
        if (pair.local->array(pair.local_id).count != pair.target->array(pair.target_id).count)
          return false;
        pair = pair.elements();
        break;
      case BtfKind::FuncProto:
        if (!pair.same_kind()) return false;
        if (!TRY(match_params(pair, behind_pointer, level))) return false;
        pair = pair.referred();
        break;
      default: return false;
    }
  }
  return std::unexpected(kTooDeep);
}

// The comparison of the other questions about types. `level` bounds functions that take functions.
Core<bool> compare(Pair pair, u32 level, Work& work) {
  if (!are_compatible(pair.local_kind(), pair.target_kind())) return false;
  for (u32 depth = 0; depth < kMaxLevel; ++depth) {
    if (!work.spend()) return std::unexpected(kTooMuchWork);
    pair = pair.resolved();
    if (!are_compatible(pair.local_kind(), pair.target_kind())) return false;
    switch (pair.local_kind()) {
      case BtfKind::Void:
      case BtfKind::Struct:
      case BtfKind::Union:
      case BtfKind::Enum:
      case BtfKind::Enum64:
      case BtfKind::Fwd: return true;
      case BtfKind::Int: return are_plain_ints(pair);
      case BtfKind::Ptr: pair = pair.referred(); break;
      case BtfKind::Array: pair = pair.elements(); break;
      case BtfKind::FuncProto: {
        const u32 count = pair.local->vlen(pair.local_id);
        if (count != pair.target->vlen(pair.target_id)) return false;
        for (u32 i = 0; i < count; ++i) {
          if (level == 0) return std::unexpected(kTooDeep);
          if (!TRY(compare(pair.params(i).resolved(), level - 1, work))) return false;
        }
        pair = pair.referred();
        break;
      }
      default: return false;
    }
  }
  return std::unexpected(kTooDeep);
}

}  // namespace

Core<bool> types_are_compatible(const Btf& local, u32 local_id, const Btf& target, u32 target_id,
                                Work& work) {
  return compare({&local, local_id, &target, target_id}, kMaxLevel, work);
}

Core<bool> types_match(const Btf& local, u32 local_id, const Btf& target, u32 target_id,
                       Work& work) {
  return TypeMatch(work).match({&local, local_id, &target, target_id}, false, kMaxLevel);
}

Core<bool> match_spec(const Spec& local, const Btf& target, u32 target_id, Spec& found,
                      Work& work) {
  Matcher matcher(local, target, target_id, found, work);
  switch (family(local.kind)) {
    case Family::Field: return matcher.match_fields();
    case Family::Enumval: return matcher.match_enumerator();
    case Family::Type:
      return local.kind == CoreKind::TypeMatches
                 ? types_match(*local.btf, local.root, target, target_id, work)
                 : types_are_compatible(*local.btf, local.root, target, target_id, work);
    case Family::Unknown: break;
  }
  return false;
}

// The first step of the path with which the match fails is the one to blame.
std::string explain_mismatch(const Spec& local, const Btf& target, u32 target_id, Work& work) {
  const Family what = family(local.kind);
  if (what == Family::Enumval)
    return fmt::format("the target's enum has no '{}'", local.path[0].name);
  if (what != Family::Field) return "the target's type of that name is of another shape";
  Spec prefix = local;
  Spec found;
  for (prefix.length = 1;; ++prefix.length) {
    const auto is_there = match_spec(prefix, target, target_id, found, work);
    if (!is_there || !*is_there || prefix.length == local.length) break;
  }
  Spec holder = prefix;
  --holder.length;
  const Accessor& missing = prefix.last();
  const std::string where = text(holder, target, target_id);
  if (missing.name.empty()) {
    return fmt::format("the target's '{}' has no element {}", where, missing.index);
  }
  if (found.length == prefix.length) {
    return fmt::format("field '{}' of the target's '{}' has another kind of type", missing.name,
                       where);
  }
  return fmt::format("the target's '{}' has no field '{}'", where, missing.name);
}

}  // namespace skep::core
