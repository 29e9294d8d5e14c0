// Smaller programs that still show what a big one showed: insns are taken out in shrinking pieces,
// then operands are made simpler, until nothing more goes.

#include <algorithm>

#include "tests/support/generator.h"

namespace skep::test {
namespace {

// An insn whose target is the index of another one in the list.
struct Item {
  Decoded insn;
  bool jumps = false;
  std::size_t target = 0;
};

bool has_target(const Decoded& insn) {
  return insn.is_jump() || insn.op == Op::CallLocal || insn.op == Op::LoadFunc;
}

std::vector<Item> take_apart(const Program& program) {
  std::vector<std::size_t> item_of(program.size(), 0);
  std::vector<Item> items;
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    item_of[pc.value] = items.size();
    items.push_back({program.at(pc), has_target(program.at(pc)), 0});
  }
  for (Item& item : items) {
    if (item.jumps) item.target = item_of[item.insn.target.value];
  }
  return items;
}

std::vector<Insn> put_together(std::vector<Item> items) {
  std::vector<u32> pc_of;
  u32 pc = 0;
  for (const Item& item : items) {
    pc_of.push_back(pc);
    pc += item.insn.slots();
  }
  std::vector<Insn> insns;
  for (Item& item : items) {
    const Pc here{static_cast<u32>(insns.size())};
    if (item.jumps) item.insn.target = {item.target < items.size() ? pc_of[item.target] : pc};
    const Encoded encoded = encode(item.insn, here);
    for (u32 i = 0; i < encoded.count; ++i) insns.push_back(encoded.slots[i]);
  }
  return insns;
}

// Without the items [first, first + count); what jumped there goes to what follows.
std::vector<Item> without(const std::vector<Item>& items, std::size_t first, std::size_t count) {
  std::vector<Item> left;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i >= first && i < first + count) continue;
    left.push_back(items[i]);
    std::size_t& target = left.back().target;
    if (target >= first + count)
      target -= count;
    else if (target > first)
      target = first;
  }
  return left;
}

// Without what nothing leads to any more, which the kernel takes in no program: functions that are
// not called, the place where a jump went.
std::vector<Item> without_dead(std::vector<Item> items) {
  std::vector<bool> alive(items.size());
  for (std::vector<std::size_t> todo = {0}; !todo.empty();) {
    const std::size_t at = todo.back();
    todo.pop_back();
    if (at >= items.size() || alive[at]) continue;
    alive[at] = true;
    if (items[at].jumps) todo.push_back(items[at].target);
    const Op op = items[at].insn.op;
    if (op != Op::Exit && op != Op::Ja && op != Op::JaLong) todo.push_back(at + 1);
  }
  for (std::size_t at = items.size(); at-- > 0;) {
    if (!alive[at]) items = without(items, at, 1);
  }
  return items;
}

class Minimiser {
 public:
  Minimiser(std::vector<Item> items,
            const std::function<bool(const std::vector<Insn>&)>& still_wrong)
      : items_(std::move(items)), still_wrong_(still_wrong) {}

  std::vector<Insn> run() {
    // First what makes each load slow: the kernel's BTF is read for it.
    for (std::size_t at = items_.size(); at-- > 0;) {
      if (items_[at].insn.op == Op::LoadBtfId) keep(without(items_, at, 1));
    }
    for (bool smaller = true; smaller;) {
      smaller = false;
      for (std::size_t count = std::max<std::size_t>(items_.size() / 2, 1); count > 0; count /= 2) {
        for (std::size_t at = 0; at + count <= items_.size();) {
          if (keep(without(items_, at, count)))
            smaller = true;
          else
            ++at;
        }
      }
      smaller |= simplify();
    }
    return put_together(items_);
  }

 private:
  bool keep(std::vector<Item> candidate) {
    if (candidate.empty()) return false;
    candidate = without_dead(std::move(candidate));
    auto insns = put_together(candidate);
    if (!Program::make(insns) || !still_wrong_(insns)) return false;
    items_ = std::move(candidate);
    return true;
  }

