// See raw_program.h.

#include "kernel/raw_program.h"

namespace skep {
namespace {

constexpr u8 kValueOfMap = 2;  // source of lddw: the value of the map, by index
constexpr u8 kMovImm = 0xb7;
constexpr u8 kExit = 0x95;

MapSpec memory_map(std::span<const u8> memory) {
  MapSpec spec;
  spec.name = "skep_memory";
  spec.type = MapType::array;
  spec.key_size = sizeof(u32);
  spec.value_size = static_cast<u32>(memory.size());
  spec.max_entries = 1;
  spec.initial.assign(memory.begin(), memory.end());
  return spec;
}

}  // namespace

Result<std::shared_ptr<const Image>> as_kernel_program(const Image& raw,
                                                       std::span<const u8> memory) {
  constexpr std::size_t kMostMemory = 32 << 20;  // of one value, less than any kernel's limit
  if (memory.size() > kMostMemory) return fail<Code::no_memory>("so large a map value");
  const u8 nothing = 0;  // a map's value has at least one byte
  auto maps = raw.maps == nullptr ? std::make_shared<std::vector<MapSpec>>()
                                  : std::make_shared<std::vector<MapSpec>>(*raw.maps);
  maps->push_back(memory_map(memory.empty() ? std::span(&nothing, 1) : memory));
  if (auto ok = validate(maps->back()); !ok) return std::unexpected(std::move(ok).error());

  const auto index = static_cast<i32>(maps->size() - 1);
  std::vector<Insn> insns{
      make_insn(kLddwOpcode, 1, kValueOfMap, 0, index),
      Insn{},
      make_insn(kMovImm, 2, 0, 0, static_cast<i32>(memory.size())),
  };
  insns.insert(insns.end(), raw.program.insns().begin(), raw.program.insns().end());
  std::vector<Subprogram> functions(raw.program.subprograms().begin(),
                                    raw.program.subprograms().end());
  for (Subprogram& function : functions) {
    function.first.value += kRawPrologue;
    function.end.value += kRawPrologue;
  }
  functions.front().first = {};
  SourceMap source = raw.program.source();
  for (SourceLine& line : source.lines) line.pc.value += kRawPrologue;

  auto image = std::make_shared<Image>(raw);
  image->type = ProgramType::xdp;
  image->attach_type = 0;
  image->section = "xdp";
  image->maps = std::move(maps);
  image->program = TRY(Program::make(std::move(insns), std::move(functions), std::move(source)));
  return image;
}

Result<std::shared_ptr<const Image>> empty_program(ProgramType type, u32 attach_type) {
  auto image = std::make_shared<Image>();
  image->name = "empty";
  image->type = type;
  image->attach_type = attach_type;
  image->license = "GPL";
  image->maps = std::make_shared<const std::vector<MapSpec>>();
  image->program =
      TRY(Program::make({make_insn(kMovImm, 0, 0, 0, 1), make_insn(kExit, 0, 0, 0, 0)}));
  return image;
}

}  // namespace skep
