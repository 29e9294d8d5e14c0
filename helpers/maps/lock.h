// Lock: a lock of four bytes that also counts. Hash buckets need very many of them, and their
// readers, who take no lock, need to know whether anything was taken away while they looked.
//
// Bit 0 is "held", bit 1 "somebody sleeps", the rest counts the unlocks that said `changed`.
// Tested by tests/helpers/map_threads_test.cpp.
#pragma once

#include <atomic>

#include "isa/types.h"

namespace skep {

class Lock {
 public:
  void lock() {
    for (int spin = 0; spin < 64; ++spin) {
      u32 word = word_.load(std::memory_order_relaxed);
      if ((word & kHeld) == 0 &&
          word_.compare_exchange_weak(word, word | kHeld, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return;
      }
    }
    lock_slow();
  }

  // `changed`: readers that began before this must look again.
  void unlock(bool changed = false) {
    // Neither the subtraction nor the sum touches the bit of the sleepers: "held" is set.
    const u32 word = word_.fetch_add((changed ? kOne : 0) - kHeld, std::memory_order_release);
    if ((word & kSleepers) != 0) {
      word_.fetch_and(~kSleepers, std::memory_order_relaxed);
      word_.notify_all();
    }
  }

  // The same with the lock held, for who gives back what it took away before it unlocks.
  void change() { word_.fetch_add(kOne, std::memory_order_release); }

  // For readers: the same before and after means that nothing was taken away in between.
  u32 changes(std::memory_order order) const { return word_.load(order) & ~(kHeld | kSleepers); }

 private:
  static constexpr u32 kHeld = 1, kSleepers = 2, kOne = 4;

  void lock_slow() {
    for (;;) {
      u32 word = word_.load(std::memory_order_relaxed);
      if ((word & kHeld) == 0) {
        // A sleeper that wakes can't know whether it was the last, so it keeps the bit.
        if (word_.compare_exchange_weak(word, word | kHeld | kSleepers, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
          return;
        }
      } else if ((word & kSleepers) != 0 ||
                 word_.compare_exchange_weak(word, word | kSleepers, std::memory_order_relaxed)) {
        word_.wait(word | kSleepers, std::memory_order_relaxed);
      }
    }
  }

  std::atomic<u32> word_{0};
};

// Holds a lock for a scope.
class Locked {
 public:
  explicit Locked(Lock& lock) : lock_(lock) { lock_.lock(); }
  ~Locked() { lock_.unlock(changed_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  void changed() { changed_ = true; }

 private:
  Lock& lock_;
  bool changed_ = false;
};

}  // namespace skep