  // Jumps always or never taken become gotos or go; results become constants or copies; copies go.
  bool simplify() {
    bool any = false;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const Decoded insn = items_[i].insn;
      if (kind(insn.op) == OpKind::Jump) any |= replace(i, {.op = Op::Ja});
      if (stores(insn)) any |= replace_by_one_of(i, [&](i64 value) { return stored(insn, value); });
      if (insn.op == Op::Mov && !insn.immediate) {
        any |= keep(without_copy(i)) || keep(off_the_stack(i)) ||
               (insn.bits == 64 && replace(i, global_value(insn.dst)));
        continue;
      }
      if (has_result(insn) && !(insn.op == Op::Mov && insn.immediate)) {
        const u8 dst = insn.op == Op::CallHelper ? u8{0} : insn.dst;
        any |= replace_by_one_of(i, [&](i64 value) { return constant(dst, value); });
      }
      if (i < items_.size() && kind(items_[i].insn.op) == OpKind::Alu &&
          items_[i].insn.op != Op::Mov && !items_[i].insn.immediate) {
        any |= replace(i, {.op = Op::Mov, .bits = 64, .dst = insn.dst, .src = insn.src});
      }
    }
    return any;
  }

  // A pointer that needs neither a check nor a write before it is used.
  static Decoded global_value(u8 dst) {
    return {.op = Op::LoadValue, .bits = 64, .immediate = true, .dst = dst, .imm = kGlobal};
  }

  static Decoded constant(u8 dst, i64 value) {
    return {.op = Op::Mov, .bits = 64, .immediate = true, .dst = dst, .imm = value};
  }

  static Decoded stored(const Decoded& insn, i64 value) {
    return {.op = Op::StoreImm,
            .size = insn.size,
            .immediate = true,
            .dst = insn.dst,
            .off = insn.off,
            .imm = value};
  }

  // What stores a register, or more.
  static bool stores(const Decoded& insn) {
    return insn.op == Op::Store || insn.op == Op::StoreRelease || kind(insn.op) == OpKind::Atomic;
  }

  // Insns that do nothing but give a register a value, and calls.
  static bool has_result(const Decoded& insn) {
    switch (kind(insn.op)) {
      case OpKind::Alu:
      case OpKind::Lddw: return true;
      default: return insn.op == Op::Load || insn.op == Op::LoadSigned || insn.op == Op::CallHelper;
    }
  }

  template <class Make>
  bool replace_by_one_of(std::size_t at, Make make) {
    for (const i64 value : {0, 1, -1}) {
      if (replace(at, make(value))) return true;
    }
    return false;
  }

  bool replace(std::size_t at, const Decoded& insn) {
    auto candidate = items_;
    const bool jumps = has_target(insn);
    candidate[at].insn = insn;
    candidate[at].jumps = jumps;
    return keep(std::move(candidate));
  }

  // An address in the frame, made by two insns, becomes that of the global value: it need not be
  // written first. Nothing if there is none.
  std::vector<Item> off_the_stack(std::size_t at) const {
    const Decoded copy = items_[at].insn;
    if (copy.src != kFrameReg || at + 1 == items_.size()) return {};
    const Decoded next = items_[at + 1].insn;
    if (next.op != Op::Add || !next.immediate || next.dst != copy.dst) return {};
    auto left = items_;
    left[at].insn = global_value(copy.dst);
    return without(left, at + 1, 1);
  }

  // Without the copy at `at`: what used the copy from there on uses what it was made of.
  std::vector<Item> without_copy(std::size_t at) const {
    const Decoded copy = items_[at].insn;
    auto left = items_;
    for (std::size_t i = at + 1; i < left.size(); ++i) {
      if (left[i].insn.dst == copy.dst) left[i].insn.dst = copy.src;
      if (!left[i].insn.immediate && left[i].insn.src == copy.dst) left[i].insn.src = copy.src;
    }
    return without(left, at, 1);
  }

  std::vector<Item> items_;
  const std::function<bool(const std::vector<Insn>&)>& still_wrong_;
};

// Stores of zeros to the slots of a frame, at the start of a function.
void clear_frame(std::vector<Item>& items, i16 bytes) {
  for (i16 off = 8; off <= bytes; off = static_cast<i16>(off + 8)) {
    items.push_back({{.op = Op::StoreImm,
                      .size = 8,
                      .immediate = true,
                      .dst = kFrameReg,
                      .off = static_cast<i16>(-off)}});
  }
}

}  // namespace

std::vector<Insn> with_cleared_frames(const std::vector<Insn>& insns) {
  const auto program = Program::make(insns);
  if (!program) return insns;
  const std::vector<Item> items = take_apart(*program);
  std::vector<Item> out;
  std::vector<std::size_t> function_at, body_at;  // where each item is now; before what was added
  std::size_t at = 0;
  for (Pc pc; at < items.size(); pc = pc + program->at(pc).slots(), ++at) {
    function_at.push_back(out.size());
    if (program->subprogram_of(pc).first == pc) clear_frame(out, at == 0 ? 192 : 64);
    body_at.push_back(out.size());
    out.push_back(items[at]);
  }
  for (Item& item : out) {
    if (!item.jumps) continue;
    const bool enters = item.insn.op == Op::CallLocal || item.insn.op == Op::LoadFunc;
    item.target = (enters ? function_at : body_at)[item.target];
  }
  return put_together(std::move(out));
}

std::vector<Insn> minimise(std::vector<Insn> insns,
                           const std::function<bool(const std::vector<Insn>&)>& still_wrong) {
  const auto program = Program::make(insns);
  if (!program || !still_wrong(insns)) return insns;
  return Minimiser(take_apart(*program), still_wrong).run();
}

}  // namespace skep::test
