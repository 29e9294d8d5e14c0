// Value numbering: one inst for all that compute the same from the same operands.
//
// Blocks are walked down the dominator tree, with a table of the last inst of each kind; one that
// stands in a block around this one may be used in its place. Only what depends on its operands
// alone is looked at, so nothing moves over memory or calls.
// Tested by tests/agree/passes.cpp and tests/filetests/ir/gvn.test.

#include <bit>

#include "jit/dominators.h"
#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

class Numbering {
 public:
  explicit Numbering(Function& function)
      : function_(function),
        dominators_(find_dominators(function)),
        replacements_(function),
        table_(std::bit_ceil(function.insts.size() + 16), kNone) {}

  void run() {
    for (const BlockId block : dominators_.preorder) {
      for (Ref ref = function_.blocks[block].first, next; ref != kNone; ref = next) {
        next = function_.at(ref).next;
        for (Ref& use : function_.inputs(ref)) {
          if (use != kNone) use = replacements_.of(use);
        }
        if (is_pure(function_.at(ref))) number(ref);
      }
    }
    replacements_.apply(function_);
  }

 private:
  static bool is_pure(const Inst& inst) {
    return has_result(inst) && (inst.effects() & ~kCommutes) == 0 && inst.op != Op::Param;
  }

  static u64 mix(u64 hash, u64 value) {
    return (std::rotl(hash, 5) ^ value) * 0x9e37'79b9'7f4a'7c15;
  }

  static u64 hash_of(const Inst& inst) {
    u64 hash = static_cast<u64>(inst.op) << 32 | static_cast<u64>(inst.row) << 24 |
               static_cast<u64>(inst.bits) << 16 | static_cast<u64>(inst.size) << 8 | inst.scale;
    for (const Ref use : inst.in) hash = mix(hash, use);
    hash = mix(hash, static_cast<u64>(inst.imm));
    hash = mix(hash, static_cast<u32>(inst.disp));
    return hash ^ hash >> 32;
  }

  static bool same(const Inst& a, const Inst& b) {
    return a.op == b.op && a.row == b.row && a.bits == b.bits && a.size == b.size &&
           a.scale == b.scale && a.imm == b.imm && a.disp == b.disp && a.in[0] == b.in[0] &&
           a.in[1] == b.in[1] && a.in[2] == b.in[2] && a.in[3] == b.in[3];
  }

  void number(Ref ref) {
    Inst& inst = function_.at(ref);
    if ((inst.effects() & kCommutes) != 0 && inst.in[1] != kNone && inst.in[1] < inst.in[0])
      std::swap(inst.in[0], inst.in[1]);
    const std::size_t mask = table_.size() - 1;
    std::size_t place = hash_of(inst) & mask;
    for (int probe = 0; probe < kProbes; ++probe, place = (place + 1) & mask) {
      const Ref earlier = table_[place];
      if (earlier == kNone) break;
      if (!same(function_.at(earlier), inst)) continue;
      if (!dominators_.dominates(function_.at(earlier).block, inst.block)) break;
      function_.at(earlier).flags &= inst.flags;
      replacements_.replace(ref, earlier);
      remove(function_, ref);
      return;
    }
    table_[place] = ref;  // what stood there is forgotten, which costs nothing but a chance
  }

  static constexpr int kProbes = 8;

  Function& function_;
  const Dominators dominators_;
  Replacements replacements_;
  std::vector<Ref> table_;
};

}  // namespace

void gvn(Function& function) {
  Numbering(function).run();
}

}  // namespace skep::ir::opt
