// Operations as the kernel takes them: an object declares a struct of functions
// (SEC(".struct_ops"), SEC(".struct_ops.link")) with the members that it sets; the kernel wants the
// whole struct, in its own layout, behind a header of its own. Members are matched by name. Tested
// by tests/kernel/link_test.cpp.
#pragma once

#include <vector>

#include "helpers/spec/image.h"
#include "isa/btf.h"

namespace skep {

struct StructOps {
  u32 value_type = 0;     // id of struct bpf_struct_ops_NAME in the kernel's BTF
  std::vector<u8> value;  // of the map: header, then the struct, functions not set yet

  struct Member {
    u32 slot = 0;    // index of the member in the object's struct
    u32 offset = 0;  // of its descriptor in `value`
  };
  std::vector<Member> functions;

  // The value for a map of an object. `types` are the object's.
  static Result<StructOps> make(const MapSpec& spec, const Btf& types, const Btf& kernel);
  // Puts a program's descriptor at a member's place; false if there is no such member.
  bool set(u32 slot, int fd);
};

// Where a struct_ops program goes: the struct's id in the kernel's BTF and the member's index
// there, which loading takes as attach_btf_id and expected_attach_type.
struct StructOpsPlace {
  u32 type = 0;
  u32 member = 0;
};
Result<StructOpsPlace> struct_ops_place(const Image& image, const Btf& kernel);

}  // namespace skep
