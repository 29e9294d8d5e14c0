// A map of every type of maps.def in the running kernel, with the least that its row allows.
#include <gtest/gtest.h>
#include <unistd.h>

#include "kernel/backend.h"
#include "kernel/kernel_types.h"
#include "tests/support/btf_builder.h"
#include "tests/support/map_specs.h"
#include "tests/support/running_kernel.h"

namespace skep {
namespace {

constexpr u32 kTypes = 35;

bool is_storage(MapType type) {
  return type == MapType::sk_storage || type == MapType::inode_storage ||
         type == MapType::task_storage || type == MapType::cgrp_storage;
}

// The least that validate() takes; where that does not say all, what the kernel wants besides.
MapSpec least(const MapKind& kind) {
  const MapRule& rule = kind.rule;
  MapSpec spec = map_spec(kind.type, rule.key.min, rule.value.min, rule.entries.min, rule.required);
  if (kind.may(kReserve) || kind.may(kDrain)) spec.max_entries = static_cast<u32>(getpagesize());
  if (is_storage(kind.type)) {
    spec.value_size = 4;
    spec.btf_key = spec.btf_value = 1;  // the int of object_types()
  }
  return spec;
}

Fd object_types() {
  test::BtfBuilder builder;
  builder.integer("int", 4, test::BtfBuilder::kSigned);
  const Btf btf = builder.build();
  return load_btf_into_kernel(&btf);
}

class EveryMapType : public testing::TestWithParam<u32> {
 protected:
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
    if (test::running_kernel() < kind().since) GTEST_SKIP() << test::needs_linux(kind().since);
  }
  static const MapKind& kind() { return *find_map_kind(static_cast<MapType>(GetParam())); }
};

TEST_P(EveryMapType, IsCreated) {
  MapSpec spec = least(kind());
  const Fd types = object_types();
  ASSERT_TRUE(types);
  KernelMapOptions options{.btf_fd = types.get()};
  std::unique_ptr<KernelMap> inner;
  if (holds_maps(kind().type)) {
    auto shape = KernelMap::create(map_spec(MapType::array, 4, 4, 1), {});
    ASSERT_TRUE(shape) << shape.error().text;
    inner = std::move(*shape);
    options.inner_fd = inner->fd();
  }
  if (kind().type == MapType::struct_ops) {  // of some kernel type that has operations
    const auto kernel = read_kernel_btf();
    if (!kernel) GTEST_SKIP() << "needs kernel feature: " << kernel.error().text;
    options.kernel_value_type =
        (*kernel)->find(BtfKind::Struct, "bpf_struct_ops_tcp_congestion_ops");
    ASSERT_NE(options.kernel_value_type, 0u);
    spec.value_size = (*kernel)->size(options.kernel_value_type);
  }
  const auto map = KernelMap::create(spec, options);
  ASSERT_TRUE(map) << map.error().text;
  EXPECT_GE((*map)->fd(), 0);

  auto same = KernelMap::open_id((*map)->id());
  ASSERT_TRUE(same) << same.error().text;
  const MapSpec& told = (*same)->spec();
  EXPECT_EQ(told.type, kind().type);
  EXPECT_EQ(told.name, "m");
  EXPECT_EQ(told.key_size, spec.key_size);
  EXPECT_EQ(told.value_size, spec.value_size);
  EXPECT_GE(told.max_entries, spec.max_entries);
  EXPECT_EQ(told.flags & spec.flags, spec.flags);
}

INSTANTIATE_TEST_SUITE_P(KernelMaps, EveryMapType, testing::Range(1u, kTypes + 1), [](auto& p) {
  return std::string(find_map_kind(static_cast<MapType>(p.param))->name);
});

// No row is left out.
TEST(MapTypes, EndWhereTheTestEnds) {
  EXPECT_NE(find_map_kind(static_cast<MapType>(kTypes)), nullptr);
  EXPECT_EQ(find_map_kind(static_cast<MapType>(kTypes + 1)), nullptr);
}

}  // namespace
}  // namespace skep
