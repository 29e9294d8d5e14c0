// Reachability, versions and limits; chains of calls. See shape.h.

#include <algorithm>
#include <bitset>

#include "verifier/shape.h"

namespace skep::abstract {
namespace {

template <Code code, class... Args>
Error error_at(Pc pc, fmt::format_string<Args...> format, Args&&... args) {
  Error error = make_error<code>(pc.value, fmt::format(format, std::forward<Args>(args)...));
  error.pc = pc;
  return error;
}

// Ways on from an insn, calls of the program's own functions among them.
template <class Visit>
void successors(const Program& program, Pc pc, Visit visit) {
  const Decoded& insn = program.at(pc);
  if (insn.falls_through()) visit(pc + insn.slots());
  if (insn.is_jump() || insn.op == Op::CallLocal || insn.op == Op::LoadFunc) visit(insn.target);
}

std::vector<bool> reachable(const Program& program) {
  std::vector<bool> seen(program.size(), false);
  std::vector<Pc> open{{0}};
  seen[0] = true;
  while (!open.empty()) {
    const Pc pc = open.back();
    open.pop_back();
    successors(program, pc, [&](Pc next) {
      if (next.value >= program.size() || seen[next.value]) return;
      seen[next.value] = true;
      open.push_back(next);
    });
  }
  return seen;
}

// Linux 6.12 kernel/bpf/bpf_lsm.c, bpf_lsm_disabled_hooks.
constexpr std::string_view kDisabledHooks[] = {
    "vm_enough_memory",    "inode_need_killpriv", "inode_getsecurity", "inode_listsecurity",
    "inode_copy_up_xattr", "getselfattr",         "getprocattr",       "setprocattr",
    "key_getsecurity",     "audit_rule_match",    "ismaclabel"};

bool refers_to_map(Op op) {
  return op == Op::LoadMap || op == Op::LoadValue || op == Op::LoadMapIdx || op == Op::LoadValueIdx;
}

bool has_exception_callback(const Image& image) {
  const u32 function = image.program.subprograms()[0].btf_type;
  if (image.btf == nullptr || function == 0) return false;
  for (u32 type = 1; type < image.btf->types(); ++type) {
    if (image.btf->kind(type) == BtfKind::DeclTag && image.btf->type(type) == function &&
        image.btf->name(type).starts_with("exception_callback:")) {
      return true;
    }
  }
  return false;
}

bool is_judged(ProgramType type) {
  return type != ProgramType::unspec && type != ProgramType::ext && type != ProgramType::struct_ops;
}

u32 function_at(const Program& program, Pc first) {
  const auto found = std::ranges::lower_bound(program.subprograms(), first, {}, &Subprogram::first);
  return static_cast<u32>(found - program.subprograms().begin());
}

// Programs whose functions have stacks of their own, from Linux 6.13 on.
bool has_private_stack(const Judge& judge) {
  if (!judge.profile().has(Feature::private_stack)) return false;
  switch (judge.image().type) {
    case ProgramType::kprobe:
    case ProgramType::tracepoint:
    case ProgramType::perf_event:
    case ProgramType::raw_tracepoint: return true;
    default: return false;
  }
}

// One function's chains of calls, found after those of what it calls.
struct Chain {
  enum : u8 { Unseen, Open, Done } state = Unseen;
  u32 frames = 0;
  u32 bytes = 0;
};

class Chains {
 public:
  explicit Chains(const Judge& judge)
      : judge_(judge),
        program_(judge.image().program),
        chains_(program_.subprograms().size()),
        private_(has_private_stack(judge)) {}

  // Recursion is as deep as the functions of a program are many: 256 at most.
  std::optional<Error> visit(u32 function) {
    Chain& chain = chains_[function];
    if (chain.state == Chain::Done) return {};
    const Subprogram& of = program_.subprograms()[function];
    if (chain.state == Chain::Open) {
      return error_at<Code::too_deep>(of.first, "function {} calls itself", of.name);
    }
    chain.state = Chain::Open;
    u32 frames = 0, bytes = 0;
    for (Pc pc = of.first; pc < of.end; pc = pc + program_.at(pc).slots()) {
      const Decoded& insn = program_.at(pc);
      if (insn.op != Op::CallLocal && insn.op != Op::LoadFunc) continue;
      const u32 callee = function_at(program_, insn.target);
      if (auto error = visit(callee)) return error;
      frames = std::max(frames, chains_[callee].frames);
      bytes = std::max(bytes, chains_[callee].bytes);
    }
    chain.state = Chain::Done;
    chain.frames = frames + 1;
    const u32 own = (judge_.stack_of(function) + 15) / 16 * 16;
    chain.bytes = private_ ? std::max(own, bytes) : own + bytes;
    if (chain.frames > judge_.profile().limit(Limit::frames)) {
      return error_at<Code::too_deep>(of.first,
                                      "functions call each other {} deep, and {} is the limit",
                                      chain.frames, judge_.profile().limit(Limit::frames));
    }
    if (chain.bytes > judge_.profile().limit(Limit::stack_bytes)) {
      return error_at<Code::stack_bounds>(
          of.first, "the stacks of a chain of calls are {} bytes, and {} is the limit", chain.bytes,
          judge_.profile().limit(Limit::stack_bytes));
    }
    return {};
  }
  u32 bytes(u32 function) const { return chains_[function].bytes; }

