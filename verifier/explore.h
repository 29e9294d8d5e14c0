// Explorer: all paths of a program, depth first, each insn judged on each state that gets there.
// Where paths meet, states are remembered; a path ends where a state that was remembered covers its
// own. So a program is accepted when every path ends at an exit or in such a state.
//
// That proves that nothing faults. That loops end needs more: a state may end a path only when all
// paths from it have ended themselves, so cycles are walked until they are left. Loops that the run
// time bounds (callbacks, may_goto) may end in a state of their own loop, and are widened until
// they do.
// Tested by tests/verifier/verify_test.cpp.
#pragma once

#include <chrono>

#include "verifier/liveness.h"
#include "verifier/shape.h"

namespace skep::abstract {

class Explorer {
 public:
  Explorer(Judge& judge, const VerifyOptions& options, MemoryMeter& meter, VerifyStats& stats);
  // `visits`: what stats.visits may get to. False without memory.
  bool init(Demand demand, u64 visits);

  enum class Result : u8 { Accepted, Refused, OutOfBudget };
  // All paths from this state at `start`.
  Result run(State& state, Pc start);
  // Of OutOfBudget: what ran out, and where it was.
  const Error& error() const { return error_; }

 private:
  static constexpr u32 kNoNode = 0;
  // A state that was remembered. Nodes of a path form a chain of parents.
  struct Node {
    State state;
    Pc pc;
    u32 parent = kNoNode;
    u32 next = kNoNode;      // at the same place
    u32 open = 0;            // paths from here that have not ended
    u32 level = 0;           // number of parents
    u32 wraps_to = kNoNode;  // the first of its parents that some path from here ended in
    u32 wrap_depths = 0;     // frames of the loops that such paths are rounds of
    u32 misses = 0;
    u32 hits = 0;
    bool back = false;  // it is where a callback returned to
    bool listed = false;
    bool target = false;  // some wraps_to is this: it stays
  };
  struct Pending {
    State state;
    Pc pc;
    u32 parent = kNoNode;
    bool back = false;
  };

  enum class Visit : u8 { Goes, Ends, Refused };
  Visit meet(State& state, Pc pc, u32& parent, bool back);
  bool is_progress(const Node& node, const State& state, bool back) const;
  bool is_same_loop(const State& before, const State& state, u32 depth) const;
  u32 open_target(u32 node) const;
  bool has_gone_as_far(u32 node, const State& state) const;
  void wrap(u32 path, u32 target, u32 depths);
  void forget(State& state, Pc pc);
  void forget_frame(State& state, u32 depth, const Live& live);
  void widen(State& state, const State& before);
  void remember(const State& state, Pc pc, u32& parent, bool back);
  void end_path(u32 node);
  void free_node(u32 node);
  void clear();
  bool within_budget(Pc pc);
  template <Code code, class... Args>
  void stop(Pc pc, fmt::format_string<Args...> format, Args&&... args);

  Judge& judge_;
  Store& store_;
  Values& values_;
  const Program& program_;
  const VerifyOptions& options_;
  MemoryMeter& meter_;
  VerifyStats& stats_;
  Liveness liveness_;
  std::vector<Meet> meets_;
  Pool<Node> nodes_;
  std::unique_ptr<u32[]> lists_;  // by pc: first node
  std::vector<Pending> pending_;
  std::vector<u64> thresholds_;
  std::chrono::steady_clock::time_point deadline_;
  u64 max_visits_ = 0;
  Error error_;
};

}  // namespace skep::abstract
