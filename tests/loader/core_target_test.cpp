// Targets of CO-RE: files they are read from, essential names, the candidates for a name.
#include "loader/core_target.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/btf_builder.h"

namespace skep {
namespace {

using B = test::BtfBuilder;

TEST(CoreTarget, EssentialNames) {
  const struct {
    std::string_view name, essential;
  } cases[] = {
      {"task_struct", "task_struct"},
      {"task_struct___old", "task_struct"},
      {"task_struct___old___older", "task_struct___old"},
      {"a___b", "a"},
      {"a___", "a___"},
      {"___b", "___b"},
      {"a____b", "a____b"},  // four: no X or no Y beside the three
      {"a___b____c", "a"},
      {"a__b", "a__b"},
      {"___", "___"},
      {"", ""},
      {"x___1", "x"},
  };
  for (const auto& c : cases) EXPECT_EQ(essential_name(c.name), c.essential) << c.name;
}

std::vector<u32> ids(const CoreTarget& target, BtfKind kind, std::string_view name,
                     u32 limit = 100) {
  std::vector<u32> found;
  u64 steps = 0;
  for (const auto& candidate : target.candidates(kind, name, limit, steps))
    found.push_back(candidate.id);
  return found;
}

TEST(CoreTarget, FindsCandidatesById) {
  B b;
  const u32 one = b.structure("s", 4, {});
  const u32 alias = b.alias("s", one);
  const u32 two = b.structure("s___2", 4, {});
  const u32 either = b.unite("s", 4, {});
  const u32 narrow = b.enumeration("e", {});
  const u32 wide = b.enumeration64("e___w", {});
  const auto target = CoreTarget::make(b.share());
  ASSERT_TRUE(target);
  using Ids = std::vector<u32>;
  EXPECT_EQ(ids(*target, BtfKind::Struct, "s"), (Ids{one, two}));
  EXPECT_EQ(ids(*target, BtfKind::Struct, "s___mine"), (Ids{one, two}));
  EXPECT_EQ(ids(*target, BtfKind::Struct, "s", 1), (Ids{one}));
  EXPECT_EQ(ids(*target, BtfKind::Union, "s"), (Ids{either}));
  EXPECT_EQ(ids(*target, BtfKind::Typedef, "s"), (Ids{alias}));
  EXPECT_EQ(ids(*target, BtfKind::Enum, "e"), (Ids{narrow, wide}));
  EXPECT_EQ(ids(*target, BtfKind::Enum64, "e"), (Ids{narrow, wide}));
  EXPECT_EQ(ids(*target, BtfKind::Fwd, "s"), (Ids{}));
}

TEST(CoreTarget, ModulesCountWhenTheKernelHasNone) {
  B kernel;
  const u32 there = kernel.structure("in_kernel", 4, {});
  B one = B::on_top_of(kernel), two = B::on_top_of(kernel);
  const u32 first = one.structure("in_module", 4, {});
  one.structure("in_kernel", 8, {});
  const u32 second = two.structure("in_module", 4, {});
  const auto base = kernel.share();
  const auto target = CoreTarget::make(base, {std::make_shared<const Btf>(one.build(base)),
                                              std::make_shared<const Btf>(two.build(base))});
  ASSERT_TRUE(target);
  EXPECT_EQ(ids(*target, BtfKind::Struct, "in_kernel"), (std::vector{there}));
  EXPECT_EQ(ids(*target, BtfKind::Struct, "in_module"), (std::vector{first, second}));
}

// An ELF file with a .BTF section: 32 or 64 bits, of either byte order.
std::vector<u8> elf_with(std::span<const u8> btf, bool wide, bool big) {
  const std::string names("\0.BTF\0.shstrtab\0", 16);
  const u32 header = wide ? 64 : 52;
  const u32 entry = wide ? 64 : 40;
  std::vector<u8> out(header, 0);
  const auto write = [&](std::size_t at, u64 value, u32 size) {
    for (u32 i = 0; i < size; ++i)
      out[at + (big ? size - 1 - i : i)] = static_cast<u8>(value >> (8 * i));
  };
  std::memcpy(out.data(), "\177ELF", 4);
  out[4] = wide ? 2 : 1;
  out[5] = big ? 2 : 1;
  const std::size_t btf_at = out.size();
  out.insert(out.end(), btf.begin(), btf.end());
  const std::size_t names_at = out.size();
  out.insert(out.end(), names.begin(), names.end());
  const std::size_t table = out.size();
  out.resize(table + std::size_t{3} * entry);
  write(wide ? 40 : 32, table, wide ? 8 : 4);
  write(wide ? 58 : 46, entry, 2);
  write(wide ? 60 : 48, 3, 2);
  write(wide ? 62 : 50, 2, 2);
  const auto section = [&](u32 index, u32 name, u64 at, u64 size) {
    const std::size_t base = table + std::size_t{index} * entry;
    write(base, name, 4);
    write(base + (wide ? 24 : 16), at, wide ? 8 : 4);
    write(base + (wide ? 32 : 20), size, wide ? 8 : 4);
  };
  section(1, 1, btf_at, btf.size());
  section(2, 6, names_at, names.size());
  return out;
}

TEST(LoadBtf, FromBlobAndElf) {
  B b;
  b.structure("s", 4, {});
  EXPECT_TRUE(load_btf(b.bytes()));
  for (const bool wide : {false, true}) {
    for (const bool big : {false, true}) {
      const auto btf = load_btf(elf_with(b.bytes(big), wide, big));
      ASSERT_TRUE(btf) << btf.error().text;
      EXPECT_EQ(btf->name(1), "s");
    }
  }
}

TEST(LoadBtf, Refuses) {
  B b;
  auto elf = elf_with(b.bytes(), true, false);
  for (std::size_t length = 0; length < elf.size(); ++length) {
    EXPECT_FALSE(load_btf(std::span(elf).first(length))) << length;
  }
  elf[elf.size() - 192 - 16 + 2] = 'X';  // .XTF
  const auto btf = load_btf(elf);
  ASSERT_FALSE(btf);
  EXPECT_EQ(btf.error().code, Code::no_btf);
  EXPECT_EQ(btf.error().text, "the ELF file has no section '.BTF'");
}

TEST(CoreTarget, IndexesTheRunningKernel) {
  std::ifstream file("/sys/kernel/btf/vmlinux", std::ios::binary);
  if (!file)
    GTEST_SKIP() << "no permission or kernel feature: /sys/kernel/btf/vmlinux is not readable";
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  auto btf = load_btf({reinterpret_cast<const u8*>(bytes.data()), bytes.size()});
  ASSERT_TRUE(btf) << btf.error().text;
  const auto shared = std::make_shared<const Btf>(std::move(*btf));
  const auto target = CoreTarget::make(shared);
  ASSERT_TRUE(target);
  EXPECT_EQ(ids(*target, BtfKind::Struct, "task_struct___x"),
            std::vector{shared->find(BtfKind::Struct, "task_struct")});
}

}  // namespace
}  // namespace skep
