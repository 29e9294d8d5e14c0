// ubpf's interpreter and JIT as columns, where its library was found when this was built.
// As it comes: its interpreter checks accesses against the memory given, the stack, and through a
// function of ours the values of maps; its JIT checks none.
#include "tools/bench/engines.h"

#ifdef SKEP_WITH_UBPF
extern "C" {
#include <ubpf.h>
}

#include <chrono>
#include <cstdlib>
#endif

namespace skep::bench {
namespace {

#ifdef SKEP_WITH_UBPF
constexpr u64 kNone = 0;

u64 ubpf_lookup(u64 map, u64 key, u64, u64, u64) {
  return reinterpret_cast<u64>(
      reinterpret_cast<Map*>(map)->lookup(reinterpret_cast<const u8*>(key), 0));
}
u64 ubpf_update(u64 map, u64 key, u64 value, u64 flags, u64) {
  return static_cast<u64>(static_cast<i64>(reinterpret_cast<Map*>(map)->update(
      reinterpret_cast<const u8*>(key), reinterpret_cast<const u8*>(value), flags, 0)));
}
u64 ubpf_remove(u64 map, u64 key, u64, u64, u64) {
  return static_cast<u64>(
      static_cast<i64>(reinterpret_cast<Map*>(map)->remove(reinterpret_cast<const u8*>(key))));
}
u64 ubpf_node(u64, u64, u64, u64, u64) {
  return kNone;
}

bool in_map_values(void* context, u64 address, u64 size) {
  for (Map* map : static_cast<const Session*>(context)->instance->maps()) {
    Region region;
    if (map->region_of(address, region) && region.holds(address, size)) return true;
  }
  return false;
}

// The program with the addresses of our maps in place of their indices.
std::vector<Insn> with_maps(const Session& session) {
  const Program& program = session.image->program;
  std::vector<Insn> insns(program.insns().begin(), program.insns().end());
  for (Pc pc; pc.value < insns.size(); pc = pc + program.at(pc).slots()) {
    const Decoded& insn = program.at(pc);
    if (insn.op != Op::LoadMap) continue;
    const u64 map = reinterpret_cast<u64>(session.instance->maps()[insn.map_index()]);
    insns[pc.value] = make_insn(kLddwOpcode, insn.dst, 0, 0, static_cast<i32>(map));
    insns[pc.value + 1].imm = static_cast<i32>(map >> 32);
  }
  return insns;
}

std::string take_text(char* text) {
  const std::string taken = text == nullptr ? "no reason given" : text;
  std::free(text);
  return "ubpf: " + taken;
}

class UbpfContender final : public Contender {
 public:
  UbpfContender(std::unique_ptr<Session> session, std::span<const u8> data, bool jit)
      : session_(std::move(session)), memory_(data), vm_(ubpf_create(), ubpf_destroy) {
    const struct {
      unsigned id;
      const char* name;
      u64 (*body)(u64, u64, u64, u64, u64);
    } kHelpers[] = {{1, "lookup", ubpf_lookup},
                    {2, "update", ubpf_update},
                    {3, "remove", ubpf_remove},
                    {42, "node", ubpf_node}};
    for (const auto& helper : kHelpers)
      ubpf_register(vm_.get(), helper.id, helper.name, helper.body);
    ubpf_register_data_bounds_check(vm_.get(), session_.get(), in_map_values);
    const std::vector<Insn> insns = with_maps(*session_);
    char* error = nullptr;
    if (ubpf_load(vm_.get(), insns.data(), static_cast<u32>(insns.size() * sizeof(Insn)), &error) !=
        0)
      raise<Code::not_runnable>(0, take_text(error));
    if (!jit) return;
    compiled_ = ubpf_compile(vm_.get(), &error);
    if (compiled_ == nullptr) raise<Code::not_runnable>(0, take_text(error));
  }

  Sample run(u32 repeat) override {
    const std::span<u8> memory = memory_.reset();
    u64 r0 = 0;
    bool good = true;
    const auto begin = std::chrono::steady_clock::now();
    for (u32 i = 0; i < repeat && good; ++i) {
      if (compiled_ != nullptr) {
        r0 = compiled_(memory.data(), memory.size());
      } else {
        good = ubpf_exec(vm_.get(), memory.data(), memory.size(), &r0) == 0;
      }
    }
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - begin;
    if (!good) raise<Code::not_runnable>(0, "ubpf: the run failed");
    return {r0, spent.count(), 0};
  }

 private:
  std::unique_ptr<Session> session_;
  Memory memory_;
  std::unique_ptr<ubpf_vm, void (*)(ubpf_vm*)> vm_;
  ubpf_jit_fn compiled_ = nullptr;
};

class UbpfLineup final : public Lineup {
 public:
  explicit UbpfLineup(bool jit) : jit_(jit) {}
  Ready make(const Entry& entry) override {
    if (entry.image->type != ProgramType::raw) return {{}, {}, "ubpf has no program types"};
    try {
      auto session = open_session(entry, find_engine("interpreter"));
      return {std::make_unique<UbpfContender>(std::move(session), entry.data, jit_), {}, {}};
    } catch (const Failure& failure) {
      return {{}, {}, failure.error.text};
    }
  }

 private:
  bool jit_;
};
#else
class UbpfLineup final : public Lineup {
 public:
  explicit UbpfLineup(bool) { absent = "not in this build (SKEP_UBPF)"; }
  Ready make(const Entry&) override { return {{}, {}, absent}; }
};
#endif

}  // namespace

std::unique_ptr<Lineup> make_ubpf_lineup(bool jit) {
  return std::make_unique<UbpfLineup>(jit);
}

}  // namespace skep::bench
