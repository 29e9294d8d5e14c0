// Dynptrs: their bounds, their errors, that forged ones reach nothing, and that what they lie over
// may be written by others at the same time.
#include <array>
#include <atomic>
#include <thread>

#include "tests/support/body_fixture.h"

namespace skep {
namespace {

class Dynptr : public test::BodyTest {
 protected:
  Dynptr() { start(ProgramType::kprobe); }
  u64 words[2] = {7, 7};
  u64 memory[2] = {0x1111111111111111, 0x2222222222222222};
  u64 out = 0;
  const u64 dynptr = lend_all(words), bytes = lend_all(memory), to = lend_all(out);
};

TEST_F(Dynptr, OfMemory) {
  EXPECT_EQ(call_signed("dynptr_from_mem", {bytes, 16, 0, dynptr}), 0);
  EXPECT_EQ(call_signed("dynptr_read", {to, 8, dynptr, 8, 0}), 0);
  EXPECT_EQ(out, memory[1]);
  EXPECT_EQ(call_signed("dynptr_read", {to, 8, dynptr, 9, 0}), kE2BIG);
  EXPECT_EQ(call_signed("dynptr_read", {to, 8, dynptr, 0xffffffff, 0}), kE2BIG);
  EXPECT_EQ(call_signed("dynptr_read", {to, 8, dynptr, 0, 1}), kEINVAL);
  out = 0x33;
  EXPECT_EQ(call_signed("dynptr_write", {dynptr, 15, to, 1, 0}), 0);
  EXPECT_EQ(memory[1] >> 56, 0x33u);
  EXPECT_EQ(call_signed("dynptr_write", {dynptr, 16, to, 1, 0}), kE2BIG);
  EXPECT_EQ(call_signed("dynptr_write", {dynptr, 0, to, 1, 1}), kEINVAL);
  EXPECT_EQ(call("dynptr_data", {dynptr, 4, 12}), bytes + 4);
  EXPECT_EQ(call("dynptr_data", {dynptr, 4, 13}), 0u);
}

// Every distance and size, forwards and backwards, aligned and not.
TEST_F(Dynptr, MayOverlapWhatIsCopied) {
  constexpr u64 kBytes = 24;
  std::array<u8, 2 * kBytes> area{}, expected{};
  const u64 at = lend_all(area);
  for (u64 from = 0; from < kBytes; ++from) {
    for (u64 to_byte = 0; to_byte < kBytes; ++to_byte) {
      for (const bool reads : {false, true}) {
        const u64 size = 1 + (from * 5 + to_byte) % kBytes;
        for (u64 i = 0; i < area.size(); ++i) area[i] = expected[i] = static_cast<u8>(i);
        std::memmove(&expected[to_byte], &expected[from], size);
        ASSERT_EQ(call_signed("dynptr_from_mem", {at, area.size(), 0, dynptr}), 0);
        const i64 result = reads
                               ? call_signed("dynptr_read", {at + to_byte, size, dynptr, from, 0})
                               : call_signed("dynptr_write", {dynptr, to_byte, at + from, size, 0});
        ASSERT_EQ(result, 0);
        ASSERT_EQ(area, expected) << from << " to " << to_byte << ", " << size << " bytes";
      }
    }
  }
}

// Halves of the value are copied onto each other while the host writes it: words stay whole.
TEST_F(Dynptr, ShareTheirMemoryWithOthers) {
  constexpr u64 kHalf = 24, kRounds = 2000, kWord = 0x0101'0101'0101'0101;
  auto made = create_map(map_spec(MapType::array, 4, 2 * kHalf, 1, 0, "a"), {});
  ASSERT_TRUE(made);
  const u32 key = 0;
  u8* const value = (*made)->lookup(reinterpret_cast<const u8*>(&key), 0);
  const u64 at = lend(value, 2 * kHalf);
  ASSERT_EQ(call_signed("dynptr_from_mem", {at, 2 * kHalf, 0, dynptr}), 0);
  std::atomic<bool> stop{false};
  std::thread host([&] {
    for (u64 round = 0; !stop; ++round) {
      std::array<u64, 2 * kHalf / 8> whole;
      whole.fill(round % 256 * kWord);
      (*made)->write(reinterpret_cast<const u8*>(&key), reinterpret_cast<const u8*>(whole.data()),
                     0);
    }
  });
  std::array<u64, kHalf / 8> seen{};
  const u64 copy = lend_all(seen);
  for (u64 round = 0; round < kRounds; ++round) {
    EXPECT_EQ(call_signed("dynptr_write", {dynptr, round % 3 * 8, at, kHalf, 0}), 0);
    EXPECT_EQ(call_signed("dynptr_read", {copy, kHalf, dynptr, kHalf, 0}), 0);
    for (const u64 word : seen) EXPECT_EQ(word, word % 256 * kWord);
  }
  stop = true;
  host.join();
}

TEST_F(Dynptr, RefusedOnesAreNull) {
  EXPECT_EQ(call_signed("dynptr_from_mem", {bytes, 16, 1, dynptr}), kEINVAL);
  EXPECT_EQ(words[0] | words[1], 0u);
  EXPECT_EQ(call_signed("dynptr_read", {to, 1, dynptr, 0, 0}), kEINVAL);
  EXPECT_EQ(call_signed("dynptr_write", {dynptr, 0, to, 1, 0}), kEINVAL);
  EXPECT_EQ(call("dynptr_data", {dynptr, 0, 1}), 0u);
}

TEST_F(Dynptr, ForgedOnesFault) {
  static u64 secret = 42;  // of this process, and no region of the program
  words[0] = reinterpret_cast<u64>(&secret);
  words[1] = 8 | 1u << 28;
  EXPECT_EQ(fault_of("dynptr_read", {to, 8, dynptr, 0, 0}), "bad_access");
  EXPECT_EQ(fault_of("dynptr_write", {dynptr, 0, to, 8, 0}), "bad_access");
  EXPECT_EQ(fault_of("ringbuf_submit_dynptr", {dynptr, 0}), "bad_record");
  EXPECT_EQ(secret, 42u);
  words[1] |= u64{1} << 31;  // read-only
  EXPECT_EQ(call_signed("dynptr_write", {dynptr, 0, to, 8, 0}), kEINVAL);
}

TEST_F(Dynptr, OfRecords) {
  auto made = create_map(map_spec(MapType::ringbuf, 0, 0, 4096, 0, "ring"), {});
  ASSERT_TRUE(made);
  const u64 ring = add_map(made->get());
  EXPECT_EQ(call_signed("ringbuf_reserve_dynptr", {ring, 8, 1, dynptr}), kEINVAL);
  EXPECT_EQ(call_signed("ringbuf_reserve_dynptr", {ring, 1 << 24, 0, dynptr}), kE2BIG);
  EXPECT_EQ(call_signed("ringbuf_reserve_dynptr", {ring, 1 << 20, 0, dynptr}), kEINVAL);
  call("ringbuf_submit_dynptr", {dynptr, 0});  // null: nothing to submit
  EXPECT_EQ(call_signed("ringbuf_reserve_dynptr", {ring, 8, 0, dynptr}), 0);
  out = 77;
  EXPECT_EQ(call_signed("dynptr_write", {dynptr, 0, to, 8, 0}), 0);
  call("ringbuf_submit_dynptr", {dynptr, 0});
  EXPECT_EQ(words[0] | words[1], 0u);
  EXPECT_EQ(call_signed("ringbuf_reserve_dynptr", {ring, 8, 0, dynptr}), 0);
  call("ringbuf_discard_dynptr", {dynptr, 0});
  EXPECT_EQ(run.record_count, 0u);
  std::vector<u64> taken;
  (*made)->consume([&](std::span<const u8> record) {
    u64 value = 0;
    std::memcpy(&value, record.data(), sizeof value);
    taken.push_back(value);
  });
  EXPECT_EQ(taken, std::vector<u64>{77});
}

}  // namespace
}  // namespace skep
