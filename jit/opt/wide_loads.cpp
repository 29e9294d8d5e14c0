// Wide loads: bytes that are loaded one by one, shifted and joined are one load, swapped if they
// are joined the other way round. Compilers make such code where they may not count on alignment;
// both machines load from any address.
//
// The pieces must lie side by side, be loaded in one block with nothing between that writes memory,
// and be used for nothing else. Tested by tests/agree/passes.cpp and
// tests/filetests/ir/wide_loads.test.

#include <algorithm>
#include <span>
#include <utility>

#include "jit/opt/edit.h"
#include "jit/opt/passes.h"

namespace skep::ir::opt {
namespace {

constexpr u32 kMostPieces = 8;
constexpr u32 kMostNodes = 40;  // looked at for one root

struct Piece {
  u32 shift = 0;  // of its lowest bit in the result
  Ref load = kNone;
};

// By insertion: there are eight at most, and g++ 12 warns of std::sort on so few.
void sort_by_shift(std::span<Piece> pieces) {
  for (std::size_t next = 1; next < pieces.size(); ++next) {
    for (std::size_t i = next; i > 0 && pieces[i].shift < pieces[i - 1].shift; --i) {
      std::swap(pieces[i], pieces[i - 1]);
    }
  }
}

class WideLoads {
 public:
  explicit WideLoads(Function& function) : function_(function), to_(function) {}

  void run() {
    count_uses();
    for (const BlockId block : function_.order) {
      // From the end: the outermost join is seen before the ones that it is made of.
      for (Ref ref = function_.blocks[block].last; ref != kNone; ref = function_.at(ref).prev) {
        if (joins(function_.at(ref))) look_at(ref);
      }
    }
  }

 private:
  static bool joins(const Inst& inst) {
    return (inst.op == Op::Or || inst.op == Op::Xor || inst.op == Op::Add) && inst.in[1] != kNone;
  }

  // Also numbers the stretches without writes, and the insts within all.
  void count_uses() {
    uses_.assign(function_.insts.size(), 0);
    stretch_.assign(function_.insts.size(), 0);
    place_.assign(function_.insts.size(), 0);
    u32 stretch = 0, place = 0;
    for (const BlockId block : function_.order) {
      ++stretch;
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        const Inst& inst = function_.at(ref);
        if ((inst.effects() & (kWritesMemory | kOrders)) != 0) ++stretch;
        stretch_[ref] = stretch;
        place_[ref] = place++;
        for (const Ref use : function_.inputs(inst)) {
          if (use != kNone) ++uses_[use];
        }
      }
      for (const Edge& edge : function_.edges(block)) {
        for (const Ref use : function_.args(edge)) ++uses_[use];
      }
    }
  }

  void look_at(Ref root) {
    Piece pieces[kMostPieces];
    u32 count = 0;
    if (!gather(root, pieces, count) || count < 2) return;
    sort_by_shift({pieces, count});
    if (pieces[0].shift != 0 || !side_by_side({pieces, count})) return;
    const Inst& first = function_.at(pieces[0].load);
    const Inst& last = function_.at(pieces[count - 1].load);
    const u32 size = pieces[count - 1].shift / 8 + last.size;
    if (size != 2 && size != 4 && size != 8) return;
    if (in_order({pieces, count}, 1))
      return replace(root, {pieces, count}, first.disp, size, false);
    if (first.size == 1 && in_order({pieces, count}, -1))
      replace(root, {pieces, count}, last.disp, size, true);
  }

  // A value that the join is made of: shifted so far, of which the bits up to `end` count.
  struct Node {
    Ref ref;
    u32 shift;
    u32 end;
  };

  bool gather(Ref root, Piece (&pieces)[kMostPieces], u32& count) {
    Node waiting[kMostNodes];
    u32 left = 0, nodes = 0;
    waiting[left++] = {root, 0, function_.at(root).bits};
    while (left != 0) {
      const Node node = waiting[--left];
      const Inst& inst = function_.at(node.ref);
      if (++nodes > kMostNodes / 2 || (node.ref != root && uses_[node.ref] != 1)) return false;
      if (node.ref != root && inst.block != function_.at(root).block) return false;
      if (joins(inst)) {
        const u32 end = std::min(node.end, node.shift + inst.bits);
        waiting[left++] = {inst.in[0], node.shift, end};
        waiting[left++] = {inst.in[1], node.shift, end};
      } else if (inst.op == Op::Lsh && inst.in[1] == kNone && inst.imm % 8 == 0) {
        waiting[left++] = {inst.in[0], node.shift + static_cast<u32>(inst.imm & (inst.bits - 1)),
                           std::min(node.end, node.shift + inst.bits)};
      } else if (inst.op == Op::ZeroExtend) {
        waiting[left++] = {inst.in[0], node.shift, std::min(node.end, node.shift + 8 * inst.size)};
      } else if (inst.op == Op::Load && (inst.flags & ~kUpperZero) == 0 && count < kMostPieces) {
        if (node.shift + 8 * inst.size > node.end) return false;
        pieces[count++] = {node.shift, node.ref};
      } else {
        return false;
      }
    }
    return true;
  }

  bool side_by_side(std::span<const Piece> pieces) const {
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      const Inst& before = function_.at(pieces[i - 1].load);
      const Inst& inst = function_.at(pieces[i].load);
      if (pieces[i].shift != pieces[i - 1].shift + 8 * before.size) return false;
      if (inst.in[0] != before.in[0] || inst.in[1] != before.in[1] || inst.scale != before.scale)
        return false;
      if (stretch_[pieces[i].load] != stretch_[pieces[i - 1].load]) return false;
    }
    return true;
  }

  // Whether the memory of each piece follows (1) or precedes (-1) that of the one below it.
  bool in_order(std::span<const Piece> pieces, i64 direction) const {
    const Inst& first = function_.at(pieces[0].load);
    return std::ranges::all_of(pieces, [&](const Piece& piece) {
      const Inst& inst = function_.at(piece.load);
      if (direction < 0 && inst.size != 1) return false;
      return i64{inst.disp} - first.disp == direction * static_cast<i64>(piece.shift / 8);
    });
  }

  // The wide load stands where the last piece was loaded; the pieces go when nobody uses them.
  void replace(Ref root, std::span<const Piece> pieces, i32 disp, u32 size, bool swapped) {
    const Ref last = std::ranges::max_element(pieces, {}, [&](const Piece& piece) {
                       return place_[piece.load];
                     })->load;
    Inst load = function_.at(last);
    to_.use_before(last);
    to_.set_pc(load.pc);
    load.size = static_cast<u8>(size);
    load.disp = disp;
    load.flags = 0;
    const Ref wide = to_.add(load);
    Inst& inst = function_.at(root);
    inst.op = swapped ? Op::ByteSwap : Op::ZeroExtend;
    inst.bits = 64;
    inst.size = static_cast<u8>(size);
    inst.in[0] = wide;
    inst.in[1] = kNone;
    inst.imm = 0;
    // The new load has no counts; nothing is gathered through it, as it is the outermost.
    uses_.resize(function_.insts.size(), 0);
    stretch_.resize(function_.insts.size(), 0);
    place_.resize(function_.insts.size(), 0);
    for (const Piece& piece : pieces) uses_[piece.load] = 0;
  }

  Function& function_;
  Builder to_;
  std::vector<u32> uses_, stretch_, place_;  // by Ref
};

}  // namespace

void wide_loads(Function& function) {
  WideLoads(function).run();
}

}  // namespace skep::ir::opt
