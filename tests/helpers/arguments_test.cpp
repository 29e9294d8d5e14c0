// The kinds of arguments in our rows against what a kernel's verifier said of each kind of argument
// that a program passed (tests/data/helper-arguments.tsv). What differs is in a list here, with its
// reason; an explanation that explains nothing any more is a failure too. The running kernel is
// asked again by tests/kernel/arguments_test.cpp.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "tests/support/argument_kinds.h"
#include "tests/support/facts_table.h"

namespace skep {
namespace {

using test::kPassed;

bool is_one_of(char letter, std::string_view letters) {
  return letters.find(letter) != letters.npos;
}

// Which of kPassed an argument may be, by its row.
std::string accepted(const HelperProto& helper, const Arg& arg) {
  const std::string packet = helper.has(helper_flags::PacketAccess) ? "p" : "";
  switch (arg.kind) {
    case ArgKind::None: return "";
    case ArgKind::Anything: return "08nsvorxpfktm";
    case ArgKind::Map: {
      const bool array = arg.detail != kNoOps &&
                         find_map_kind(MapType::array)->may(static_cast<MapOp>(arg.detail));
      return array ? "m" : "";
    }
    case ArgKind::MapKey:
    case ArgKind::MapValue: return "svr" + packet;
    case ArgKind::MapValueOrNull: return "0svor" + packet;
    case ArgKind::UninitMapValue: return "suv" + packet;
    // Pointers to the kernel's structures are memory that may be read.
    case ArgKind::Mem:
    case ArgKind::FixedMem: return "svrt" + packet;
    case ArgKind::MemOrNull: return "0svort" + packet;
    case ArgKind::WriteMem:
    case ArgKind::WriteFixedMem: return "sv" + packet;
    case ArgKind::WriteMemOrNull: return "0svo" + packet;
    case ArgKind::UninitMem:
    case ArgKind::UninitFixedMem: return "suv" + packet;
    case ArgKind::Size: return "8";
    case ArgKind::SizeOrZero: return "08";
    case ArgKind::RecordSize: return "08";
    case ArgKind::Context: return "x";
    case ArgKind::ContextOrNull: return "0x";
    case ArgKind::Function: return "f";
    case ArgKind::StackOrNull: return "0su";
    case ArgKind::ConstString: return "r";
    case ArgKind::SockCommon:
    case ArgKind::BtfSockCommon: return arg.releases ? "" : "k";
    case ArgKind::BtfSockCommonOrNull: return "0k";
    case ArgKind::Btf: return arg.btf == "task_struct" ? "t" : "";
    case ArgKind::BtfOrNull: return arg.btf == "task_struct" ? "0t" : "0";
    case ArgKind::UninitDynptr: return "su";
    // What only other helpers and maps of their own give.
    case ArgKind::Record:
    case ArgKind::Dynptr:
    case ArgKind::Timer:
    case ArgKind::SpinLock:
    case ArgKind::KptrSlot:
    case ArgKind::PerCpuBtf: return "";
  }
  return "";
}

struct Explanation {
  std::string_view helper;  // "": any
  u32 argument;             // 0: any
  std::string_view passed;
  std::string_view reason;
  u32 count;
};
constexpr const char* kSockOps = "such programs read the packet, but pass none of it to helpers";
constexpr const char* kNoField = "so many bytes at the start of a task are not one field of it";
constexpr Explanation kExplanations[] = {
    {"sock_map_update", 3, "p", kSockOps, 1},
    {"sock_hash_update", 3, "p", kSockOps, 1},
    {"get_local_storage", 2, "8nsvorxpfktm", "there are no flags yet: it must be 0", 12},
    {"snprintf", 4, "0", "its format has a number in it", 1},
    {"snprintf", 5, "0", "its format has a number in it", 1},
    {"loop", 1, "svorxpfktm", "the verifier follows the rounds, so they must be a number", 10},
    {"dynptr_from_mem", 1, "su", "only values of maps are memory of dynptrs", 2},
    {"tcp_raw_gen_syncookie_ipv4", 1, "t", kNoField, 1},
    {"tcp_raw_gen_syncookie_ipv6", 1, "t", kNoField, 1},
    {"tcp_raw_check_syncookie_ipv4", 1, "t", kNoField, 1},
    {"tcp_raw_check_syncookie_ipv4", 2, "t", kNoField, 1},
    {"tcp_raw_check_syncookie_ipv6", 1, "t", kNoField, 1},
    {"tcp_raw_check_syncookie_ipv6", 2, "t", kNoField, 1},
};

TEST(Arguments, AreOfTheKindsThatTheVerifierTakes) {
  u32 compared = 0;
  std::vector<u32> used(std::size(kExplanations));
  for (const auto& row : test::facts(SKEP_SOURCE_DIR "/tests/data/helper-arguments.tsv")) {
    const HelperProto* by_name = find_helper(row[0]);
    const ProgramTypeRow* type = find_program_type(row[1]);
    ASSERT_TRUE(by_name != nullptr && type != nullptr) << row[0];
    const HelperProto& helper = *find_helper(by_name->id, type->type);
    const u32 argument = test::number(row[2]);
    if (argument == 0) continue;  // the result
    ASSERT_LE(argument, helper.arg_count()) << row[0];
    ASSERT_EQ(row[3].size(), kPassed.size()) << row[0];
    const std::string table = accepted(helper, helper.args[argument - 1]);
    for (std::size_t i = 0; i < kPassed.size(); ++i) {
      if (row[3][i] == '?') continue;
      ++compared;
      const bool takes = row[3][i] == '+';
      if (is_one_of(kPassed[i], table) == takes) continue;
      const auto* found = std::ranges::find_if(kExplanations, [&](const Explanation& reason) {
        return (reason.helper.empty() || reason.helper == row[0]) &&
               (reason.argument == 0 || reason.argument == argument) &&
               is_one_of(kPassed[i], reason.passed);
      });
      if (found == std::end(kExplanations))
        ADD_FAILURE() << fmt::format("{}, argument {}, {} passed: the verifier {} it", row[0],
                                     argument, kPassed[i], takes ? "takes" : "refuses");
      else
        ++used[static_cast<std::size_t>(found - kExplanations)];
    }
  }
  EXPECT_EQ(compared, 7'375u);
  for (std::size_t i = 0; i < used.size(); ++i)
    EXPECT_EQ(used[i], kExplanations[i].count)
        << kExplanations[i].helper << ": " << kExplanations[i].reason;
}

// What the verifier takes a result for, as its log has it. Memory of a map, or of its BTF's type.
std::string result_word(const Ret& result) {
  switch (result.kind) {
    case RetKind::Void: return "";
    case RetKind::Integer: return "scalar";
    case RetKind::MapValue: return "map_value";
    case RetKind::MapValueOrNull: return "map_value_or_null";
    case RetKind::RecordOrNull: return "ringbuf_mem_or_null";
    case RetKind::DynptrMemOrNull: return "mem_or_null";
    case RetKind::SocketOrNull: return "sock_or_null";
    case RetKind::SockCommonOrNull: return "sock_common_or_null";
    case RetKind::TcpSockOrNull: return "tcp_sock_or_null";
    case RetKind::Btf: return fmt::format("ptr_{}", result.btf);
    case RetKind::BtfOrNull: return fmt::format("ptr_or_null_{}", result.btf);
    case RetKind::PerCpu:
    case RetKind::PerCpuOrNull:
    case RetKind::KptrOrNull: return "asked of none";
  }
  return "";
}

TEST(Arguments, GiveResultsThatTheVerifierTakesForWhatTheRowsSay) {
  u32 compared = 0;
  for (const auto& row : test::facts(SKEP_SOURCE_DIR "/tests/data/helper-arguments.tsv")) {
    if (row[2] != "0") continue;
    const HelperProto& helper =
        *find_helper(find_helper(row[0])->id, find_program_type(row[1])->type);
    ++compared;
    // Rows do not say which pointers are trusted: the current task is.
    const std::string trusted = helper.name == "get_current_task_btf" ? "trusted_" : "";
    EXPECT_EQ(row[3], trusted + result_word(helper.returns)) << row[0];
  }
  EXPECT_EQ(compared, 190u);
}

// Helpers that no program of the probe can call, each with its reason.
struct Unasked {
  const char* helper;
  const char* reason;
};
constexpr const char* kInfrared = "that kernel has no infrared programs";
constexpr const char* kTracing = "needs a program on a function of the kernel, or one of LSM";
constexpr Unasked kUnasked[] = {
    {"probe_write_user", "that kernel is locked down"},
    {"override_return", "that kernel has no CONFIG_BPF_KPROBE_OVERRIDE"},
    {"rc_repeat", kInfrared},
    {"rc_keydown", kInfrared},
    {"rc_pointer_rel", kInfrared},
    {"skb_output", kTracing},
    {"tcp_send_ack", "needs an operation of a congestion control"},
    {"xdp_output", kTracing},
    {"inode_storage_get", kTracing},
    {"inode_storage_delete", kTracing},
    {"d_path", kTracing},
    {"per_cpu_ptr", "needs the address of a variable, which that kernel does not tell"},
    {"this_cpu_ptr", "needs the address of a variable, which that kernel does not tell"},
    {"bprm_opts_set", kTracing},
    {"ima_inode_hash", kTracing},
    {"sock_from_file", kTracing},
    {"get_func_arg", kTracing},
    {"get_func_ret", kTracing},
    {"get_func_arg_cnt", kTracing},
    {"ima_file_hash", kTracing},
    {"kptr_xchg", "needs a map with a typed pointer to the kernel's"},
};

TEST(Arguments, OfEveryHelperWereAskedOrNotForAReason) {
  std::set<std::string_view> names;
  const auto rows = test::facts(SKEP_SOURCE_DIR "/tests/data/helper-arguments.tsv");
  for (const auto& row : rows) names.insert(row[0]);
  for (const Unasked& unasked : kUnasked)
    EXPECT_TRUE(names.insert(unasked.helper).second) << unasked.helper << ": " << unasked.reason;
  for (const HelperProto& helper : helpers())
    EXPECT_TRUE(names.contains(helper.name)) << helper.name;
  EXPECT_EQ(names.size(), kHelperCount);
}

}  // namespace
}  // namespace skep
