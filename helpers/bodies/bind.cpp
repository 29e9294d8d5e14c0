// Binds bodies to their rows: one entry a helper, made when compiled.
//
// An entry takes the arguments out of r1 to r5 in order, as their kinds say, and stops at the first
// that breaks a rule; then it calls the body. Run time pays for nothing that the row does not ask.

#include "helpers/bodies/bind.h"

#include <tuple>
#include <utility>

#include "helpers/bodies/bodies.h"

namespace skep {
namespace {

// Whether the parameters, in order, are what the row says, all of it.
template <class... Parameters>
constexpr bool match_row(const HelperProto& row) {
  u32 at = 0;
  [[maybe_unused]] const auto next = [&]<class T>() {
    if (at + Parameter<T>::kRegisters > row.args.size()) return false;
    const bool matches = Parameter<T>::matches(&row.args[at]);
    at += Parameter<T>::kRegisters;
    return matches;
  };
  return (next.template operator()<Parameters>() && ...) && at >= row.arg_count();
}

template <class T>
constexpr bool returns_match(RetKind kind) {
  if constexpr (std::is_void_v<T>) return kind == RetKind::Void;
  return kind != RetKind::Void;
}

// Types of programs that a run can have are checked where the row leaves some out.
constexpr bool is_for_all(TypeSet where) {
  return where::Base - where == where::None;
}

bool may_run(Run& run, u32 id, TypeSet where) {
  if (run.frame != nullptr && where.has(static_cast<Frame*>(run.frame)->type)) return true;
  run.set_fault(Code::helper_not_allowed, id);
  return false;
}

template <u32 id, auto body, class Signature = decltype(body)>
struct Binding;

template <u32 id, auto body, class R, class... Parameters>
struct Binding<id, body, R (*)(Run&, Parameters...)> {
  static constexpr const HelperProto& kRow = *find_helper(id);
  static_assert(match_row<Parameters...>(kRow) && returns_match<R>(kRow.returns.kind),
                "helper body does not match its row in helpers.def");

  static u64 enter(Run& run, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5) {
    if constexpr (!is_for_all(kRow.where)) {
      if (!may_run(run, id, kRow.where)) return 0;
    }
    const u64 regs[] = {r1, r2, r3, r4, r5};
    std::tuple<Parameters...> values;
    if (!take_all(run, regs, values, std::index_sequence_for<Parameters...>())) return 0;
    return std::apply([&](auto&... value) { return call(run, value...); }, values);
  }

 private:
  template <std::size_t... i>
  static bool take_all([[maybe_unused]] Run& run, [[maybe_unused]] const u64* regs,
                       [[maybe_unused]] std::tuple<Parameters...>& values,
                       std::index_sequence<i...>) {
    [[maybe_unused]] HelperCall helper_call{run};
    [[maybe_unused]] u32 at = 0;
    [[maybe_unused]] const auto next = [&]<class T>(T& value) {
      const u32 reg = std::exchange(at, at + Parameter<T>::kRegisters);
      return Parameter<T>::take(helper_call, regs + reg, &kRow.args[reg], value);
    };
    return (next(std::get<i>(values)) && ...);
  }

  static u64 call(Run& run, auto&... values) {
    if constexpr (std::is_void_v<R>) {
      body(run, values...);
      return 0;
    } else {
      return static_cast<u64>(body(run, values...));
    }
  }
};

constexpr auto kEntries = [] {
  std::array<HelperEntry, kHelperCount + 1> entries{};
#define BODY(name)                                 \
  {                                                \
    constexpr u32 id = find_helper(#name)->id;     \
    entries[id] = Binding<id, &body::name>::enter; \
  }
#include "helpers/bodies/bodies.def"
#undef BODY
  return entries;
}();

}  // namespace

HelperEntry helper_entry(u32 id) {
  return id < kEntries.size() ? kEntries[id] : nullptr;
}

}  // namespace skep
