// What a CO-RE relocation asks for, as a path of names: the program's side of it ("local") read
// from an access string, the target's side found by the same names.
//
//   struct sample { int first; struct { int second; int list[7]; }; };
//   &sample->list[3] has the access string "0:1:1:3": element 0 of what the pointer names, member
//   1 (anonymous), its member 1, element 3. Its path is element 0, field `list`, element 3: the
//   anonymous struct is no part of it, since other kernels may nest the field differently.
//
// Facts about the rules: libbpf src/relo_core.c. Tested by tests/loader/core_relocate_test.cpp.
#pragma once

#include <array>
#include <expected>
#include <string>

#include "isa/btf_ext.h"

namespace skep::core {

// A failure of one relocation, as a reason; the relocator adds the place.
template <class T>
using Core = std::expected<T, std::string>;

enum class Family : u8 { Field, Type, Enumval, Unknown };
Family family(CoreKind kind);

// Matching can be made to take long by hostile types (members of members of ...). All the work of
// one object is counted: a step is about a comparison of two names. Real objects take 10^4 to 10^6.
struct Work {
  static constexpr u64 kMax = u64{1} << 24;
  u64 steps = 0;
  bool spend(u64 count = 1) { return (steps += count) <= kMax; }
};

struct Accessor {
  u32 type = 0;           // the struct or union of the field; the type of the element
  u32 index = 0;          // of the member; of the element
  std::string_view name;  // of the field; "" for an element
};

inline constexpr u32 kMaxSpec = 64;  // BPF_CORE_SPEC_MAX_LEN

struct Spec {
  const Btf* btf = nullptr;
  u32 root = 0;
  CoreKind kind{};
  std::array<Accessor, kMaxSpec> path;
  u32 length = 0;      // of the path
  u32 raw_length = 0;  // the same with the anonymous structs and unions
  u32 bit_offset = 0;  // of the field

  const Accessor& last() const { return path[length - 1]; }
};

// Reads the local side.
Core<Spec> parse_spec(const CoreRelo& relocation, const Btf& local);

// Whether an array can be longer than it says: the last member of its struct, with no elements.
bool is_flexible_array(const Btf& btf, const Accessor& holder, const BtfArray& array);

// "struct task_struct.foo.bar[3]", "enum foo::BAR", "struct foo".
std::string text(const Spec& spec);
// The same, as if it began at another type.
std::string text(const Spec& spec, const Btf& root_btf, u32 root);

// ---- matching (core_match.cpp)

// Finds the path of `local` in type `target_id`; false when it is not there.
Core<bool> match_spec(const Spec& local, const Btf& target, u32 target_id, Spec& found, Work& work);

// Why match_spec() said false, for a report.
std::string explain_mismatch(const Spec& local, const Btf& target, u32 target_id, Work& work);

// TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET: the same kinds all the way, whatever the names inside.
Core<bool> types_are_compatible(const Btf& local, u32 local_id, const Btf& target, u32 target_id,
                                Work& work);
// TYPE_MATCHES: in addition the same names, sizes and members, pointers excepted.
Core<bool> types_match(const Btf& local, u32 local_id, const Btf& target, u32 target_id,
                       Work& work);

}  // namespace skep::core
