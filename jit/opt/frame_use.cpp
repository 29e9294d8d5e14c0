// See jit/opt/frame_use.h. Helpers touch of the frame what their rows say, where the size is known:
// bodies are bound to those rows. Tested by tests/filetests/ir/slots.test.

#include "jit/opt/frame_use.h"

#include <optional>

#include "helpers/spec/proto.h"

namespace skep::ir::opt {
namespace {

class Finder {
 public:
  Finder(Function& function, const World& world) : function_(function), world_(world) {}

  FrameUse run() {
    for (const BlockId block : function_.order) {
      for (Ref ref = function_.blocks[block].first; ref != kNone; ref = function_.at(ref).next) {
        look_at(ref);
      }
      for (const Edge& edge : function_.edges(block)) {
        for (const Ref arg : function_.args(edge)) use_.leaks |= is_address(arg);
      }
    }
    return std::move(use_);
  }

 private:
  bool is_address(Ref ref) const {
    return ref != kNone && function_.at(ref).op == Op::FrameAddress;
  }

  void look_at(Ref ref) {
    Inst& inst = function_.at(ref);
    switch (inst.shape()) {
      case Shape::Load:
      case Shape::Store:
      case Shape::Atomic: return look_at_access(ref, inst);
      case Shape::Call:
        if (inst.op == Op::CallHelper) return look_at_helper(inst);
        break;
      case Shape::Compare:
      case Shape::Branch: return;  // an answer is no address
      default: break;
    }
    for (const Ref use : function_.inputs(inst)) use_.leaks |= is_address(use);
  }

  void look_at_access(Ref ref, Inst& inst) {
    for (int i = 1; i < 4; ++i) use_.leaks |= is_address(inst.in[i]);
    if (!is_address(inst.in[0])) return;
    const i32 offset = function_.at(inst.in[0]).disp + inst.disp;
    const bool inside = inst.in[1] == kNone && offset >= -static_cast<i32>(kStackSize) &&
                        offset + inst.size <= 0 && inst.op != Op::LoadKernel;
    if (!inside) {
      use_.leaks = true;
      return;
    }
    inst.flags &= static_cast<u16>(~(kChecked | kMayBeContext));
    if (inst.op == Op::Load || inst.op == Op::Store) {
      use_.accesses.push_back({ref, offset});
    } else {
      mark(use_.memory, offset, inst.size);
    }
  }

  void look_at_helper(const Inst& inst) {
    const auto args = function_.inputs(inst);
    const HelperProto* helper =
        inst.imm <= kHelperCount ? find_helper(static_cast<u32>(inst.imm)) : nullptr;
    for (u32 i = 0; i < 5; ++i) {
      if (!is_address(args[i])) continue;
      const i32 offset = function_.at(args[i]).disp;
      const auto size = helper == nullptr ? std::nullopt : bytes_of(*helper, args, i);
      if (size && offset + static_cast<i64>(*size) <= 0) {
        mark(use_.memory, offset, *size);
      } else {
        use_.leaks = true;
      }
    }
  }

  std::optional<u32> constant(Ref ref) const {
    if (ref == kNone || function_.at(ref).op != Op::Const) return std::nullopt;
    const i64 value = function_.at(ref).imm;
    return value >= 0 && value <= kStackSize ? std::optional(static_cast<u32>(value))
                                             : std::nullopt;
  }

  // The map that a helper is given, if that is known.
  const MapSpec* map_of(const HelperProto& helper, std::span<const Ref> args) const {
    for (u32 i = 0; i < 5; ++i) {
      if (helper.args[i].kind != ArgKind::Map || args[i] == kNone) continue;
      const Inst& handle = function_.at(args[i]);
      const u64 index = static_cast<u64>(handle.imm) - kMapBase;
      if (handle.op == Op::Const && index < world_.maps.size()) return world_.maps[index].spec;
    }
    return nullptr;
  }

  // How much memory the argument is, if that is known.
  std::optional<u32> bytes_of(const HelperProto& helper, std::span<const Ref> args, u32 i) const {
    const Arg& arg = helper.args[i];
    const MapSpec* map = map_of(helper, args);
    switch (arg.kind) {
      case ArgKind::MapKey: return map == nullptr ? std::nullopt : std::optional(map->key_size);
      case ArgKind::MapValue:
      case ArgKind::MapValueOrNull:
      case ArgKind::UninitMapValue:
        return map == nullptr ? std::nullopt : std::optional(map->value_size);
      case ArgKind::FixedMem:
      case ArgKind::WriteFixedMem:
      case ArgKind::UninitFixedMem: return arg.detail;
      case ArgKind::Mem:
      case ArgKind::MemOrNull:
      case ArgKind::WriteMem:
      case ArgKind::WriteMemOrNull:
      case ArgKind::UninitMem: return i + 1 < 5 ? constant(args[i + 1]) : std::nullopt;
      default: return std::nullopt;
    }
  }

  Function& function_;
  const World& world_;
  FrameUse use_;
};

}  // namespace

FrameUse find_frame_use(Function& function, const World& world) {
  return Finder(function, world).run();
}

u32 slots_of(const FrameBytes& bytes) {
  for (u32 i = 0; i < kStackSize; ++i) {
    if (bytes[i]) return (kStackSize - i + 7) / 8;
  }
  return 0;
}

}  // namespace skep::ir::opt
