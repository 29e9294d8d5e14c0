// Types as C: names, declarations and definitions, and that hostile types come to an end.
#include "isa/btf_format.h"

#include <gtest/gtest.h>

#include "tests/support/btf_builder.h"

namespace skep {
namespace {

using B = test::BtfBuilder;

struct Case {
  u32 (*make)(B&);
  const char* plain;
  const char* declared;  // of "x"
};

u32 integer(B& b) {
  return b.integer("int", 4, B::kSigned);
}
u32 character(B& b) {
  return b.integer("char", 1, B::kSigned);
}
u32 point(B& b) {
  return b.structure("point", 4, {{"x", integer(b), 0}});
}
u32 compare(B& b) {
  const u32 any = b.pointer(b.constant(0));
  return b.prototype(integer(b), {{"a", any}, {"b", any}});
}

const Case kCases[] = {
    {integer, "int", "int x"},
    {[](B&) { return 0u; }, "void", "void x"},
    {[](B& b) { return b.pointer(0); }, "void *", "void *x"},
    {[](B& b) { return b.pointer(b.pointer(character(b))); }, "char **", "char **x"},
    {[](B& b) { return b.pointer(point(b)); }, "struct point *", "struct point *x"},
    {[](B& b) { return b.pointer(b.forward("later")); }, "struct later *", "struct later *x"},
    {[](B& b) { return b.pointer(b.forward("later", true)); }, "union later *", "union later *x"},
    {[](B& b) { return b.unite("", 4, {}); }, "union {...}", "union {...} x"},
    {[](B& b) { return b.enumeration64("e", {}); }, "enum e", "enum e x"},
    {[](B& b) { return b.alias("u64", integer(b)); }, "u64", "u64 x"},
    {[](B& b) { return b.floating("double", 8); }, "double", "double x"},
    {[](B& b) { return b.constant(integer(b)); }, "const int", "const int x"},
    {[](B& b) { return b.constant(b.modifier(BtfKind::Volatile, integer(b))); },
     "const volatile int", "const volatile int x"},
    {[](B& b) { return b.pointer(b.constant(character(b))); }, "const char *", "const char *x"},
    {[](B& b) { return b.constant(b.pointer(character(b))); }, "char *const", "char *const x"},
    {[](B& b) { return b.constant(b.modifier(BtfKind::Restrict, b.pointer(character(b)))); },
     "char *restrict const", "char *restrict const x"},
    {[](B& b) { return b.pointer(b.raw("rcu", BtfKind::TypeTag, 0, point(b))); }, "struct point *",
     "struct point *x"},
    {[](B& b) { return b.array(character(b), 16); }, "char[16]", "char x[16]"},
    {[](B& b) { return b.array(b.array(integer(b), 3), 2); }, "int[2][3]", "int x[2][3]"},
    {[](B& b) { return b.constant(b.array(integer(b), 2)); }, "const int[2]", "const int x[2]"},
    {[](B& b) { return b.array(b.pointer(integer(b)), 4); }, "int *[4]", "int *x[4]"},
    {[](B& b) { return b.pointer(b.array(integer(b), 4)); }, "int (*)[4]", "int (*x)[4]"},
    {[](B& b) { return b.pointer(compare(b)); }, "int (*)(const void *a, const void *b)",
     "int (*x)(const void *a, const void *b)"},
    {[](B& b) { return b.array(b.pointer(b.prototype(0, {})), 2); }, "void (*[2])(void)",
     "void (*x[2])(void)"},
    {[](B& b) { return b.pointer(b.prototype(b.pointer(b.prototype(0, {{"", integer(b)}})), {})); },
     "void (*(*)(void))(int)", "void (*(*x)(void))(int)"},
    {[](B& b) {
       return b.function("main", b.prototype(integer(b), {{"argc", integer(b)}, {"", 0}}));
     },
     "int main(int argc, ...)", "int main(int argc, ...)"},
    {[](B& b) { return b.variable("hist", b.array(integer(b), 4)); }, "int hist[4]", "int hist[4]"},
    {[](B& b) { return b.section(".bss", 0, {}); }, "section .bss", "section .bss x"},
};

TEST(BtfFormat, Names) {
  for (const Case& c : kCases) {
    B b;
    const u32 id = c.make(b);
    const Btf btf = b.build();
    EXPECT_EQ(type_name(btf, id), c.plain);
    EXPECT_EQ(type_name(btf, id, "x"), c.declared);
  }
}

TEST(BtfFormat, Definitions) {
  B b;
  const u32 i = integer(b);
  const u32 inner = b.structure("", 8, {{"low", i, 0}, {"high", i, 32}});
  const u32 either = b.unite("", 8, {{"", inner, 0}, {"name", b.array(character(b), 8), 0}});
  const u32 whole = b.structure(
      "event", 24, {{"flags", i, 0, 3}, {"", either, 64}, {"next", b.pointer(point(b)), 128}});
  const u32 colors = b.enumeration("color", {{"RED", 0}, {"NONE", 0xffffffff}});
  const u32 signs = b.enumeration64("sign", {{"MINUS", ~u64{0}}}, true);
  const u32 alias = b.alias("event_t", b.pointer(whole));
  const Btf btf = b.build();
  EXPECT_EQ(type_definition(btf, whole),
            "struct event {\n"
            "  int flags : 3;\n"
            "  union {\n"
            "    struct {\n"
            "      int low;\n"
            "      int high;\n"
            "    };\n"
            "    char name[8];\n"
            "  };\n"
            "  struct point *next;\n"
            "};\n");
  EXPECT_EQ(type_definition(btf, colors), "enum color {\n  RED = 0,\n  NONE = 4294967295,\n};\n");
  EXPECT_EQ(type_definition(btf, signs), "enum sign {\n  MINUS = -1,\n};\n");
  EXPECT_EQ(type_definition(btf, alias), "typedef struct event *event_t;\n");
  EXPECT_EQ(type_definition(btf, i), "int;\n");
}

TEST(BtfFormat, HostileTypesAreCut) {
  B b;
  u32 type = 0;
  for (int i = 0; i < 1000; ++i) type = b.pointer(type);
  const u32 loop = b.pointer(1002);
  b.array(loop, 1);
  u32 function = 0;
  u32 anonymous = b.structure("", 0, {});
  for (int i = 0; i < 30; ++i) {
    function = b.prototype(function, {{"a", function}, {"b", function}, {"c", function}});
    anonymous = b.structure(
        "", 0, {{"", anonymous, 0}, {"", anonymous, 0}, {"", anonymous, 0}, {"", anonymous, 0}});
  }
  const Btf btf = b.build();
  for (const u32 id : {type, loop, function, anonymous}) {
    EXPECT_LT(type_name(btf, id).size(), 1u << 20);
    EXPECT_LT(type_definition(btf, id).size(), 1u << 20);
    EXPECT_NE(type_definition(btf, id).find("..."), std::string::npos);
  }
}

}  // namespace
}  // namespace skep
