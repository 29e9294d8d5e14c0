// The answers of CO-RE relocations and the patching of instructions.
// Facts about the rules: libbpf src/relo_core.c, bpf_core_calc_relo_insn and bpf_core_patch_insn.
// Tested by tests/loader/core_relocate_test.cpp.
#include "loader/core_relocate.h"

#include <optional>

#include "loader/limits.h"

namespace skep {
namespace {

using core::Core;
using core::Family;
using core::Spec;

// The answer of one side.
struct Value {
  u64 value = 0;
  bool validate = true;
  u32 access_size = 0;  // what a load or store of the field accesses, where that is one number
  u32 access_type = 0;
};

Core<u32> size_of(const Btf& btf, u32 type) {
  if (const auto size = btf.size_of(type)) return *size;
  return std::unexpected(fmt::format("type {} ({}) has no size", type, name(btf.kind(type))));
}

// What a load or store of this type accesses: of arrays, one element.
Core<u32> access_size(const Btf& btf, u32 type) {
  type = btf.resolve(type);
  for (u32 depth = 0; btf.kind(type) == BtfKind::Array && depth < Btf::kMaxDepth; ++depth) {
    type = btf.resolve(btf.array(type).element);
  }
  return size_of(btf, type);
}

// Questions about an array element: its offset and size only.
Core<Value> element_value(const Spec& spec, CoreKind kind) {
  const u32 type = spec.last().type;
  if (kind == CoreKind::FieldByteOffset) {
    return Value {
      .value = spec.bit_offset / 8, .access_size = TRY(access_size(*spec.btf, type))
      , .access_type = type
    };
  }
  if (kind == CoreKind::FieldByteSize) return Value {
      .value = TRY(size_of(*spec.btf, type))
    };
  return std::unexpected("this can't be asked about an array element");
}

// Where a field lies: for bitfields the smallest aligned word that has all of it.
struct Place {
  u32 type = 0;  // resolved
  bool is_bitfield = false;
  u32 bit_offset = 0;
  u32 bits = 0;
  u32 byte_offset = 0;
  u32 bytes = 0;
};

Core<Place> place_bitfield(Place place, const Btf& btf) {
  place.bytes = btf.size(place.type);
  if (place.bytes == 0)
    return std::unexpected(fmt::format("a bitfield of type {} has no size", place.type));
  while (true) {
    place.byte_offset = place.bit_offset / 8 / place.bytes * place.bytes;
    if (place.bit_offset + place.bits - place.byte_offset * 8 <= place.bytes * 8) return place;
    if (place.bytes >= 8) return std::unexpected("the bitfield does not lie in 8 aligned bytes");
    place.bytes *= 2;
  }
}

Core<Place> place_of(const Spec& spec) {
  const Btf& btf = *spec.btf;
  const BtfMember member = btf.member(spec.last().type, spec.last().index);
  Place place{.type = btf.resolve(member.type),
              .is_bitfield = member.bits > 0,
              .bit_offset = spec.bit_offset,
              .bits = member.bits};
  if (place.is_bitfield) return place_bitfield(place, btf);
  place.bytes = TRY(size_of(btf, place.type));
  place.byte_offset = place.bit_offset / 8;
  place.bits = place.bytes * 8;
  return place;
}

bool is_signed(const Btf& btf, u32 type) {
  return btf.is_enum(type) ? btf.flag(type) : btf.integer(type).is_signed;
}

Core<Value> field_value(const Spec& spec, CoreKind kind) {
  if (spec.last().name.empty()) return element_value(spec, kind);
  const Place place = TRY(place_of(spec));
  // A compiler may access a bitfield through another word than this one. Its sign and its width
  // are the same all the same.
  Value value{.validate = !place.is_bitfield};
  switch (kind) {
    case CoreKind::FieldByteOffset:
      value.value = place.byte_offset;
      if (!place.is_bitfield) {
        value.access_size = TRY(access_size(*spec.btf, place.type));
        value.access_type = place.type;
      }
      return value;
    case CoreKind::FieldByteSize: value.value = place.bytes; return value;
    case CoreKind::FieldSigned: return Value{.value = is_signed(*spec.btf, place.type)};
    case CoreKind::FieldLshift:
      value.value = 64 - (place.bit_offset + place.bits - place.byte_offset * 8);
      return value;
    case CoreKind::FieldRshift: return Value{.value = 64 - place.bits};
    default: return std::unexpected("the kind of relocation is not known");
  }
}

Core<Value> type_value(const Spec& spec, CoreKind kind) {
  switch (kind) {
    case CoreKind::TypeIdTarget:
      return Value{.value = spec.root, .validate = false};  // static linking renumbers types
    case CoreKind::TypeSize: return Value { .value = TRY(size_of(*spec.btf, spec.root))
      };
    default: return Value{.value = 1};
  }
}

Core<Value> value_of(const Spec& spec) {
  switch (core::family(spec.kind)) {
    case Family::Field:
      if (spec.kind == CoreKind::FieldExists) return Value{.value = 1};
      return field_value(spec, spec.kind);
    case Family::Type: return type_value(spec, spec.kind);
    case Family::Enumval:
      if (spec.kind == CoreKind::EnumvalExists) return Value{.value = 1};
      return Value{.value = spec.btf->enumerator(spec.path[0].type, spec.path[0].index).value};
    case Family::Unknown: break;
  }
  return std::unexpected("the kind of relocation is not known");
}

// What a missing target means: 0 for questions whether something is there and about types, and no
// answer for the others.
bool poisons_when_missing(CoreKind kind) {
  return kind != CoreKind::FieldExists && kind != CoreKind::EnumvalExists &&
         core::family(kind) != Family::Type;
}
bool is_question_of_existence(CoreKind kind) {
  return kind == CoreKind::FieldExists || kind == CoreKind::EnumvalExists ||
         kind == CoreKind::TypeExists || kind == CoreKind::TypeMatches;
}

// Loads and stores zero-extend, so unsigned integers and pointers (wider in BPF than on a 32-bit
// machine) may change their size.
bool may_resize(const Btf& local, u32 local_type, const Btf& target, u32 target_type) {
  constexpr u8 kSigned = 1;  // BTF_INT_SIGNED and no other flag
  if (local.kind(local_type) != target.kind(target_type)) return false;
  if (local.kind(local_type) == BtfKind::Ptr) return true;
  return local.kind(local_type) == BtfKind::Int && local.integer(local_type).encoding != kSigned &&
         target.integer(target_type).encoding != kSigned;
}

// As C has it: both kinds of enums are enums.
std::string_view keyword(BtfKind kind) {
  return name(kind == BtfKind::Enum64 ? BtfKind::Enum : kind);
}

constexpr Insn kPoisoned = make_insn(0x85, 0, 0, 0, kCorePoison);
constexpr u8 kSizeMask = 0x18;

u32 bytes_of(u8 opcode) {
  constexpr u32 kBytes[] = {4, 2, 1, 8};  // W, H, B, DW
  return kBytes[(opcode & kSizeMask) >> 3];
}

std::optional<u8> size_code(u32 bytes) {
  switch (bytes) {
    case 1: return 0x10;
    case 2: return 0x08;
    case 4: return 0x00;
    case 8: return 0x18;
    default: return {};
  }
}

std::string unexpected_value(i64 is, u64 expected) {
  return fmt::format("the instruction has {} where the program's types give {}", is,
                     static_cast<i64>(expected));
}

Core<bool> resize(Insn& insn, u32 old_size, u32 new_size) {
  if (bytes_of(insn.opcode) != old_size) {
    return std::unexpected(fmt::format("the instruction accesses {} bytes of a field of {}",
                                       bytes_of(insn.opcode), old_size));
  }
  const auto code = size_code(new_size);
  if (!code)
    return std::unexpected(
        fmt::format("no instruction accesses the {} bytes of the field", new_size));
  insn.opcode = static_cast<u8>((insn.opcode & ~kSizeMask) | *code);
  return true;
}

// Names may be long, and a path has many. What is kept owns no more than it shows.
std::string cut(std::string_view text) {
  return std::string(text.substr(0, loader_limits::kMaxPath));
}

std::string path_of(const CoreRelo& relocation, const Btf& local) {
  const auto spec = core::parse_spec(relocation, local);
  if (spec) return cut(core::text(*spec));
  Spec root;
  root.btf = &local;
  root.root = relocation.type;
  root.kind = CoreKind::TypeExists;
  return cut(core::text(root));
}

}  // namespace

std::string describe(const CoreRelo& relocation, const Btf& local) {
  return path_of(relocation, local);
}

Core<CoreRelocator::Candidates*> CoreRelocator::candidates_of(u32 local_type) {
  const auto known = cache_.find(local_type);
  if (known != cache_.end()) return &known->second;
  const std::string_view wanted = local_.name(local_type);
  if (wanted.empty()) return std::unexpected("a type without a name can't be found in the target");
  auto found = target_.candidates(local_.kind(local_type), wanted, kMaxCandidates + 1, work_.steps);
  if (found.size() > kMaxCandidates) {
    return std::unexpected(
        fmt::format("the target has more than {} types of that name", kMaxCandidates));
  }
  return &cache_.emplace(local_type, std::move(found)).first->second;
}

Core<CoreRelocator::Answer> CoreRelocator::answer(const Spec& local, const Spec* found) {
  Answer answer;
  const Value ours = TRY(value_of(local));
  answer.old_value = ours.value;
  answer.validate = ours.validate;
  if (found == nullptr) {
    answer.poison = poisons_when_missing(local.kind);
    return answer;
  }
  const Value theirs = TRY(value_of(*found));
  answer.new_value = theirs.value;
  answer.old_size = ours.access_size;
  answer.new_size = theirs.access_size;
  answer.bad_size = ours.access_size != theirs.access_size &&
                    !may_resize(*local.btf, ours.access_type, *found->btf, theirs.access_type);
  return answer;
}

// All types of the name that have the field must give the same answer. Those that do not have it
// are forgotten for later relocations of the same type.
Core<CoreRelocator::Answer> CoreRelocator::resolve_among(const Spec& spec, Candidates& candidates,
                                                         CoreFailure& failure) {
  std::optional<Answer> agreed;
  u32 agreed_offset = 0;
  std::size_t kept = 0;
  Spec found;
  for (const CoreTarget::Candidate& candidate : candidates) {
    if (!TRY(core::match_spec(spec, *candidate.btf, candidate.id, found, work_))) continue;
    const Answer one = TRY(answer(spec, &found));
    if (!agreed) {
      agreed = one;
      agreed_offset = found.bit_offset;
    } else if (agreed_offset != found.bit_offset) {
      return std::unexpected(
          fmt::format("two types of the target fit, with the field at bit {} and at bit {}",
                      agreed_offset, found.bit_offset));
    } else if (agreed->new_value != one.new_value) {
      return std::unexpected(fmt::format("two types of the target fit, with the answers {} and {}",
                                         agreed->new_value, one.new_value));
    }
    candidates[kept++] = candidate;
  }
  if (agreed) {
    candidates.resize(kept);
    return *agreed;
  }
  failure.reason =
      candidates.empty()
          ? fmt::format("the target has no {} '{}'", keyword(local_.kind(spec.root)),
                        essential_name(local_.name(spec.root)))
          : core::explain_mismatch(spec, *candidates.front().btf, candidates.front().id, work_);
  return answer(spec, nullptr);
}

Core<CoreRelocator::Answer> CoreRelocator::resolve(const Spec& spec, CoreFailure& failure) {
  if (spec.kind == CoreKind::TypeIdLocal) {
    return Answer{.old_value = spec.root, .new_value = spec.root, .validate = false};
  }
  Candidates* candidates = TRY(candidates_of(spec.root));
  return resolve_among(spec, *candidates, failure);
}

// Writes the answer into the instruction; false when it had to be poisoned.
Core<bool> CoreRelocator::patch(std::span<Insn> insns, Pc pc, const Answer& answer) {
  Insn& insn = insns[pc.value];
  const bool is_lddw = insn.opcode == kLddwOpcode;
  if (is_lddw && pc.value + 1 >= insns.size()) return std::unexpected("an lddw is cut off");
  const auto poison = [&] {
    insn = kPoisoned;
    if (is_lddw) insns[pc.value + 1] = kPoisoned;
    return false;
  };
  if (answer.poison) return poison();
  const u64 expected = answer.old_value;
  switch (insn.opcode & 7) {
    case cls::kAlu:
    case cls::kAlu64:
      if ((insn.opcode & kSourceReg) != 0)
        return std::unexpected("the instruction has no immediate");
      if (answer.validate && static_cast<u64>(i64{insn.imm}) != expected) {
        return std::unexpected(unexpected_value(insn.imm, expected));
      }
      insn.imm = static_cast<i32>(answer.new_value);
      return true;
    case cls::kLdx:
    case cls::kSt:
    case cls::kStx:
      if (answer.validate && static_cast<u64>(i64{insn.off}) != expected) {
        return std::unexpected(unexpected_value(insn.off, expected));
      }
      if (answer.new_value > INT16_MAX) {
        return std::unexpected(
            fmt::format("{} does not fit the offset of a load or store", answer.new_value));
      }
      if (answer.bad_size) return poison();
      insn.off = static_cast<i16>(answer.new_value);
      if (answer.new_size == answer.old_size) return true;
      return resize(insn, answer.old_size, answer.new_size);
    case cls::kLd: {
      const Insn upper = is_lddw ? insns[pc.value + 1] : insn;
      if (!is_lddw || insn.src() != 0 || insn.off != 0 || upper.opcode != 0 || upper.regs != 0 ||
          upper.off != 0) {
        break;
      }
      const u64 value = u64{static_cast<u32>(upper.imm)} << 32 | static_cast<u32>(insn.imm);
      if (answer.validate && value != expected) {
        return std::unexpected(unexpected_value(static_cast<i64>(value), expected));
      }
      insn.imm = static_cast<i32>(answer.new_value);
      insns[pc.value + 1].imm = static_cast<i32>(answer.new_value >> 32);
      return true;
    }
    default: break;
  }
  return std::unexpected(
      fmt::format("an instruction with opcode {:#04x} can't be relocated", insn.opcode));
}

Core<bool> CoreRelocator::apply(std::span<Insn> insns, const CoreRelo& relocation,
                                CoreFailure& failure) {
  const Spec spec = TRY(core::parse_spec(relocation, local_));
  const Answer answer = TRY(resolve(spec, failure));
  failure.poisoned = !TRY(patch(insns, failure.pc, answer));
  const bool failed =
      failure.poisoned || (!failure.reason.empty() && !is_question_of_existence(spec.kind));
  if (failed) failure.path = cut(core::text(spec));
  failure.reason = cut(failure.reason);
  if (failed && failure.reason.empty()) {
    failure.reason = fmt::format(
        "the field has {} bytes, {} in the target, and is no unsigned integer or pointer",
        answer.old_size, answer.new_size);
  }
  return !failed;
}

Status CoreRelocator::relocate(std::span<Insn> insns, std::span<const CoreRelo> relocations,
                               CoreResult& result, u32 first) {
  for (std::size_t i = 0; i < relocations.size(); ++i) {
    const CoreRelo& relocation = relocations[i];
    const u32 slot = relocation.offset / sizeof(Insn);
    if (slot < first || slot - first >= insns.size()) continue;
    CoreFailure failure{.pc = {slot - first}, .kind = relocation.kind, .path = {}, .reason = {}};
    const auto applied = apply(insns, relocation, failure);
    if (!applied) {
      return fail_at<Code::bad_core_relocation>(failure.pc, i, name(relocation.kind),
                                                path_of(relocation, local_), cut(applied.error()));
    }
    if (*applied) {
      ++result.applied;
      continue;
    }
    ++result.unsatisfied;
    if (result.failed.size() < kMaxFailures) result.failed.push_back(std::move(failure));
  }
  return {};
}

}  // namespace skep
