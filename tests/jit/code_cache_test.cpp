// Code memory: code runs, addresses are not reused while mapped, all of it is given back, and a
// host that forbids executable memory gives the code for that.
#include "jit/code_cache.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

#include "isa/diagnostic.h"

namespace skep::jit {
namespace {

// Machine code of a function that returns `value`.
std::vector<u8> returning([[maybe_unused]] u32 value) {
#if defined(__aarch64__)
  const u32 words[] = {0x52800000 | (value & 0xffff) << 5,  // movz w0, #low
                       0x72a00000 | (value >> 16) << 5,     // movk w0, #high, lsl 16
                       0xd65f03c0};                         // ret
#else
  struct [[gnu::packed]] {
    u8 mov = 0xb8;  // mov eax, imm32
    u32 imm;
    u8 ret = 0xc3;
  } const words{.imm = value};
#endif
  std::vector<u8> bytes(sizeof words);
  std::memcpy(bytes.data(), &words, sizeof words);
  return bytes;
}

jit::Code code_returning(CodeCache& cache, u32 value) {
  const std::vector<u8> bytes = returning(value);
  auto code = cache.reserve(static_cast<u32>(bytes.size()));
  EXPECT_TRUE(code) << code.error().text;
  if (!code) return {};
  code->write(bytes);
  return std::move(*code);
}

u32 call(const jit::Code& code) {
  return reinterpret_cast<u32 (*)()>(code.address())();
}

TEST(CodeCache, RunsWhatIsWritten) {
  CodeCache cache;
  const jit::Code one = code_returning(cache, 0x12345678);
  const jit::Code two = code_returning(cache, 2);
  EXPECT_EQ(call(one), 0x12345678u);
  EXPECT_EQ(call(two), 2u);
  EXPECT_EQ(one.address() % 64, 0u);
}

TEST(CodeCache, IsNeverWritableWhereItRuns) {
  CodeCache cache;
  const jit::Code code = code_returning(cache, 1);
  const int pid = fork();
  if (pid == 0) {
    *reinterpret_cast<volatile u8*>(code.address()) = 0;
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(CodeCache, GivesAllBack) {
  CodeCache cache;
  {
    std::vector<jit::Code> all;
    for (u32 i = 0; i < 3000; ++i) all.push_back(code_returning(cache, i));
    EXPECT_GE(cache.mapped(), 3000u * 64);
    for (u32 i = 0; i < 3000; i += 7) EXPECT_EQ(call(all[i]), i);
  }
  EXPECT_EQ(cache.mapped(), 0u);
}

TEST(CodeCache, HoldsPiecesLargerThanAChunk) {
  CodeCache cache;
  auto code = cache.reserve(1 << 20);
  ASSERT_TRUE(code) << code.error().text;
  std::vector<u8> bytes = returning(77);
  bytes.resize(1 << 20);
  code->write(bytes);
  EXPECT_EQ(call(*code), 77u);
  EXPECT_EQ(cache.mapped(), u64{1} << 20);
}

TEST(CodeCache, RefusesTheImpossible) {
  CodeCache cache;
  const auto code = cache.reserve(~0u);
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().code, skep::Code::no_memory);
}

TEST(CodeCache, CodeOutlivesItsCache) {
  jit::Code code;
  {
    CodeCache cache;
    code = code_returning(cache, 5);
  }
  EXPECT_EQ(call(code), 5u);
}

// Each of them at an address that was perhaps another's before: what runs is the new one.
TEST(CodeCache, RecompilesTenThousandTimes) {
  CodeCache cache;
  jit::Code kept;
  for (u32 i = 0; i < 10000; ++i) {
    jit::Code code = code_returning(cache, i);
    ASSERT_EQ(call(code), i);
    if (i % 3 == 0) kept = std::move(code);  // frees the one kept before
    if (i % 3 == 0) {
      ASSERT_EQ(call(kept), i);
    }
  }
}

TEST(CodeCache, ManyThreadsMakeAndFree) {
  CodeCache cache;
  std::vector<std::thread> threads;
  for (u32 t = 0; t < 4; ++t) {
    threads.emplace_back([&cache, t] {
      for (u32 i = 0; i < 500; ++i) {
        const u32 value = t * 1000 + i;
        const jit::Code code = code_returning(cache, value);
        if (call(code) != value) ADD_FAILURE() << value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache.mapped(), 0u);
}

// From here on this process can't map executable pages. False where that can't be had.
bool forbid_executable_memory() {
  constexpr u32 kProtection = offsetof(seccomp_data, args) + 2 * sizeof(u64);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kProtection),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{sizeof filter / sizeof *filter, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(CodeCache, SaysWhereTheHostForbidsIt) {
  const int pid = fork();
  if (pid == 0) {
    if (!forbid_executable_memory()) _exit(2);
    CodeCache cache;
    const auto code = cache.reserve(64);
    _exit(!code && code.error().code == skep::Code::no_executable_memory ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) GTEST_SKIP() << "needs kernel feature: seccomp filters";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace skep::jit
