// The maps that generated programs use, and images of their insns.

#include "isa/btf.h"
#include "tests/support/btf_builder.h"
#include "tests/support/generator.h"
#include "tests/support/map_specs.h"

namespace skep::test {
namespace {

constexpr u32 kValueSize = kGeneratorValueSize;

// Types for the functions: each is `static long f(long, long, long, long, long)`.
std::shared_ptr<const Btf> functions_btf(std::span<Subprogram> functions) {
  BtfBuilder builder;
  const u32 integer = builder.integer("long", 8, BtfBuilder::kSigned);
  const u32 prototype = builder.raw("", BtfKind::FuncProto, 0, integer);
  for (Subprogram& function : functions) {
    function.btf_type = builder.raw(function.name, BtfKind::Func, 0, prototype);
  }
  auto btf = Btf::parse(builder.bytes());
  return btf ? std::make_shared<const Btf>(std::move(*btf)) : nullptr;
}

}  // namespace

std::vector<MapSpec> generator_maps() {
  std::vector<MapSpec> maps = {
      map_spec(MapType::array, 4, kValueSize, 4, 0, "a"),
      map_spec(MapType::hash, 4, kValueSize, 3, 0, "h"),
      map_spec(MapType::percpu_array, 4, kValueSize, 4, 0, "c"),
      map_spec(MapType::lpm_trie, 8, kValueSize, 5, map_flags::kNoPrealloc, "l"),
      map_spec(MapType::ringbuf, 0, 0, 4096, 0, "r"),
      map_spec(MapType::prog_array, 4, 4, 3, 0, "p"),
      map_spec(MapType::array, 4, 16, 1, map_flags::kRdonlyProg, "t"),
  };
  maps[kProgs].slots = {{0, "target", 0}};
  maps.back().initial = {'s', 'k', 'e', 'p', 0, 0, 0, 0, 'x', 0, 0, 0, 0, 0, 0, 0};
  maps.back().frozen = true;
  return maps;
}

std::shared_ptr<const Image> image_of_insns(std::vector<Insn> insns, ProgramType type,
                                            std::string name) {
  auto found = Program::make(insns);
  if (!found) return nullptr;
  std::vector<Subprogram> functions(found->subprograms().begin(), found->subprograms().end());
  auto image = std::make_shared<Image>();
  image->btf = functions_btf(functions);
  auto program = Program::make(std::move(insns), std::move(functions));
  if (!program) return nullptr;
  image->name = std::move(name);
  image->section = "generated";
  image->type = type;
  image->license = "GPL";
  image->maps = std::make_shared<const std::vector<MapSpec>>(generator_maps());
  image->program = std::move(*program);
  return image;
}

}  // namespace skep::test
