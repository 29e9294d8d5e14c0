// ActiveRuns: which runs are under way, so that what they may still hold is kept until they are
// over.
//
// A run that may follow pointers of prog arrays enters before and leaves after; both cost one
// atomic addition on a line of its CPU. What a writer takes away it hands over to retire(), which
// keeps it until every run that was under way has left. Runs are counted by phase, odd and even:
// the phase moves on when nobody is left of the phase before, so what was retired in a phase that
// nobody is left of can be freed. Only retire() frees, so a run never does, and at most kMaxRetired
// things wait: then a writer must try again later. Tested by tests/helpers/map_prog_array_test.cpp
// and map_threads_test.cpp.
#pragma once

#include <array>
#include <memory>

#include "helpers/maps/lock.h"

namespace skep {

class ActiveRuns {
 public:
  static constexpr u32 kMaxRetired = 256;

  ActiveRuns() = default;
  ActiveRuns(const ActiveRuns&) = delete;
  ActiveRuns& operator=(const ActiveRuns&) = delete;

  // One run, for as long as this lives. `runs` may be null: then it does nothing.
  class Run {
   public:
    Run(ActiveRuns* runs, u32 cpu) : count_(runs != nullptr ? &runs->enter(cpu) : nullptr) {}
    ~Run() {
      if (count_ != nullptr) count_->fetch_sub(1);
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

   private:
    std::atomic<u32>* count_;
  };

  // Makes sure that one retire() will succeed. False if too much waits for runs that go on.
  [[nodiscard]] bool make_room();
  // Keeps `object`, which no new run can find any more. Once after each make_room(), with null if
  // there is nothing to keep after all.
  void retire(std::shared_ptr<const void> object);

 private:
  static constexpr u32 kStripes = 16;
  struct alignas(64) Stripe {
    std::atomic<u32> runs[2];
  };
  struct Retired {
    std::shared_ptr<const void> object;
    u32 phase = 0;
  };
  using Freed = std::array<std::shared_ptr<const void>, kMaxRetired>;

  // All these are sequentially consistent: a run counts itself and then looks at a slot, a writer
  // changes the slot and then looks at the counts; one must see the other.
  std::atomic<u32>& enter(u32 cpu) {
    Stripe& stripe = stripes_[cpu % kStripes];
    for (;;) {
      const u32 phase = phase_.load();
      std::atomic<u32>& count = stripe.runs[phase % 2];
      count.fetch_add(1);
      if (phase_.load() == phase) return count;
      count.fetch_sub(1);  // the phase moved on in between: count where writers look
    }
  }

  void collect(Freed& freed);
  bool anybody_in(u32 phase) const;

  Stripe stripes_[kStripes] = {};
  std::atomic<u32> phase_{0};
  Lock lock_;
  u32 count_ = 0;     // of retired_, under lock_
  u32 reserved_ = 0;  // by make_room(), under lock_
  std::array<Retired, kMaxRetired> retired_;
};

}  // namespace skep
