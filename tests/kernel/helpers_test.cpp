// Helpers and context fields of ours against the running kernel's: the same small programs on both,
// with the same packets; results, packets and maps must be equal. Each program notes what its calls
// return in the map `out`, 8 bytes a call.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "helpers/spec/program_type.h"
#include "kernel/backend.h"
#include "kernel/syscall.h"
#include "tests/support/agree.h"
#include "tests/support/image.h"
#include "vm/backend.h"

namespace skep {
namespace {

constexpr u32 kOutBytes = 2048;
constexpr i64 kFormatSize = 64;  // of each text in the map `texts`

// Builds a program that makes calls and notes their results.
class Notes {
 public:
  Notes() { text_ = "r6 = r1\nr9 = map[out][0] + 0\n"; }
  Notes& raw(std::string_view lines) {
    text_ += lines;
    text_ += '\n';
    return *this;
  }
  // Notes r0.
  Notes& note() {
    text_ += fmt::format("*(u64 *)(r9 + {}) = r0\n", at_);
    at_ += 8;
    return *this;
  }
  // A call with the context first, then these numbers, whose result is noted.
  Notes& call(std::string_view helper, std::initializer_list<i64> args) {
    text_ += "r1 = r6\n";
    int reg = 2;
    for (i64 arg : args) text_ += fmt::format("r{} = {:#x} ll\n", reg++, static_cast<u64>(arg));
    text_ += fmt::format("call {}\n", helper);
    return note();
  }
  std::string done() const { return text_ + "r0 = 0\nexit\n"; }

 private:
  std::string text_;
  int at_ = 0;
};

MapSpec texts_spec(const std::vector<std::string>& texts) {
  MapSpec spec = test::array_spec("texts", static_cast<u32>(kFormatSize * (texts.size() + 1)), 1);
  spec.flags = map_flags::kRdonlyProg;
  spec.frozen = true;
  spec.initial.resize(spec.value_size);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::copy(texts[i].begin(), texts[i].end(),
              spec.initial.begin() + static_cast<i64>(i) * kFormatSize);
  }
  return spec;
}

// 64 bytes that count up, but for the destination (the loopback device's, so that the packet is for
// this host), the Ethernet type and the first byte of IPv4.
std::vector<u8> ipv4(std::vector<u8> type = {0x08, 0x00}) {
  std::vector<u8> bytes(64);
  for (u8 i = 6; i < 64; ++i) bytes[i] = i;
  std::copy(type.begin(), type.end(), bytes.begin() + 12);
  bytes[14] = 0x45;
  return bytes;
}

// Which notes differ, each with the insns before it.
std::string notes_that_differ(const std::string& program, const test::Outcome& ours,
                              const test::Outcome& theirs) {
  const std::vector<u8>&a = ours.maps.at("out").begin()->second,
        &b = theirs.maps.at("out").begin()->second;
  std::string text;
  for (std::size_t at = 0; at + 8 <= a.size(); at += 8) {
    u64 our_note, their_note;
    std::memcpy(&our_note, &a[at], 8);
    std::memcpy(&their_note, &b[at], 8);
    if (our_note == their_note) continue;
    text += fmt::format("ours {:#x}, the kernel's {:#x}\n", our_note, their_note);
    const std::size_t end = program.find(fmt::format("*(u64 *)(r9 + {}) = r0", at));
    if (end == std::string::npos) continue;
    const std::size_t start =
        at == 0 ? 0 : program.find(fmt::format("*(u64 *)(r9 + {}) = r0", at - 8));
    text += program.substr(start, end - start);
  }
  return text;
}

std::shared_ptr<const Image> image_of(ProgramType type, const std::string& program,
                                      std::vector<std::string> texts) {
  const auto image = std::const_pointer_cast<Image>(test::image_of(
      program, type,
      {test::array_spec("out", kOutBytes, 1), texts_spec(texts), test::array_spec("m", 8, 5)}));
  image->license = "GPL";
  return image;
}

test::Outcome run_ours(const std::shared_ptr<const Image>& image, const std::vector<u8>& packet) {
  return test::run_on(*make_interpreter(), {&image, 1}, {.bytes = packet});
}
test::Outcome run_theirs(const std::shared_ptr<const Image>& image, const std::vector<u8>& packet) {
  return test::run_on(*make_kernel_backend(), {&image, 1}, {.bytes = packet});
}

class HelpersAgree : public testing::Test {
 protected:
  void SetUp() override {
    if (auto ok = check_permission(); !ok) GTEST_SKIP() << "needs permission: " << ok.error().text;
  }

