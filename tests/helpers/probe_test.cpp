// Reads of memory by number: which memory each helper sees, and what it leaves when it fails.
#include "tests/support/body_fixture.h"

namespace skep {
namespace {

constexpr u64 kUser = 0x7f0000001000, kKernel = 0xffff888000001000, kNowhere = 0x123456;

class Probe : public test::BodyTest {
 protected:
  Probe() {
    start(ProgramType::kprobe);
    env.memory = memory;
  }
  // Calls a reader of `size` bytes; the destination afterwards, "?" where it was not written.
  std::string read(std::string_view helper, u64 size, u64 address) {
    char to[16];
    std::memset(to, '?', sizeof to);
    result = call_signed(helper, {lend_all(to), size, address});
    std::string text(to, sizeof to);
    for (char& c : text) c = c == 0 ? '0' : c;
    return text.substr(0, 8);
  }

  u8 user[8] = {'u', 's', 'e', 'r', 0, 'x', 'y', 'z'};
  u8 kernel[6] = {'k', 'e', 'r', 'n', 'e', 'l'};
  char own[8] = "own";
  MappedMemory memory[2] = {{kUser, user, sizeof user, true},
                            {kKernel, kernel, sizeof kernel, false}};
  i64 result = 0;
};

TEST_F(Probe, EachReaderSeesItsMemory) {
  const u64 mine = lend_all(own);
  struct Case {
    const char* helper;
    u64 address;
    const char* expected;  // of 3 bytes, or null: not seen
    i64 error = kEFAULT;   // then
  };
  const Case cases[] = {
      {"probe_read_user", kUser, "use"},
      {"probe_read_user", kKernel, nullptr},
      {"probe_read_user", mine, nullptr},
      {"probe_read_kernel", kUser, nullptr, kERANGE},
      {"probe_read_kernel", kKernel, "ker"},
      {"probe_read_kernel", mine, "own"},
      {"probe_read", kUser, "use"},
      {"probe_read", kKernel, "ker"},
      {"probe_read", mine, "own"},
      {"copy_from_user", kUser, "use"},
      {"copy_from_user", kKernel, nullptr},
      {"probe_read_kernel", kNowhere, nullptr, kERANGE},
      {"probe_read_kernel", kKernel + 0x1000, nullptr},
      {"probe_read_kernel", u64(1) << 50, nullptr, kERANGE},
      {"probe_read", u64(1) << 50, nullptr, kERANGE},
      {"probe_read", kNowhere, nullptr},
      {"probe_read_user", 0, nullptr},
      {"probe_read", ~u64(0), nullptr},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.helper);
    const std::string text = read(test.helper, 3, test.address);
    EXPECT_EQ(result, test.expected == nullptr ? test.error : 0);
    EXPECT_EQ(text, (test.expected == nullptr ? std::string("000") : test.expected) + "?????");
  }
}

TEST_F(Probe, NeverReadsTheHostsOwnMemory) {
  const u64 secret = 0x1122334455667788;
  for (const char* helper : {"probe_read", "probe_read_kernel", "probe_read_user"}) {
    EXPECT_EQ(read(helper, 8, reinterpret_cast<u64>(&secret)), "00000000");
    EXPECT_EQ(result, helper == std::string_view("probe_read_kernel") ? kERANGE : kEFAULT);
  }
}

TEST_F(Probe, PartOfItIsNothing) {
  EXPECT_EQ(read("probe_read_kernel", 7, kKernel), "0000000?");
  EXPECT_EQ(result, kEFAULT);
  EXPECT_EQ(read("probe_read_kernel", 6, kKernel), "kernel??");
  EXPECT_EQ(read("probe_read_kernel", 0, kNowhere), "????????");
  EXPECT_EQ(result, kERANGE);
  for (const u64 address : {kKernel, kKernel + 0x1000, lend_all(own)}) {
    EXPECT_EQ(read("probe_read_kernel", 0, address), "????????");
    EXPECT_EQ(result, 0);
  }
}

struct StringCase {
  const char* name;
  const char* helper;
  u64 size;
  u64 address;
  i64 result;
  const char* expected;
};

class ProbeString : public Probe, public testing::WithParamInterface<StringCase> {};

TEST_P(ProbeString, IsCutAtItsEndOrTheSize) {
  const std::string text = read(GetParam().helper, GetParam().size, GetParam().address);
  EXPECT_EQ(result, GetParam().result);
  EXPECT_EQ(text, GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    All, ProbeString,
    testing::Values(
        StringCase{"whole", "probe_read_user_str", 8, kUser, 5, "user0000"},
        StringCase{"whole_in_bytes", "probe_read_user_str", 7, kUser, 5, "user0???"},
        StringCase{"exactly", "probe_read_user_str", 5, kUser, 5, "user0???"},
        StringCase{"cut", "probe_read_user_str", 4, kUser, 4, "use0????"},
        StringCase{"only_the_end", "probe_read_user_str", 1, kUser, 1, "0???????"},
        StringCase{"empty", "probe_read_user_str", 8, kUser + 4, 1, "0???????"},
        StringCase{"no_room", "probe_read_user_str", 0, kUser, 0, "????????"},
        StringCase{"not_there", "probe_read_user_str", 4, kNowhere, kEFAULT, "0000????"},
        StringCase{"does_not_end", "probe_read_kernel_str", 8, kKernel, kEFAULT, "00000000"},
        StringCase{"cut_at_the_edge", "probe_read_kernel_str", 6, kKernel, 6, "kerne0??"},
        StringCase{"other_space", "probe_read_kernel_str", 4, kUser, kERANGE, "0000????"},
        StringCase{"either_space", "probe_read_str", 8, kUser, 5, "user0000"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(Probe, ReadsAcrossMappingsThatTouch) {
  u8 more[4] = {'+', 'm', 'o', 0};
  MappedMemory pieces[] = {{kUser, user, 4, true}, {kUser + 4, more, 4, true}};
  env.memory = pieces;
  EXPECT_EQ(read("probe_read_user_str", 16, kUser), "user+mo0");
  EXPECT_EQ(result, 8);
  EXPECT_EQ(read("probe_read_user", 6, kUser), "user+m??");
}

}  // namespace
}  // namespace skep
