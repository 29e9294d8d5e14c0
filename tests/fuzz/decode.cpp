// Fuzz target: any bytes as a program. Decoding gives a program or an error, and what it accepts
// encodes to the same instructions again. Inputs worth keeping are in tests/fuzz/corpus/decode/.
#include <cstdlib>
#include <cstring>

#include "isa/program.h"

extern "C" int LLVMFuzzerTestOneInput(const skep::u8* data, std::size_t size) {
  using namespace skep;
  std::vector<Insn> insns(size / sizeof(Insn));
  if (!insns.empty()) std::memcpy(insns.data(), data, insns.size() * sizeof(Insn));
  const auto program = Program::make(insns);
  if (!program) return 0;
  for (Pc pc; pc.value < program->size(); pc = pc + program->at(pc).slots()) {
    const Encoded encoded = encode(program->at(pc), pc);
    for (u32 slot = 0; slot < encoded.count; ++slot) {
      if (encoded.slots[slot] != insns[pc.value + slot]) std::abort();
    }
  }
  return 0;
}
