// Fuzz target: any bytes as BTF. Reading gives types or an error; every question about every type
// that was read has an answer, also when the types are nonsense; values of them are read, and
// written back unchanged; and the types relocate against themselves.
#include <cstdlib>

#include "isa/btf_format.h"
#include "isa/btf_value.h"
#include "loader/core_relocate.h"

namespace skep {
namespace {

constexpr u32 kMaxTypes = 60;  // looked at closely, for speed

// Reads every property; the sum keeps the compiler from dropping the reads.
u64 question(const Btf& btf, u32 id) {
  u64 sum = btf.name(id).size() + btf.size(id) + btf.type(id) + btf.resolve(id) +
            btf.size_of(id).value_or(1);
  sum += btf.integer(id).bits + btf.array(id).count + static_cast<u64>(btf.component(id)) +
         static_cast<u64>(btf.linkage(id)) + btf.find(btf.kind(id), btf.name(id));
  for (u32 i = 0; i < btf.vlen(id) && i < 1000; ++i) {
    sum += btf.member(id, i).name.size() + btf.enumerator(id, i).value + btf.param(id, i).type +
           btf.entry(id, i).size;
  }
  return sum + type_name(btf, id, "x").size() + type_definition(btf, id).size();
}

void value(const Btf& btf, u32 id) {
  u8 bytes[64];
  for (u32 i = 0; i < sizeof(bytes); ++i) bytes[i] = static_cast<u8>(i * 37 + 65);
  u8 back[64];
  std::copy(std::begin(bytes), std::end(bytes), back);
  const auto value = read_value(btf, id, bytes);
  if (!value) return;
  if (!write_value(btf, id, *value, back)) return;  // two members may have one name
  const auto again = read_value(btf, id, back);
  if (!again) std::abort();
}

void check(const Btf& btf) {
  u64 sum = 0;
  for (u32 id = 0; id < btf.types() && id < kMaxTypes; ++id) {
    sum += question(btf, id);
    value(btf, id);
  }
  if (sum == 0x5eedf00d) std::abort();
}

}  // namespace
}  // namespace skep

extern "C" int LLVMFuzzerTestOneInput(const skep::u8* data, std::size_t size) {
  using namespace skep;
  auto btf = load_btf({data, size});
  if (!btf) return 0;
  check(*btf);
  const auto shared = std::make_shared<const Btf>(std::move(*btf));
  // The same bytes once more, as a split BTF on top of themselves.
  if (const auto split = Btf::parse({data, size}, shared)) check(*split);
  const auto target = CoreTarget::make(shared);
  if (!target) return 0;
  CoreRelocator relocator(*shared, *target);
  for (u32 id = 1; id < shared->types() && id < kMaxTypes; ++id) {
    for (u32 kind = 0; kind < kCoreKinds; ++kind) {
      // The first string of the section, which a seed may make "0:1".
      const CoreRelo relocation{0, id, 1, static_cast<CoreKind>(kind)};
      Insn insns[] = {make_insn(0x18), Insn{}};
      CoreResult result;
      if (!relocator.relocate(insns, {&relocation, 1}, result)) continue;
    }
  }
  return 0;
}
