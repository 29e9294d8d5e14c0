// Fuzz target: any bytes as an object file. Loading gives an object or an error; what an image
// refers to is there, and everything can be printed. Each input is loaded as it is and against its
// own types as a kernel's; its last byte chooses more: 1 looks only, 2 links it with itself.
// Inputs worth keeping are in tests/fuzz/corpus/load/.
#include <cstdlib>

#include "isa/disasm.h"
#include "loader/loader.h"

namespace {

using namespace skep;

void require(bool claim) {
  if (!claim) std::abort();
}

void check_image(const Image& image) {
  require(image.maps != nullptr);
  const Program& program = image.program;
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    const Decoded& insn = program.at(pc);
    if (insn.op == Op::LoadMap || insn.op == Op::LoadValue) {
      require(insn.map_index() < image.maps->size());
    }
    if (insn.op == Op::CallKfunc || insn.op == Op::LoadBtfId) {
      require(static_cast<u64>(insn.imm) < image.externs.size());
    }
  }
  for (const SourceLine& line : program.source().lines) {
    require(line.file < program.source().files.size());
    require(line.pc.value < program.size());
  }
  for (const Subprogram& function : program.subprograms()) {
    require(function.btf_type == 0 || image.btf->kind(function.btf_type) == BtfKind::Func);
  }
  require(!disassemble(program).empty());
}

void check_object(const Object& object) {
  for (const auto& image : object.programs) check_image(*image);
  for (const MapSpec& map : *object.maps) {
    require(map.initial.empty() || map.initial.size() == map.value_size ||
            map.type == MapType::arena);
    for (const MapSlot& slot : map.slots) require(slot.map < object.maps->size());
  }
  for (const LoadFailure& failure : object.failures) require(!failure.error.text.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  const std::span bytes(data, size);
  LoadOptions options{.name = "fuzz", .kconfig = "CONFIG_A=y\nCONFIG_B=17\nCONFIG_C=\"text\"\n"};
  const u8 choice = size == 0 ? 0 : bytes.back();
  options.inspect = (choice & 1) != 0;
  const ObjectFile files[] = {{"a", bytes}, {"b", bytes}};
  const auto object = load_linked(std::span(files).first((choice & 2) != 0 ? 2 : 1), options);
  if (!object) {
    require(!object.error().text.empty());
    return 0;
  }
  check_object(*object);
  if (object->btf == nullptr) return 0;
  const auto target = CoreTarget::make(object->btf);
  if (!target) return 0;
  options.target = &*target;
  const auto relocated = load(bytes, options);
  if (relocated) check_object(*relocated);
  return 0;
}