  void compare(ProgramType type, const std::string& program, std::vector<u8> packet = ipv4(),
               std::vector<std::string> texts = {}) {
    const auto image = image_of(type, program, std::move(texts));
    const auto ours = run_ours(image, packet), theirs = run_theirs(image, packet);
    ASSERT_TRUE(ours.ran) << ours.trouble;
    ASSERT_TRUE(theirs.ran) << theirs.trouble;
    const std::string difference = test::Outcome::difference(ours, theirs);
    EXPECT_EQ(difference.substr(0, 200), "") << notes_that_differ(program, ours, theirs);
  }
  void compare(ProgramType type, const Notes& notes, std::vector<u8> packet = ipv4()) {
    compare(type, notes.done(), std::move(packet));
  }
};

constexpr auto kXdp = ProgramType::xdp;
constexpr auto kTc = ProgramType::sched_cls;

// ---- XDP
// -----------------------------------------------------------------------------------------

TEST_F(HelpersAgree, XdpAdjustHead) {
  Notes notes;
  for (i64 delta : {4, -4, -216, -1, 216 + 50, 1, INT32_MIN, INT32_MAX, -50, 0}) {
    notes.call("xdp_adjust_head", {delta});
  }
  compare(kXdp, notes);
}

TEST_F(HelpersAgree, XdpAdjustMeta) {
  Notes notes;
  for (i64 delta : {-4, -6, 4, 4, -32, 32, -64, 64, -216, 216, -220, -252, -256, 0}) {
    notes.call("xdp_adjust_meta", {delta});
  }
  notes.call("xdp_adjust_meta", {-8})
      .call("xdp_adjust_head", {-20})
      .call("xdp_adjust_head", {-189});
  notes.call("xdp_adjust_head", {-188}).call("xdp_adjust_head", {10}).call("xdp_adjust_meta", {8});
  compare(kXdp, notes);
}

TEST_F(HelpersAgree, XdpAdjustTail) {
  Notes notes;
  for (i64 delta :
       {-10, 10, -50, -1, 3456, 1, 3520 - 14, INT32_MIN, INT32_MAX, 3520 - 64, -3520, 0}) {
    notes.call("xdp_adjust_tail", {delta});
    notes.raw("r1 = r6\ncall xdp_get_buff_len").note();
  }
  notes.call("xdp_adjust_tail", {-3400});
  compare(kXdp, notes);
}

TEST_F(HelpersAgree, XdpLoadAndStoreBytes) {
  Notes notes;
  for (const char* helper : {"xdp_load_bytes", "xdp_store_bytes"}) {
    for (i64 offset : {0, 56, 57, 64, 0xffff, 0x10000, -1}) {
      notes.raw("*(u64 *)(r10 - 8) = 0x11223344");
      notes.raw(fmt::format("r1 = r6\nr2 = {:#x} ll\nr3 = r10\nr3 += -8\nr4 = 8\ncall {}",
                            static_cast<u64>(offset), helper));
      notes.note().raw("r0 = *(u64 *)(r10 - 8)").note();
    }
  }
  compare(kXdp, notes);
}

TEST_F(HelpersAgree, XdpRedirect) {
  Notes notes;
  for (i64 flags : {0, 1}) {
    notes.raw(fmt::format("r1 = 1\nr2 = {}\ncall redirect", flags)).note();
  }
  compare(kXdp, notes);
}

// ---- packets of the network stack
// ------------------------------------------------------------------

TEST_F(HelpersAgree, SkbLoadBytes) {
  Notes notes;
  for (i64 offset : {0, 56, 57, 64, 0xffff, 0x10000, 0x7fffffff, -8}) {
    for (int start : {-1, 0, 1, 2}) {
      notes.raw("*(u64 *)(r10 - 8) = 0x11223344");
      notes.raw(fmt::format("r1 = r6\nr2 = {:#x} ll\nr3 = r10\nr3 += -8\nr4 = 8",
                            static_cast<u64>(offset)));
      notes.raw(start < 0 ? "call skb_load_bytes"
                          : fmt::format("r5 = {}\ncall skb_load_bytes_relative", start));
      notes.note().raw("r0 = *(u64 *)(r10 - 8)").note();
    }
  }
  compare(kTc, notes);
}

TEST_F(HelpersAgree, SkbStoreBytes) {
  Notes notes;
  for (i64 offset : {0, 20, 57, 60, 64, 0x7fffffff, -4}) {
    for (int flags : {0, 1, 2, 3, 4, 8}) {
      notes.raw("*(u64 *)(r10 - 8) = 0x11223344");
      notes.raw(fmt::format("r1 = r6\nr2 = {:#x} ll\nr3 = r10\nr3 += -8\nr4 = 7\nr5 = {}",
                            static_cast<u64>(offset), flags));
      notes.raw("call skb_store_bytes").note();
    }
  }
  compare(kTc, notes);
}

TEST_F(HelpersAgree, SkbSizes) {
  Notes notes;
  for (i64 length : {0, 14, 64, 65, -1}) notes.call("skb_pull_data", {length});
  for (i64 length : {60, 100, 14, 13, 64, 16064, 16065, -1}) {
    notes.call("skb_change_tail", {length > 16000 ? length + 1 : length, 0});
    notes.raw("r0 = *(u32 *)(r6 + 0)").note();
  }
  notes.call("skb_change_tail", {20, 1});
  for (i64 room : {4, 0, 20000, -1, -64}) notes.call("skb_change_head", {room, 0});
  notes.call("skb_change_head", {4, 1});
  compare(kTc, notes);
}

TEST_F(HelpersAgree, SkbTypesAndChecksumLevels) {
  Notes notes;
  for (i64 type : {3, 4, 0, 7, -1}) {
    notes.call("skb_change_type", {type}).raw("r0 = *(u32 *)(r6 + 4)").note();
  }
  for (i64 level : {0, 1, 0, 1, 1, 1, 1, 0, 2, 0, 3, 0, 2, 0, 4}) notes.call("csum_level", {level});
  notes.call("csum_update", {5});
  compare(kTc, notes);
}

TEST_F(HelpersAgree, SkbProtocolsAndHashes) {
  constexpr i64 kIpv4 = 0x0008, kIpv6 = 0xdd86;  // in network byte order
  for (const std::vector<u8>& type : {std::vector<u8>{0x08, 0x00}, {0x86, 0xdd}, {0x08, 0x06}}) {
    Notes notes;
    for (const i64 protocol : {kIpv4, kIpv6, kIpv6, kIpv4, kIpv4, i64{0x0608}}) {
      notes.call("set_hash", {0x12345678}).raw("r0 = *(u32 *)(r6 + 68)").note();
      notes.call("skb_change_proto", {protocol, 0});
      for (int offset : {0, 16, 68}) {  // len, protocol, hash
        notes.raw(fmt::format("r0 = *(u32 *)(r6 + {})", offset)).note();
      }
    }
    notes.call("skb_change_proto", {kIpv6, 2});
    notes.call("set_hash", {-1}).call("set_hash_invalid", {});
    notes.raw("r0 = *(u32 *)(r6 + 68)").note();
    compare(kTc, notes, ipv4(type));
  }
}

void note_tags(Notes& notes) {
  for (int offset : {0, 16, 20, 24, 28}) {
    notes.raw(fmt::format("r0 = *(u32 *)(r6 + {})", offset)).note();
  }
}

// The first 8 bytes at the network header.
void note_network_header(Notes& notes) {
  notes
      .raw(R"(*(u64 *)(r10 - 8) = 0
      r1 = r6
      r2 = 0
      r3 = r10
      r3 += -8
      r4 = 8
      r5 = 1
      call skb_load_bytes_relative)")
      .note()
      .raw("r0 = *(u64 *)(r10 - 8)")
      .note();
}

TEST_F(HelpersAgree, VlanTags) {
  for (const std::vector<u8>& type : {std::vector<u8>{0x08, 0x00},
                                      {0x81, 0x00, 0x20, 0x05, 0x08, 0x00},
                                      {0x81, 0x00, 0x20, 0x05, 0x81, 0x00, 0x00, 0x07, 0x86, 0xdd},
                                      {0x81, 0x00, 0x00, 0x01, 0x00, 0x20},
                                      {0x88, 0xa8, 0x00, 0x01, 0x00, 0x20, 0xff, 0xff}}) {
    Notes pops, pushes;
    for (int i = 0; i < 3; ++i) {
      pops.call("skb_vlan_pop", {});
      note_tags(pops);
    }
    compare(kTc, pops, ipv4(type));
    for (i64 protocol : {0x0081, 0xa888, 0x1234}) {
      pushes.call("skb_vlan_push", {protocol, 0x2345 + protocol});
      note_tags(pushes);
    }
    for (int i = 0; i < 4; ++i) {
      pushes.call("skb_vlan_pop", {});
      note_tags(pushes);
    }
    note_network_header(pushes);
    compare(kTc, pushes, ipv4(type));
    Notes shortest;  // what is kept of the packet at least: up to the network header
    for (i64 protocol : {0x0081, 0xa888}) shortest.call("skb_vlan_push", {protocol, 5});
    note_network_header(shortest);
    for (i64 length : {20, 18, 17, 14, 13}) shortest.call("skb_change_tail", {length, 0});
    compare(kTc, shortest, ipv4(type));
  }
}

TEST_F(HelpersAgree, TcRedirects) {
  Notes notes;
  for (i64 flags : {0, 1, 2, 8}) {
    notes.raw(fmt::format("r1 = 1\nr2 = {}\ncall redirect", flags)).note();
    notes.raw(fmt::format("r1 = 1\nr2 = {}\ncall redirect_peer", flags)).note();
    notes.raw(fmt::format("r1 = 1\nr2 = 0\nr3 = 0\nr4 = {}\ncall redirect_neigh", flags)).note();
  }
  notes.call("clone_redirect", {1, 2});
  compare(kTc, notes);
}

// ---- checksums
// -------------------------------------------------------------------------------------

TEST_F(HelpersAgree, CsumDiff) {
  const u32 words[][2] = {{0, 0},
                          {1, 2},
                          {0xffffffff, 0xffffffff},
                          {0xffff0000, 0xffff},
                          {0x12345678, 0x9abcdef0},
                          {0xfffffffe, 1}};
  const i64 seeds[] = {0, 1, 0xffff, 0xffffffff, 0x12345678};
  for (const auto& from : words) {
    Notes notes;
    for (const auto& to : words) {
      notes.raw(
          fmt::format("r1 = {:#x} ll\n*(u64 *)(r10 - 16) = r1", from[0] | u64(from[1]) << 32));
      notes.raw(fmt::format("r1 = {:#x} ll\n*(u64 *)(r10 - 8) = r1", to[0] | u64(to[1]) << 32));
      for (const auto& [from_size, to_size] : {std::pair(8, 8), {8, 0}, {0, 8}, {4, 8}, {3, 4}}) {
        notes.raw(
            fmt::format("r1 = r10\nr1 += -16\nr2 = {}\nr3 = r10\nr3 += -8\nr4 = {}\nr5 = {:#x} ll",
                        from_size, to_size, static_cast<u64>(seeds[(from_size + to_size) % 5])));
        notes.raw("call csum_diff").note();
      }
    }
    compare(kTc, notes);
  }
}

TEST_F(HelpersAgree, CsumReplace) {
  for (const char* helper : {"l3_csum_replace", "l4_csum_replace"}) {
    for (u32 checksum : {0u, 0xffffu, 0x1234u}) {
      Notes notes;
      notes.raw(fmt::format("*(u16 *)(r10 - 2) = {}", checksum));
      notes.raw("r1 = r6\nr2 = 24\nr3 = r10\nr3 += -2\nr4 = 2\nr5 = 0\ncall skb_store_bytes")
          .note();
      for (i64 flags :
           {0x2, 0x4, 0x0, 0x3, 0x12, 0x14, 0x10, 0x22, 0x62, 0x64, 0x20, 0x40, 0x84, 0x100}) {
        for (const auto& [from, to] :
             {std::pair<i64, i64>(0x1234, 0xbeef), {0, 0x99887766}, {0xffffffff, 0}}) {
          notes.call(helper, {24, from, to, flags});
        }
      }
      notes.call(helper, {25, 1, 2, 2})
          .call(helper, {64, 1, 2, 2})
          .call(helper, {0x10000, 1, 2, 2});
      compare(kTc, notes);
    }
  }
}

// ---- text
// ------------------------------------------------------------------------------------------

// A program that formats `value` three times by the text in the map, into rooms of several sizes.
std::string format_value(u64 value) {
  Notes notes;
  notes.raw(fmt::format("r1 = {:#x} ll", value));
  for (int at = 8; at <= 24; at += 8) notes.raw(fmt::format("*(u64 *)(r10 - {}) = r1", at));
  for (int room : {60, 5, 1}) {
    notes.raw(fmt::format("r1 = map[out][0] + {}\nr2 = {}", 512 + room * 8, room));
    notes.raw("r3 = map[texts][0] + 0\nr4 = r10\nr4 += -24\nr5 = 24\ncall snprintf").note();
  }
  return notes.done();
}

TEST_F(HelpersAgree, Snprintf) {
  for (const char* format : {"plain",
                             "",
                             "100%% %d%%",
                             "%d|%i",
                             "%u %x %X",
                             "%ld %lu",
                             "%lld %llx",
                             "[%5d][%-5d][%05d]",
                             "[%-05d][%0-5d]",
                             "[%+d][% d]",
                             "[%+05d]",
                             "[%+u][% x]",
                             "[%08x][%8x]",
                             "[%c][%3c][%-3c]",
                             "%px",
                             "[%20px]",
                             "[%-20px]|",
                             "%pI4,%pi4",
                             "%20pI4|",
                             "%pI6c.",
                             "[%s][%pks][%pus]",
                             "[%8s]",
                             "[%8pks]",
                             "%d %d %d",
                             "%lu%lld%d",
                             "a\tb\n",
                             "%pxyz!",
                             "%0+5d",
                             "%1000d",
                             "% +d",
                             "%pI4 %d"}) {
    SCOPED_TRACE(format);
    for (u64 value : {u64(0), ~u64(0), u64(0x80000000), u64(0x1234567890abcdef), u64(65)}) {
      compare(kTc, format_value(value), ipv4(), {format});
    }
  }
}

// Formats are constant, so the kernel's verifier refuses bad ones; ours are judged when they run.
TEST_F(HelpersAgree, BadFormats) {
  for (const char* format :
       {"%d %d %d %d", "%", "% ", "%f", "%o", "%#x", "%.3d", "%*d", "%hd", "%zu", "%llld", "%ls",
        "%sx", "%s1", "%pU", "%pM", "%pI", "%5%", "a\x01"}) {
    SCOPED_TRACE(format);
    const auto image = image_of(kTc, format_value(1), {format});
    const auto ours = run_ours(image, ipv4());
    ASSERT_TRUE(ours.ran) << ours.trouble;
    i64 result;
    std::memcpy(&result, ours.maps.at("out").begin()->second.data(), sizeof result);
    EXPECT_EQ(result, kEINVAL);
    EXPECT_TRUE(run_theirs(image, ipv4()).refused);
  }
}

TEST_F(HelpersAgree, StringsOfOurOwn) {
  const std::vector<std::string> texts = {"[%s]%pks,%10s|%-10s|", "own text"};
  Notes notes;
  notes.raw(fmt::format("r1 = map[texts][0] + {}", kFormatSize));
  for (int i = 1; i <= 4; ++i) notes.raw(fmt::format("*(u64 *)(r10 - {}) = r1", i * 8));
  notes.raw(
      "r1 = map[out][0] + 512\nr2 = 100\nr3 = map[texts][0] + 0\nr4 = r10\nr4 += -32\nr5 = 32");
  notes.raw("call snprintf").note();
  compare(kTc, notes.done(), ipv4(), texts);
}

TEST_F(HelpersAgree, Strncmp) {
  const std::vector<std::string> texts = {"abc", "abd", "abcd", "", "\xff", "ab"};
  Notes notes;
  for (u32 first = 0; first < texts.size(); ++first) {
    for (u32 second = 0; second < texts.size(); ++second) {
      notes.raw(
          fmt::format("r1 = map[texts][0] + {}\nr2 = {}\nr3 = map[texts][0] + {}\ncall strncmp",
                      first * kFormatSize, 1 + (first + second) % 4, second * kFormatSize));
      notes.note();
    }
  }
  compare(kTc, notes.done(), ipv4(), texts);
}

TEST_F(HelpersAgree, Numbers) {
  const std::vector<std::string> texts = {
      "123",
      " \t\n42x",
      "-17",
      "-",
      "+5",
      "- 5",
      "017",
      "08",
      "0x1fG",
      "0XFF",
      "ff",
      "0x",
      "0x1",
      "abc",
      "   ",
      "9223372036854775807",
      "9223372036854775808",
      "-9223372036854775808",
      "-9223372036854775809",
      "18446744073709551615",
      "18446744073709551616",
      "0",
      "-0",
      "\xa0"
      "7",
      "0xg",
      "00000000000000000000000000000000000000000000000000000000000001",
      "99999999999999999999999"};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    SCOPED_TRACE(texts[i]);
    Notes notes;
    for (const char* helper : {"strtol", "strtoul"}) {
      for (i64 flags : {0, 8, 10, 16, 7, 32}) {
        for (i64 size : {static_cast<i64>(texts[i].size()), i64(1), kFormatSize}) {
          notes.raw("*(u64 *)(r10 - 8) = 77");
          notes.raw(
              fmt::format("r1 = map[texts][0] + {}\nr2 = {}\nr3 = {}\nr4 = r10\nr4 += -8\ncall {}",
                          static_cast<i64>(i) * kFormatSize, size, flags, helper));
          notes.note().raw("r0 = *(u64 *)(r10 - 8)").note();
        }
      }
    }
    compare(kTc, notes.done(), ipv4(), texts);
  }
}

