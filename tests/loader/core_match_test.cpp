// Comparing whole types: what TYPE_EXISTS takes for the same type, and what TYPE_MATCHES does.
#include <gtest/gtest.h>

#include "loader/core_spec.h"
#include "tests/support/btf_builder.h"

namespace skep::core {
namespace {

using B = test::BtfBuilder;

enum class Is : u8 { No, Yes, Error };

struct Case {
  const char* name;
  u32 (*local)(B&);
  u32 (*target)(B&);
  Is compatible;
  Is matching;
};

u32 int32(B& b) {
  return b.integer("int", 4, B::kSigned);
}
u32 uint32(B& b) {
  return b.integer("uint", 4);
}
u32 int64(B& b) {
  return b.integer("int", 8, B::kSigned);
}
u32 bits_int(B& b) {
  return b.integer("int", 4, B::kSigned, 3, 2);
}
u32 of_void(B& b) {
  return b.pointer(0);
}
template <u32 (*type)(B&)>
u32 pointer_to(B& b) {
  return b.pointer(type(b));
}
template <u32 (*type)(B&)>
u32 qualified(B& b) {
  return b.alias("q", b.constant(b.modifier(BtfKind::TypeTag, type(b))));
}
template <u32 (*type)(B&), u32 count>
u32 array_of(B& b) {
  return b.array(type(b), count);
}

u32 point(B& b) {
  return b.structure("p", 8, {{"x", int32(b), 0}, {"y", int32(b), 32}});
}
u32 point3(B& b) {
  return b.structure("p", 12, {{"y", int32(b), 0}, {"x", int32(b), 32}, {"z", int32(b), 64}});
}
u32 point_flavour(B& b) {
  return b.structure("p___f", 8, {{"x", int32(b), 0}, {"y", int32(b), 32}});
}
u32 point_long(B& b) {
  return b.structure("p", 16, {{"x", int64(b), 0}, {"y", int64(b), 64}});
}
u32 point_other(B& b) {
  return b.structure("q", 8, {{"x", int32(b), 0}});
}
u32 point_union(B& b) {
  return b.unite("p", 8, {{"x", int32(b), 0}, {"y", int32(b), 32}});
}
u32 forward(B& b) {
  return b.forward("p");
}
u32 forward_union(B& b) {
  return b.forward("p", true);
}
u32 holder(B& b) {
  return b.structure("h", 8, {{"p", b.pointer(point(b)), 0}});
}
u32 holder_long(B& b) {
  return b.structure("h", 8, {{"p", b.pointer(point_long(b)), 0}});
}
u32 deep_holder(B& b) {
  return b.structure("h", 8, {{"p", point(b), 0}});
}
u32 deep_holder_long(B& b) {
  return b.structure("h", 16, {{"p", point_long(b), 0}});
}

u32 small(B& b) {
  return b.enumeration("e", {{"A", 0}, {"B", 1}});
}
u32 large(B& b) {
  return b.enumeration("e", {{"C", 0}, {"B", 9}, {"A", 3}});
}
u32 enum8(B& b) {
  return b.enumeration("e", {{"A", 0}, {"B", 1}}, 8);
}
u32 wide(B& b) {
  return b.enumeration64("e", {{"A", 0}, {"B", 1}});
}

u32 function(B& b) {
  return b.prototype(int32(b), {{"a", b.pointer(point(b))}, {"b", int32(b)}});
}
u32 function_names(B& b) {
  return b.prototype(int32(b), {{"x", b.pointer(point(b))}, {"y", int32(b)}});
}
u32 function_fewer(B& b) {
  return b.prototype(int32(b), {{"a", b.pointer(point(b))}});
}
u32 function_long(B& b) {
  return b.prototype(int32(b), {{"a", b.pointer(point(b))}, {"b", int64(b)}});
}
u32 function_returns(B& b) {
  return b.prototype(0, {{"a", b.pointer(point(b))}, {"b", int32(b)}});
}
u32 function_other(B& b) {
  return b.prototype(int32(b), {{"a", int32(b)}, {"b", int32(b)}});
}

u32 pointers40(B& b) {
  u32 type = int32(b);
  for (int i = 0; i < 40; ++i) type = b.pointer(type);
  return type;
}
u32 structs40(B& b) {
  u32 type = int32(b);
  for (int i = 0; i < 40; ++i) type = b.structure("s", 4, {{"m", type, 0}});
  return type;
}
u32 functions40(B& b) {
  u32 type = int32(b);
  for (int i = 0; i < 40; ++i) type = b.prototype(0, {{"f", type}});
  return type;
}
u32 itself(B& b) {
  return b.structure("s", 4, {{"m", 1, 0}});
}

const Case kCases[] = {
    {"int", int32, int32, Is::Yes, Is::Yes},
    {"int_sign", int32, [](B& b) { return b.integer("int", 4); }, Is::Yes, Is::No},
    {"int_name", int32, uint32, Is::Yes, Is::No},
    {"int_size", int32, int64, Is::Yes, Is::No},
    {"int_of_bits", int32, bits_int, Is::No, Is::Yes},
    {"int_for_float", int32, [](B& b) { return b.floating("int", 4); }, Is::No, Is::No},
    {"float", [](B& b) { return b.floating("f", 4); }, [](B& b) { return b.floating("f", 4); },
     Is::No, Is::No},
    {"void_pointer", of_void, of_void, Is::Yes, Is::Yes},
    {"void_pointer_for_int", of_void, pointer_to<int32>, Is::No, Is::No},
    {"pointer", pointer_to<int32>, pointer_to<int32>, Is::Yes, Is::Yes},
    {"pointer_to_pointer", pointer_to<of_void>, pointer_to<of_void>, Is::Yes, Is::Yes},
    {"modifiers", pointer_to<int32>, pointer_to<qualified<int32>>, Is::Yes, Is::Yes},
    {"modifiers_here", pointer_to<qualified<int32>>, pointer_to<int32>, Is::Yes, Is::Yes},
    // Before the first pointer both must be of one kind, typedefs included.
    {"typedef_for_int", qualified<int32>, int32, Is::No, Is::Yes},
    {"array", array_of<int32, 3>, array_of<int32, 3>, Is::Yes, Is::Yes},
    {"array_length", array_of<int32, 3>, array_of<int32, 4>, Is::Yes, Is::No},
    {"array_element", array_of<int32, 3>, array_of<of_void, 3>, Is::No, Is::No},

    {"struct", point, point, Is::Yes, Is::Yes},
    {"struct_order_and_more", point, point3, Is::Yes, Is::Yes},
    {"struct_fewer", point3, point, Is::Yes, Is::No},
    {"struct_flavour", point_flavour, point, Is::Yes, Is::Yes},
    {"struct_name", point, point_other, Is::Yes, Is::No},
    {"struct_member_type", point, point_long, Is::Yes, Is::No},
    {"struct_for_union", point, point_union, Is::No, Is::No},
    {"forward", forward, forward, Is::Yes, Is::Yes},
    {"forward_of_union", forward, forward_union, Is::Yes, Is::No},
    {"forward_for_struct", forward, point, Is::No, Is::No},
    {"pointer_to_forward", pointer_to<forward>, pointer_to<point>, Is::No, Is::Yes},
    {"pointer_to_forward_there", pointer_to<point>, pointer_to<forward>, Is::No, Is::Yes},
    {"pointer_to_forward_of_union", pointer_to<forward_union>, pointer_to<point>, Is::No, Is::No},
    {"pointer_to_forward_for_union", pointer_to<forward_union>, pointer_to<point_union>, Is::No,
     Is::Yes},
    {"union_for_forward", pointer_to<point_union>, pointer_to<forward_union>, Is::No, Is::Yes},
    {"pointer_to_struct", pointer_to<point>, pointer_to<point_long>, Is::Yes, Is::Yes},
    {"behind_a_pointer", holder, holder_long, Is::Yes, Is::Yes},
    {"not_behind_a_pointer", deep_holder, deep_holder_long, Is::Yes, Is::No},
    {"same_inside", deep_holder, deep_holder, Is::Yes, Is::Yes},

    {"enum", small, small, Is::Yes, Is::Yes},
    {"enum_more", small, large, Is::Yes, Is::Yes},
    {"enum_fewer", large, small, Is::Yes, Is::No},
    {"enum_size", small, enum8, Is::Yes, Is::No},
    {"enum_for_enum64", enum8, wide, Is::Yes, Is::Yes},
    {"enum64_for_enum", wide, enum8, Is::Yes, Is::Yes},
    {"enum_for_int", small, int32, Is::No, Is::No},

    {"function", function, function, Is::Yes, Is::Yes},
    {"function_names", function, function_names, Is::Yes, Is::Yes},
    {"function_fewer", function, function_fewer, Is::No, Is::No},
    {"function_width", function, function_long, Is::Yes, Is::No},
    {"function_returns", function, function_returns, Is::No, Is::No},
    {"function_argument", function, function_other, Is::No, Is::No},
    {"pointer_to_function", pointer_to<function>, pointer_to<function>, Is::Yes, Is::Yes},

    {"deep_pointers", pointers40, pointers40, Is::Error, Is::Error},
    {"deep_structs", structs40, structs40, Is::Yes, Is::Error},
    {"deep_functions", functions40, functions40, Is::Error, Is::Error},
    {"struct_of_itself", itself, itself, Is::Yes, Is::Error},
};

Is outcome(const Core<bool>& result) {
  return !result ? Is::Error : *result ? Is::Yes : Is::No;
}

TEST(CoreMatch, Types) {
  for (const Case& c : kCases) {
    B local, target;
    const u32 local_id = c.local(local);
    target.integer("shifts the ids", 1);
    const u32 target_id =
        c.target == itself ? target.structure("s", 4, {{"m", 2, 0}}) : c.target(target);
    const Btf ours = local.build();
    const Btf theirs = target.build();
    Work work;
    EXPECT_EQ(outcome(types_are_compatible(ours, local_id, theirs, target_id, work)), c.compatible)
        << c.name;
    EXPECT_EQ(outcome(types_match(ours, local_id, theirs, target_id, work)), c.matching) << c.name;
  }
}

// Each level has two members of the next: without a bound, 2^31 comparisons.
TEST(CoreMatch, BoundsItsWork) {
  B b;
  u32 type = int32(b);
  for (int i = 0; i < 31; ++i) type = b.structure("s", 4, {{"a", type, 0}, {"b", type, 0}});
  const Btf btf = b.build();
  Work work;
  const auto result = types_match(btf, type, btf, type, work);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().find("too entangled"), std::string::npos) << result.error();
}

}  // namespace
}  // namespace skep::core
