// The bpf_spin_lock in a value: 4 bytes, 0 free and 1 held, that programs and the host take by the
// same two functions.
//
// A program that was not verified may write there what it likes, and one that holds a lock may run
// for long. So nobody waits for ever: a program pays for waiting with its budget, the host gives
// up. Tested by tests/helpers/lock_test.cpp.
#pragma once

#include <thread>

#include "helpers/maps/shared.h"
#include "helpers/spec/errno.h"

namespace skep {

inline bool try_lock_value(u8* lock) {
  u32 free = 0;
  auto* word = reinterpret_cast<MayAlias<u32>::type*>(lock);
  return __atomic_compare_exchange_n(word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

inline void unlock_value(u8* lock) {
  store_shared<u32>(lock, 0, __ATOMIC_RELEASE);
}

// What an attempt answers while somebody else holds the lock.
inline constexpr int kLockBusy = 1;

// For the host and for helpers, which hold nothing else between attempts: the first other answer of
// `attempt`, or -EBUSY if nobody lets go in time.
template <class Attempt>
int try_until_unlocked(Attempt attempt) {
  constexpr u32 kTries = 1 << 18, kTriesAtOnce = 1 << 12;  // a yield may be long on a busy machine
  for (u32 i = 1; i <= kTries; ++i) {
    if (const int answer = attempt(); answer != kLockBusy) return answer;
    if (i % kTriesAtOnce == 0) std::this_thread::yield();
  }
  return kEBUSY;
}

}  // namespace skep
