// An outside C++ program: a helper and a program type of its own, and the C interface beside it, by
// installed headers alone.
#include <skep.h>
#include <skep/isa.h>
#include <skep/loader.h>
#include <skep/vm.h>
#if __has_include(<skep/kernel.h>)
#include <skep/kernel.h>
#endif

#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#ifdef TRY
#error "a short name of skep's own came with its headers"
#endif

namespace {

skep::Result<skep::u64> verdict(std::span<const skep::u8> bytes) {
  skep::Vm vm;
  const skep::HelperProto proto{.id = 0x10000,
                                .name = "outside",
                                .since = {},
                                .where = skep::where::Any,
                                .returns = skep::helper_returns::Integer,
                                .args = {},
                                .flags = 0};
  SKEP_TRY(vm.add_helper(
      proto, {[](void*, skep::Run&, const skep::u64(&)[5]) -> skep::u64 { return 7; }}));
  SKEP_TRY(vm.add_program_type({.name = "outside_hook", .context = skep::ContextKind::Flat}));
  const skep::Object object = SKEP_TRY(skep::load(bytes, {.host = vm.rows()}));
  const auto instance = SKEP_TRY(vm.load(object.programs));
  skep::Loaded* program = instance->programs().front().loaded.get();
  if (program == nullptr) return skep::fail<skep::Code::usage>("no such program");
  const skep::u8 arp[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06};
  const auto buffer = SKEP_TRY(skep::PacketBuffer::make(arp, skep::ProgramType::xdp));
  skep::Frame frame{.type = skep::ProgramType::xdp, .packet = buffer.packet()};
  skep::Env env = skep::Env::host();
  return program->run(frame, {.env = &env}).r0;
}

}  // namespace

int main(int, char** argv) {
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<skep::u8> bytes(std::istreambuf_iterator<char>(file), {});
  const auto answer = verdict(bytes);
  if (answer) {
    std::printf("verdict %d of %s\n", static_cast<int>(*answer), skep_version());
  } else {
    std::printf("%s\n", answer.error().text.c_str());
  }
  return answer ? 0 : 1;
}
