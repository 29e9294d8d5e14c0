// Fuzz target: any bytes as BTF.ext. The input is the length of a BTF section in two bytes, the
// section, and the BTF.ext that belongs to it. Reading gives records or an error, and whatever
// relocations come out are applied to instructions.
#include "isa/btf_ext.h"

#include "loader/core_relocate.h"

extern "C" int LLVMFuzzerTestOneInput(const skep::u8* data, std::size_t size) {
  using namespace skep;
  if (size < 2) return 0;
  const std::size_t length = data[0] | static_cast<std::size_t>(data[1]) << 8;
  if (length > size - 2) return 0;
  auto btf = Btf::parse({data + 2, length});
  if (!btf) return 0;
  const auto shared = std::make_shared<const Btf>(std::move(*btf));
  const auto ext = BtfExt::parse({data + 2 + length, size - 2 - length}, *shared);
  const auto target = CoreTarget::make(shared);
  if (!ext || !target) return 0;
  CoreRelocator relocator(*shared, *target);
  for (u32 i = 0; i < ext->relocation_sections(); ++i) {
    const auto group = ext->relocation_section(i);
    if (ext->relocations(group.section).data() != group.records.data()) __builtin_trap();
    Insn insns[16] = {make_insn(0xb7), make_insn(0x61), make_insn(0x18),
                      Insn{},          make_insn(0x7b), make_insn(0x62)};
    CoreResult result;
    (void)relocator.relocate(insns, group.records, result).has_value();
    for (const CoreRelo& relocation : group.records) (void)describe(relocation, *shared);
    for (const LineInfo& line : ext->lines(group.section)) (void)shared->string(line.text);
  }
  return 0;
}