// ---- the rest
// --------------------------------------------------------------------------------------

TEST_F(HelpersAgree, ProbeReads) {
  Notes notes;
  for (const char* helper :
       {"probe_read_kernel", "probe_read_user", "probe_read_kernel_str", "probe_read_user_str"}) {
    for (const char* from :
         {"r3 = 0xffffffffffffff00 ll", "r3 = map[texts][0] + 0", "r3 = r10\nr3 += -24"}) {
      for (int size : {8, 1, 4}) {
        const bool user = std::string_view(helper).find("user") != std::string_view::npos;
        notes.raw("r1 = 0x44332211 ll\n*(u64 *)(r10 - 8) = r1\n*(u64 *)(r10 - 24) = r1");
        if (user && from[5] != '0') continue;  // our own memory is no user's
        notes.raw(fmt::format("r1 = r10\nr1 += -8\nr2 = {}\n{}\ncall {}", size, from, helper));
        notes.note().raw("r0 = *(u64 *)(r10 - 8)").note();
      }
    }
  }
  compare(kTc, notes.done(), ipv4(), {"text in a map"});
}

// Reads every field of ours at every width that the rows allow, and notes the values.
void compare_fields(const std::function<void(const std::string&)>& compare, ProgramType type) {
  for (const FieldRow& field : fields(find_program_type(type)->context)) {
    if (field.is != FieldIs::Scalar && field.is != FieldIs::Length) continue;
    if (field.name == "hash" || field.name == "napi_id") continue;  // what no test run can set
    SCOPED_TRACE(field.name);
    Notes notes;
    for (u32 size : {1, 2, 4, 8}) {
      for (u32 offset = field.offset; offset < field.offset + field.size; ++offset) {
        if (!find_access(field.context, type, AttachType::none, offset, size, false)) continue;
        notes.raw(fmt::format("r0 = *(u{} *)(r6 + {})", size * 8, offset)).note();
        if (size < 8) notes.raw(fmt::format("r0 = *(s{} *)(r6 + {})", size * 8, offset)).note();
      }
    }
    compare(notes.done());
  }
}