 private:
  const Judge& judge_;
  const Program& program_;
  std::vector<Chain> chains_;
  bool private_;
};

std::optional<Error> check_insn(const Image& image, const KernelProfile& profile, Pc pc) {
  const Decoded& insn = image.program.at(pc);
  if (since(insn) == kNever) {
    return error_at<Code::not_supported_yet>(pc, "{} is in no kernel, and not supported yet",
                                             row(insn.op).name);
  }
  if (!profile.knows(since(insn))) {
    return error_at<Code::needs_newer_kernel>(pc, "{} came with Linux {}.{}", row(insn.op).name,
                                              since(insn).major, since(insn).minor);
  }
  const bool back = insn.is_jump() && insn.target <= pc && insn.op != Op::MayGoto;
  if (back && !profile.has(Feature::bounded_loops)) {
    return error_at<Code::needs_newer_kernel>(pc, "loops came with Linux 5.3");
  }
  if (insn.op == Op::CallLocal && !profile.has(Feature::local_calls)) {
    return error_at<Code::needs_newer_kernel>(pc, "local calls came with Linux 4.16");
  }
  return {};
}

}  // namespace

std::optional<Error> check_shape(const Image& image, const KernelProfile& profile) {
  const Program& program = image.program;
  const ProgramTypeRow* type = find_program_type(image.host.get(), image.type);
  if (type == nullptr || !is_judged(image.type)) {
    return error_at<Code::not_supported_yet>({0}, "{} programs are not supported yet",
                                             name(image.type));
  }
  if (type->since != kNever && !profile.knows(type->since)) {
    return error_at<Code::needs_newer_kernel>({0}, "{} programs came with Linux {}.{}", type->name,
                                              type->since.major, type->since.minor);
  }
  if (image.type == ProgramType::lsm && std::ranges::count(kDisabledHooks, image.attach_to) != 0) {
    return error_at<Code::call_forbidden>({0}, "no program may be attached to the hook {}",
                                          image.attach_to);
  }
  if (program.size() > profile.limit(Limit::insns)) {
    return error_at<Code::too_large>({0}, "{} insns, and {} is the limit", program.size(),
                                     profile.limit(Limit::insns));
  }
  if (has_exception_callback(image)) {
    return error_at<Code::not_supported_yet>({0}, "exception callbacks are not supported yet");
  }
  const std::vector<bool> seen = reachable(program);
  std::vector<bool> used(image.maps == nullptr ? 0 : image.maps->size(), false);
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    if (!seen[pc.value]) {
      return error_at<Code::unreachable_insn>(pc, "no path leads here");
    }
    if (auto error = check_insn(image, profile, pc)) return error;
    const Decoded& insn = program.at(pc);
    if (refers_to_map(insn.op) && insn.map_index() < used.size()) {
      used[insn.map_index()] = true;
    }
  }
  if (static_cast<u64>(std::ranges::count(used, true)) > profile.limit(Limit::maps)) {
    return error_at<Code::too_large>({0}, "more than {} maps", profile.limit(Limit::maps));
  }
  return {};
}

std::optional<Error> check_chains(const Judge& judge, u32& stack_bytes) {
  Chains chains(judge);
  for (u32 i = 0; i < judge.image().program.subprograms().size(); ++i) {
    if (auto error = chains.visit(i)) return error;
    stack_bytes = std::max(stack_bytes, chains.bytes(i));
  }
  return {};
}

std::vector<Meet> find_meets(const Program& program) {
  std::vector<u8> ways(program.size(), 0);
  std::vector<Meet> meets(program.size(), Meet::None);
  for (Pc pc; pc.value < program.size(); pc = pc + program.at(pc).slots()) {
    const Decoded& insn = program.at(pc);
    const auto enter = [&](Pc to) {
      if (to.value < program.size() && ways[to.value] < 2) ++ways[to.value];
    };
    if (insn.falls_through()) enter(pc + insn.slots());
    if (insn.is_jump()) {
      enter(insn.target);
      if (insn.target <= pc) meets[insn.target.value] = Meet::LoopHead;
    }
  }
  for (u32 pc = 0; pc < program.size(); ++pc) {
    if (ways[pc] >= 2 && meets[pc] == Meet::None) meets[pc] = Meet::Join;
  }
  return meets;
}

}  // namespace skep::abstract
