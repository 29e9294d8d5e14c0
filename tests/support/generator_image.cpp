// The maps that generated programs use, and images of their insns.

#include <algorithm>
#include <string_view>

#include "isa/btf.h"
#include "tests/support/btf_builder.h"
#include "tests/support/generator.h"
#include "tests/support/map_specs.h"

namespace skep::test {
namespace {

constexpr u32 kValueSize = kGeneratorValueSize;

// What the read-only map holds: a text to compare with, and formats from 8, 16 and 32 on.
constexpr char kTexts[48] = "skep\0\0\0\0%d %u\0\0\0%lx/%llu %i\0\0\0\0\0%c%%%5lld\0\0\0\0\0\0";

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
      map_spec(MapType::array, 4, sizeof(kTexts), 1, map_flags::kRdonlyProg, "t"),
      map_spec(MapType::array, 4, kValueSize, 1, 0, "g"),
      map_spec(MapType::percpu_hash, 4, kValueSize, 3, 0, "d"),
  };
  maps[kProgs].slots = {{0, "target", 0}, {2, "generated", 0}};
  maps[kText].initial.assign(std::begin(kTexts), std::end(kTexts));
  maps[kText].frozen = true;
  return maps;
}

std::vector<u8> generator_user_bytes() {
  constexpr std::string_view kText = "user memory: text with an end";
  std::vector<u8> bytes(4096);
  std::ranges::copy(kText, bytes.begin());
  std::fill_n(bytes.begin() + kText.size() + 1, 40, u8(0xa5));
  return bytes;
}

std::shared_ptr<const Image> with_function_types(const Image& image) {
  const Program& program = image.program;
  std::vector<Subprogram> functions(program.subprograms().begin(), program.subprograms().end());
  auto typed = std::make_shared<Image>(image);
  typed->btf = functions_btf(functions);
  auto again = Program::make({program.insns().begin(), program.insns().end()}, std::move(functions),
                             program.source());
  if (!again) return nullptr;
  typed->program = std::move(*again);
  return typed;
}

std::shared_ptr<const Image> image_of_insns(std::vector<Insn> insns, ProgramType type,
                                            std::string name) {
  auto program = Program::make(std::move(insns));
  if (!program) return nullptr;
  Image image;
  image.name = std::move(name);
  image.section = "generated";
  image.type = type;
  image.license = "GPL";
  image.sleepable = type == ProgramType::syscall;
  image.externs = {{.name = "schedule", .btf_type = 0, .function = true}};
  std::vector<MapSpec> maps = generator_maps();
  if (image.sleepable) maps[kProgs].slots.clear();  // the kernel has no such tail calls
  image.maps = std::make_shared<const std::vector<MapSpec>>(std::move(maps));
  image.program = std::move(*program);
  return with_function_types(image);
}

}  // namespace skep::test