TEST_F(HelpersAgree, Fields) {
  for (ProgramType type : {kXdp, kTc}) {
    compare_fields([&](const std::string& program) { compare(type, program); }, type);
  }
}

TEST_F(HelpersAgree, FieldStores) {
  struct Store {
    int offset;
    int bits;
  };
  for (const Store& store : {Store{8, 32},
                             {12, 32},
                             {32, 32},
                             {44, 32},
                             {72, 32},
                             {152, 64},
                             {48, 8},
                             {50, 16},
                             {56, 64},
                             {64, 32}}) {
    Notes notes;
    for (u64 value :
         {u64(1), u64(0xfffe), u64(0xffff), u64(0x12345678), u64(0x100000001), ~u64(0)}) {
      notes.raw(
          fmt::format("r1 = {:#x} ll\n*(u{} *)(r6 + {}) = r1", value, store.bits, store.offset));
      notes.raw(fmt::format("r0 = *(u{} *)(r6 + {})", store.bits, store.offset)).note();
    }
    notes.raw(fmt::format("*(u{} *)(r6 + {}) = 5", store.bits, store.offset));
    notes.raw(fmt::format("r0 = *(u{} *)(r6 + {})", store.bits, store.offset)).note();
    compare(kTc, notes);
  }
}

}  // namespace
}  // namespace skep
