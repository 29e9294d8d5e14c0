// Context accesses of a run: values, extension, narrow parts, what stores change; every row that a
// run can serve at every width, and the host's access by name.
#include "helpers/contexts/access.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace skep {
namespace {

class Access : public testing::Test {
 protected:
  void start(ProgramType type) {
    frame.type = type;
    frame.packet = {bytes, bytes + 8, bytes + 16, bytes + 48, bytes + 64};
    ASSERT_TRUE(prepare(frame, run));
  }
  u64 load(u64 offset, u32 size, bool sign_extend = false) {
    u64 value = 0;
    EXPECT_TRUE(context_load(run, offset, size, sign_extend, value)) << offset << "/" << size;
    return value;
  }
  bool refused(u64 offset, u32 size, bool sign_extend = false) {
    u64 value = 0x77;
    const bool loaded = context_load(run, offset, size, sign_extend, value);
    EXPECT_TRUE(loaded || value == 0x77);
    return !loaded;
  }

  u8 bytes[64] = {};
  Frame frame;
  skep::Run run;  // testing::Test has a Run() of its own
};

TEST_F(Access, PacketPointersAreRealAnd64Bits) {
  start(ProgramType::xdp);
  EXPECT_EQ(load(0, 4), reinterpret_cast<u64>(bytes + 16));
  EXPECT_EQ(load(4, 4), reinterpret_cast<u64>(bytes + 48));
  EXPECT_EQ(load(8, 4), reinterpret_cast<u64>(bytes + 8));
  EXPECT_TRUE(refused(0, 4, true)) << "a pointer is not sign-extended";
  EXPECT_TRUE(refused(0, 8));
  EXPECT_FALSE(context_store(run, 0, 4, 0));
}

TEST_F(Access, LengthIsThePackets) {
  start(ProgramType::sched_cls);
  EXPECT_EQ(load(0, 4), 32u);
  EXPECT_EQ(load(0, 1), 32u);
  EXPECT_EQ(load(1, 1), 0u);
}

TEST_F(Access, NarrowLoadsGiveTheirBytes) {
  start(ProgramType::sched_cls);
  frame.skb.mark = 0x8899aabb;
  EXPECT_EQ(load(8, 4), 0x8899aabbu);
  EXPECT_EQ(load(8, 2), 0xaabbu);
  EXPECT_EQ(load(10, 2), 0x8899u);
  EXPECT_EQ(load(11, 1), 0x88u);
  EXPECT_EQ(load(8, 4, true), 0xffffffff'8899aabbu);
  EXPECT_EQ(load(10, 2, true), 0xffffffff'ffff8899u);
  EXPECT_EQ(load(11, 1, true), 0xffffffff'ffffff88u);
}

TEST_F(Access, NarrowerMembersAreExtendedAndCut) {
  start(ProgramType::sched_cls);
  frame.skb.protocol = 0xdd86;
  EXPECT_EQ(load(16, 4), 0xdd86u);
  EXPECT_EQ(load(16, 1), 0x86u);
  EXPECT_EQ(load(17, 1), 0xddu);
  EXPECT_EQ(load(18, 1), 0u);
  EXPECT_EQ(load(18, 2), 0xdd86u) << "kept in two bytes, so this is no part";
  frame.skb.pkt_type = 3;
  EXPECT_EQ(load(7, 1), 3u) << "the same with one";
  EXPECT_TRUE(context_store(run, 44, 4, 0x12345678));  // tc_index
  EXPECT_EQ(frame.skb.tc_index, 0x5678);
  EXPECT_TRUE(context_store(run, 72, 4, 0xffff0001));  // tc_classid
  EXPECT_EQ(load(72, 4), 1u);
}

TEST_F(Access, StoresChangeTheirFieldOnly) {
  start(ProgramType::sched_cls);
  frame.skb.cb[1] = 0x11111111;
  EXPECT_TRUE(context_store(run, 48, 4, 0xffffffff'22222222));
  EXPECT_TRUE(context_store(run, 53, 1, 0xabcd));
  EXPECT_EQ(frame.skb.cb[0], 0x22222222u);
  EXPECT_EQ(frame.skb.cb[1], 0x1111cd11u);
  EXPECT_TRUE(context_store(run, 56, 8, 0x3333333344444444));
  EXPECT_EQ(frame.skb.cb[2], 0x44444444u);
  EXPECT_EQ(frame.skb.cb[3], 0x33333333u);
  EXPECT_EQ(load(48, 8), 0x1111cd1122222222u);
  EXPECT_TRUE(context_store(run, 152, 8, ~u64(0)));
  EXPECT_EQ(frame.skb.tstamp, ~u64(0));
  EXPECT_EQ(frame.skb.tstamp_type, 0);
}

TEST_F(Access, ImpossibleQueueNumbersAreIgnored) {
  start(ProgramType::sched_cls);
  EXPECT_TRUE(context_store(run, 12, 4, 0xfffe));
  EXPECT_EQ(frame.skb.queue_mapping, 0xfffe);
  EXPECT_TRUE(context_store(run, 12, 4, 0xffff));
  EXPECT_TRUE(context_store(run, 12, 4, 0x1'0000'0001)) << "the kernel compares all 64 bits";
  EXPECT_EQ(frame.skb.queue_mapping, 0xfffe);
}

TEST_F(Access, ArraysCountTheirElements) {
  start(ProgramType::cgroup_skb);
  for (u32 i = 0; i < 4; ++i) frame.skb.local_ip6[i] = 100 + i;
  for (u32 i = 0; i < 4; ++i) EXPECT_EQ(load(116 + 4 * i, 4), 100 + i);
}

TEST_F(Access, EgressNeedsItsAttachType) {
  start(ProgramType::xdp);
  frame.xdp.egress_ifindex = 9;
  EXPECT_TRUE(refused(20, 4));
  Image image;
  image.attach_type = static_cast<u32>(AttachType::xdp_devmap);
  run.image = &image;
  EXPECT_EQ(load(20, 4), 9u);
}

TEST_F(Access, FlatContextsHaveNone) {
  start(ProgramType::raw);
  EXPECT_TRUE(refused(0, 4));
  EXPECT_FALSE(context_store(run, 0, 4, 1));
  EXPECT_TRUE(refused(~u64(0), 8));
}

// Each byte, width and direction: what the rows allow works, all else is refused and changes
// nothing.
TEST_F(Access, EveryRowAtEveryWidth) {
  for (const ProgramTypeRow& type : program_types()) {
    if (type.context != Context::XdpMd && type.context != Context::SkBuff) continue;
    if (!is_emulated(type.type)) continue;
    SCOPED_TRACE(type.name);
    for (u64 offset = 0; offset < 400; ++offset) {
      for (u32 size = 1; size <= 8; size *= 2) {
        frame = {};
        start(type.type);
        const FieldRow* read =
            find_access(type.context, type.type, AttachType::none, offset, size, false);
        EXPECT_EQ(!refused(offset, size), read != nullptr) << offset << "/" << size;
        const FieldRow* write =
            find_access(type.context, type.type, AttachType::none, offset, size, true);
        u8 before[sizeof frame];
        std::memcpy(before, &frame, sizeof frame);
        EXPECT_EQ(context_store(run, offset, size, 0x0101), write != nullptr)
            << offset << "/" << size;
        EXPECT_EQ(std::memcmp(before, &frame, sizeof frame) == 0, write == nullptr);
        if (write != nullptr && size == 1) {
          EXPECT_EQ(load(offset, 1), 1u);
        }
      }
    }
  }
}

TEST_F(Access, ByNameForTheHost) {
  start(ProgramType::sched_cls);
  EXPECT_TRUE(set_field(frame, "mark", 7));
  EXPECT_EQ(frame.skb.mark, 7u);
  EXPECT_TRUE(set_field(frame, "ifindex", 3)) << "programs can only read it, the host sets it";
  EXPECT_TRUE(set_field(frame, "cb[4]", 5));
  EXPECT_EQ(frame.skb.cb[4], 5u);
  EXPECT_EQ(get_field(frame, "cb[4]").value_or(0), 5u);
  EXPECT_EQ(get_field(frame, "len").value_or(0), 32u);
  EXPECT_EQ(load(48 + 16, 4), 5u);

  frame = {};
  frame.type = ProgramType::kprobe;
  frame.regs.machine = Machine::X64;
  EXPECT_TRUE(set_field(frame, "si", ~u64(0)));
  EXPECT_EQ(frame.regs.x64.si, ~u64(0));
  frame.regs = {};
  frame.regs.machine = Machine::A64;
  EXPECT_TRUE(set_field(frame, "regs[1]", 1));
  EXPECT_EQ(frame.regs.a64.regs[1], 1u);
}

struct NameCase {
  const char* name;
  ProgramType type;
  const char* field;
  u64 value;
  Code code;
};

class FieldNames : public testing::TestWithParam<NameCase> {};

TEST_P(FieldNames, AreRefusedWithAReason) {
  Frame frame{.type = GetParam().type};
  const Status status = set_field(frame, GetParam().field, GetParam().value);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, GetParam().code) << status.error().text;
}

INSTANTIATE_TEST_SUITE_P(
    All, FieldNames,
    testing::Values(
        NameCase{"unknown", ProgramType::xdp, "mark", 1, Code::unknown_field},
        NameCase{"empty", ProgramType::xdp, "", 1, Code::unknown_field},
        NameCase{"not_this_type", ProgramType::sched_cls, "family", 1, Code::unknown_field},
        NameCase{"pointer", ProgramType::xdp, "data", 1, Code::fixed_field},
        NameCase{"length", ProgramType::sched_cls, "len", 1, Code::fixed_field},
        NameCase{"socket", ProgramType::sched_cls, "sk", 1, Code::fixed_field},
        NameCase{"array_without_index", ProgramType::sched_cls, "cb", 1, Code::unknown_field},
        NameCase{"index_too_large", ProgramType::sched_cls, "cb[5]", 1, Code::unknown_field},
        NameCase{"index_open", ProgramType::sched_cls, "cb[1", 1, Code::unknown_field},
        NameCase{"index_empty", ProgramType::sched_cls, "cb[]", 1, Code::unknown_field},
        NameCase{"index_on_scalar", ProgramType::sched_cls, "mark[0]", 1, Code::unknown_field},
        NameCase{"value_too_large", ProgramType::sched_cls, "tc_index", 65536,
                 Code::bad_field_value},
        NameCase{"no_fields", ProgramType::raw, "mark", 1, Code::unknown_field}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
