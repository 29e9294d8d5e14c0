// The least program that embeds skep: loads an XDP program from an object file and asks it about
// one packet.
//
//   embed xdp_firewall.bpf.o
#include <cstdio>
#include <fstream>
#include <iterator>

#include "loader/loader.h"
#include "vm/vm.h"

skep::Result<skep::u64> verdict(std::span<const skep::u8> object,
                                std::span<const skep::u8> packet) {
  const skep::Object programs = SKEP_TRY(skep::load(object));
  skep::Vm vm;
  const auto instance = SKEP_TRY(vm.load(programs.programs));
  const skep::InstanceProgram& first = instance->programs().front();
  if (first.error) return std::unexpected(*first.error);
  const auto buffer = SKEP_TRY(skep::PacketBuffer::make(packet, skep::ProgramType::xdp));
  skep::Frame frame{.type = skep::ProgramType::xdp, .packet = buffer.packet()};
  skep::Env env = skep::Env::host();
  const skep::RunResult result = first.loaded->run(frame, {.env = &env});
  if (!result.ok())
    return std::unexpected(skep::Error{result.fault.code, result.message, result.fault.pc});
  return result.r0;
}

int main(int, char** argv) {
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<skep::u8> object(std::istreambuf_iterator<char>(file), {});
  const skep::u8 arp[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06};
  const auto answer = verdict(object, arp);
  std::puts(answer ? fmt::format("verdict {}", *answer).c_str() : answer.error().text.c_str());
  return answer ? 0 : 1;
}
