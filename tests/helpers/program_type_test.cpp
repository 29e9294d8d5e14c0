// Rows of program types and contexts: numbers, names and who may access what at which width. The
// whole table is compared with what kernels accept by matrix_test.cpp; here are the edges of each
// rule.
#include "helpers/spec/program_type.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "isa/insn.h"

namespace skep {
namespace {

TEST(ProgramTypes, AreInOrderOfTheKernelsNumbers) {
  u16 expected = 0;
  for (const ProgramTypeRow& row : program_types()) {
    if (row.type == ProgramType::raw) continue;
    EXPECT_EQ(static_cast<u16>(row.type), expected++) << row.name;
    EXPECT_EQ(find_program_type(row.name), &row);
    EXPECT_EQ(find_program_type(row.type), &row);
    EXPECT_LT(row.since, kNever) << row.name;
  }
  EXPECT_EQ(expected, 33);
  EXPECT_EQ(find_program_type("no_such_type"), nullptr);
  EXPECT_EQ(find_program_type(ProgramType(999)), nullptr);
  EXPECT_EQ(name(ProgramType::sched_cls), "sched_cls");
  EXPECT_EQ(name(ProgramType(999)), "");
}

TEST(ProgramTypes, EachHasItsOwnBitInSets) {
  u64 seen = 0;
  for (const ProgramTypeRow& row : program_types()) {
    EXPECT_EQ(seen & TypeSet::bit(row.type), 0u) << row.name;
    seen |= TypeSet::bit(row.type);
  }
  EXPECT_TRUE(where::Any.has(ProgramType(0xff00)));  // a host's own
  EXPECT_FALSE(where::Skb.has(ProgramType(0xff00)));
}

struct ReturnCase {
  const char* name;
  ProgramType type;
  AttachType attach_type;
  i64 min, max;
};

class ReturnRanges : public testing::TestWithParam<ReturnCase> {};

TEST_P(ReturnRanges, AreTheKernels) {
  const ReturnRange range = return_range(GetParam().type, GetParam().attach_type);
  EXPECT_EQ(range.min, GetParam().min);
  EXPECT_EQ(range.max, GetParam().max);
}

INSTANTIATE_TEST_SUITE_P(
    All, ReturnRanges,
    testing::Values(
        ReturnCase{"xdp", ProgramType::xdp, AttachType::xdp, INT64_MIN, INT64_MAX},
        ReturnCase{"ingress", ProgramType::cgroup_skb, AttachType::cgroup_inet_ingress, 0, 1},
        ReturnCase{"egress", ProgramType::cgroup_skb, AttachType::cgroup_inet_egress, 0, 3},
        ReturnCase{"bind", ProgramType::cgroup_sock_addr, AttachType::cgroup_inet4_bind, 0, 3},
        ReturnCase{"recvmsg", ProgramType::cgroup_sock_addr, AttachType::cgroup_udp4_recvmsg, 1, 1},
        ReturnCase{"fentry", ProgramType::tracing, AttachType::trace_fentry, 0, 0},
        ReturnCase{"iterator", ProgramType::tracing, AttachType::trace_iter, 0, 1},
        ReturnCase{"session", ProgramType::kprobe, AttachType::trace_kprobe_session, 0, 1},
        ReturnCase{"kprobe", ProgramType::kprobe, AttachType::none, INT64_MIN, INT64_MAX},
        ReturnCase{"sysctl", ProgramType::cgroup_sysctl, AttachType::none, 0, 1},
        ReturnCase{"netfilter", ProgramType::netfilter, AttachType::netfilter, 0, 1}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Contexts, FieldsAreInOrderInsideAndApart) {
  for (const FieldRow& field : fields()) {
    const auto of_context = fields(field.context);
    ASSERT_TRUE(std::ranges::is_sorted(of_context, {}, &FieldRow::offset));
    EXPECT_EQ(find_field(field.context, field.name), &field);
    EXPECT_LE(field.offset + field.size, row(field.context).size) << field.name;
    EXPECT_EQ(field.size % field.element, 0) << field.name;
    EXPECT_EQ((field.write - field.read).bits, 0u) << field.name;
    for (const FieldRow& other : of_context) {
      EXPECT_TRUE(&field == &other || field.offset + field.size <= other.offset ||
                  other.offset + other.size <= field.offset)
          << field.name << " and " << other.name;
    }
  }
}

struct AccessCase {
  const char* name;
  ProgramType type;
  AttachType attach_type;
  u64 offset;
  u32 size;
  bool write;
  const char* field;  // null: refused
};

class ContextAccess : public testing::TestWithParam<AccessCase> {};

TEST_P(ContextAccess, IsJudgedAsByTheKernel) {
  const AccessCase& test = GetParam();
  const Context context = find_program_type(test.type)->context;
  const FieldRow* field =
      find_access(context, test.type, test.attach_type, test.offset, test.size, test.write);
  if (test.field == nullptr) {
    EXPECT_EQ(field, nullptr);
  } else {
    ASSERT_NE(field, nullptr);
    EXPECT_EQ(field->name, test.field);
  }
}

constexpr auto kNone = AttachType::none;
constexpr auto kXdp = ProgramType::xdp;
constexpr auto kTc = ProgramType::sched_cls;
constexpr auto kSocket = ProgramType::socket_filter;
constexpr auto kKprobe = ProgramType::kprobe;

const AccessCase kAccessCases[] = {
    {"xdp_data", kXdp, kNone, 0, 4, false, "data"},
    {"xdp_data_is_not_read_whole_as_8", kXdp, kNone, 0, 8, false, nullptr},
    {"xdp_data_is_not_read_in_parts", kXdp, kNone, 0, 2, false, nullptr},
    {"xdp_data_is_not_written", kXdp, kNone, 0, 4, true, nullptr},
    {"xdp_rx_queue_is_not_read_in_parts", kXdp, kNone, 16, 1, false, nullptr},
    {"xdp_egress_needs_devmap", kXdp, kNone, 20, 4, false, nullptr},
    {"xdp_egress_in_devmap", kXdp, AttachType::xdp_devmap, 20, 4, false, "egress_ifindex"},
    {"xdp_end", kXdp, kNone, 24, 4, false, nullptr},
    {"misaligned", kTc, kNone, 2, 4, false, nullptr},
    {"narrow_at_start", kTc, kNone, 8, 1, false, "mark"},
    {"narrow_inside", kTc, kNone, 10, 2, false, "mark"},
    {"narrow_misaligned", kTc, kNone, 9, 2, false, nullptr},
    {"narrow_write", kTc, kNone, 8, 2, true, nullptr},
    {"whole_write", kTc, kNone, 8, 4, true, "mark"},
    {"two_fields_at_once", kTc, kNone, 8, 8, false, nullptr},
    {"socket_filter_does_not_write_mark", kSocket, kNone, 8, 4, true, nullptr},
    {"socket_filter_reads_mark", kSocket, kNone, 8, 4, false, "mark"},
    {"socket_filter_has_no_data", kSocket, kNone, 76, 4, false, nullptr},
    {"socket_filter_has_no_classid", kSocket, kNone, 72, 4, false, nullptr},
    {"cb_writes_bytes", kSocket, kNone, 51, 1, true, "cb"},
    {"cb_writes_8_over_two", kTc, kNone, 56, 8, true, "cb"},
    {"cb_8_needs_alignment", kTc, kNone, 52, 8, false, nullptr},
    {"cb_8_past_its_end", kTc, kNone, 64, 8, false, nullptr},
    {"cb_last", kTc, kNone, 64, 4, true, "cb"},
    {"sk_is_8_bytes", kTc, kNone, 168, 8, false, "sk"},
    {"sk_is_not_4", kTc, kNone, 168, 4, false, nullptr},
    {"tstamp_written", kTc, kNone, 152, 8, true, "tstamp"},
    {"tstamp_is_not_4", kTc, kNone, 152, 4, false, nullptr},
    {"tstamp_type", kTc, kNone, 180, 1, false, "tstamp_type"},
    {"padding", kTc, kNone, 181, 1, false, nullptr},
    {"tc_reads_no_socket_fields", kTc, kNone, 88, 4, false, nullptr},
    {"cgroup_skb_reads_them", ProgramType::cgroup_skb, kNone, 112, 4, false, "remote_ip6"},
    {"addresses_only_whole", ProgramType::cgroup_skb, kNone, 92, 2, false, nullptr},
    {"ports_in_parts_too", ProgramType::cgroup_skb, kNone, 132, 2, false, "remote_port"},
    {"flow_keys", ProgramType::flow_dissector, kNone, 144, 8, false, "flow_keys"},
    {"flow_dissector_reads_no_length", ProgramType::flow_dissector, kNone, 0, 4, false, nullptr},
    {"pt_regs_8", kKprobe, kNone, 112, 8, false, "di"},
    {"pt_regs_4_upper", kKprobe, kNone, 116, 4, false, "di"},
    {"pt_regs_misaligned", kKprobe, kNone, 114, 4, false, nullptr},
    {"pt_regs_write", kKprobe, kNone, 112, 8, true, nullptr},
    {"pt_regs_end", kKprobe, kNone, 168, 8, false, nullptr},
    {"sock_start", ProgramType::cgroup_sock, kNone, 4, 2, false, "family"},
    {"sock_not_inside", ProgramType::cgroup_sock, kNone, 6, 2, false, nullptr},
    {"port_byte", ProgramType::cgroup_sock, kNone, 49, 1, false, "dst_port"},
    {"port_padding", ProgramType::cgroup_sock, kNone, 50, 2, false, nullptr},
    {"port_whole", ProgramType::cgroup_sock, kNone, 48, 4, false, "dst_port"},
    {"half", ProgramType::sk_reuseport, kNone, 22, 2, false, "eth_protocol"},
    {"no_quarter", ProgramType::sk_reuseport, kNone, 20, 1, false, nullptr},
    {"two_at_once", ProgramType::cgroup_sock_addr, AttachType::cgroup_inet6_bind, 16, 8, true,
     "user_ip6"},
    {"two_at_once_for_ipv6_alone", ProgramType::cgroup_sock_addr, AttachType::cgroup_inet4_bind, 16,
     8, true, nullptr},
    {"two_past_the_end", ProgramType::cgroup_sock_addr, AttachType::cgroup_udp6_sendmsg, 56, 8,
     false, nullptr},
    {"mark_needs_create", ProgramType::cgroup_sock, AttachType::cgroup_inet4_post_bind, 16, 4,
     false, nullptr},
    {"netfilter", ProgramType::netfilter, AttachType::netfilter, 8, 8, false, "skb"},
    {"far_away", kTc, kNone, ~u64(0) - 7, 8, false, nullptr},
    {"size_0", kTc, kNone, 0, 0, false, nullptr},
};

INSTANTIATE_TEST_SUITE_P(All, ContextAccess, testing::ValuesIn(kAccessCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace skep
