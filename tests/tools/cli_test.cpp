// The skep command from outside: what it prints, where it prints it, and its exit codes.
//
// A case is a shell command and what must come of it. Commands run in a folder with the files that
// CommandLine::SetUpTestSuite() writes; objects are compiled from counter.bpf.c.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "isa/diagnostic.h"
#include "tests/tools/cli_support.h"

namespace skep {
namespace {

using Json = nlohmann::json;

constexpr const char* kObject = SKEP_OBJECT_DIR "/counter.bpf.o";

// A pcap file with two packets of four bytes; `magic` and `link` as asked.
std::string capture(u32 magic, u32 link, const std::string& packet) {
  std::string file;
  const auto add = [&](u64 value, int bytes) {
    for (int i = 0; i < bytes; ++i) file += static_cast<char>(value >> (8 * i));
  };
  add(magic, 4), add(2, 2), add(4, 2), add(0, 8), add(65535, 4), add(link, 4);
  for (u32 i = 1; i <= 2; ++i) {
    add(i, 4), add(i, 4), add(packet.size(), 4), add(packet.size(), 4);
    file += packet;
  }
  return file;
}

void write_inputs() {
  const std::string object = read_file(kObject);
  write_file("counter.o", object);
  write_file("eb.o", read_file(SKEP_BINARY_DIR "/bpf/tools_eb/counter.bpf.o"));
  write_file("garbage.o", "this is not an object at all, but some text");
  write_file("elf.o", "\177ELF and then nothing of sense");
  write_file("half.o", object.substr(0, object.size() / 2));
  write_file("empty", "");
  write_file("return7.s", "r0 = 7\nexit\n");
  write_file("sum.s",
             "r0 = 0\nif r2 < 2 goto out\nr0 = *(u8 *)(r1 + 0)\nr3 = *(u8 *)(r1 + 1)\nr0 += r3\n"
             "*(u8 *)(r1 + 0) = 255\nout: exit\n");
  write_file("words.s", "r0 = *(u64 *)(r1 + 8)\nr2 = *(u64 *)(r1 + 16)\nr0 += r2\nexit\n");
  write_file(
      "follows.s",
      "r1 = *(u64 *)(r1 + 0)\nr0 = *(u16 *)(r1 + 0)\nr2 = *(u8 *)(r1 + 9)\nr0 += r2\nexit\n");
  write_file("beyond.s", "r0 = *(u8 *)(r1 + 100)\nexit\n");
  write_file("forever.s", "again: goto again\n");
  write_file("syntax.s", "r0 = 1\nr0 ?= 2\nexit\n");
  write_file("falls_off.s", "r0 = 1\n");
  write_file("with_map.s",
             "; run: type=xdp\n; map h: array key=4 value=8 entries=2\n*(u32 *)(r10 - 4) = 1\nr2 = "
             "r10\nr2 += -4\n"
             "r1 = map[h]\ncall map_lookup_elem\nif r0 == 0 goto out\n*(u64 *)(r0 + 0) = 5\nout: "
             "r0 = 2\nexit\n");
  write_file("no_map.s", "r1 = map[h]\nr0 = 0\nexit\n");
  write_file("micro.pcap", capture(0xa1b2c3d4, 1, "abcd"));
  write_file("nano.pcap", capture(0xa1b23c4d, 1, "abcd"));
  write_file("raw.pcap", capture(0xa1b2c3d4, 101,
                                 "\x45"
                                 "bcd"));
  write_file("wifi.pcap", capture(0xa1b2c3d4, 105, "abcd"));
  write_file("cut.pcap", capture(0xa1b2c3d4, 1, "abcd").substr(0, 50));
  write_file("blocked.json", R"([{"key": 25185, "value": {"rate": 3, "color": "GREEN"}}])");
  write_file(
      "nets.json",
      R"({"nets": [{"key": "10.0.0.0/8", "value": 7}], "jumps": [{"key": "00000000", "value": "bounce"}]})");
  write_file("syntax.json", "[{\"key\": 1,, }]");
  write_file("wrong.json", R"([{"key": 1, "value": {"rate": "much"}}])");
  write_file(
      "full.json",
      R"([{"key":1,"value":{}},{"key":2,"value":{}},{"key":3,"value":{}},{"key":4,"value":{}},{"key":5,"value":{}}])");
  write_file("object.json", "{}");
  std::system(("mkdir -p '" + work_folder() + "/folder' '" + work_folder() + "/suite'").c_str());
  write_file("suite/good.data", "-- asm\nmov %r0, 5\nexit\n-- result\n0x5\n");
  write_file("suite/wrong.data", "-- asm\nldxb %r0, [%r1]\nexit\n-- mem\n07\n-- result\n0x8\n");
}

struct Case {
  const char* name;
  const char* command;
  int code = 0;
  const char* out = "";  // must be in stdout; "=..." must be all of it
  const char* err = "";  // must be in stderr; "" means that stderr must be empty
};

class CommandLine : public testing::TestWithParam<Case> {
 public:
  static void SetUpTestSuite() { write_inputs(); }
};

void expect_text(const std::string& actual, std::string_view expected) {
  if (expected.starts_with('=')) {
    EXPECT_EQ(actual, expected.substr(1));
  } else {
    EXPECT_NE(actual.find(expected), std::string::npos) << actual;
  }
}

TEST_P(CommandLine, Answers) {
  const Case& test = GetParam();
  const Ran ran = run_shell(test.command);
  EXPECT_EQ(ran.code, test.code) << ran.out << ran.err;
  expect_text(ran.out, test.out);
  if (*test.err == 0) {
    EXPECT_EQ(ran.err, "");
  } else {
    expect_text(ran.err, test.err);
    EXPECT_TRUE(ran.err.starts_with("skep: ")) << ran.err;
  }
  const std::string_view command = test.command;
  if (!command.ends_with(" -j")) return;
  // Nothing but one document on stdout, whatever happened.
  EXPECT_FALSE(Json::parse(ran.out, nullptr, false).is_discarded()) << ran.out;
}

const Case kGeneral[] = {
    {"version", "skep --version", 0, "skep 0."},
    {"help", "skep --help", 0, "Exit codes:"},
    {"help_of_a_verb", "skep run --help", 0, "Examples:"},
    {"no_verb", "skep", 2, "=", "no verb given"},
    {"unknown_verb", "skep fly", 2, "=", "[usage]"},
    {"unknown_option", "skep run --fast x.o", 2, "=", "--fast"},
    {"missing_operand", "skep run", 2, "=", "program is required (see `skep run --help`) [usage]"},
    {"bad_number", "skep run --repeat many return7.s", 2, "=", "--repeat"},
    {"zero_repeat", "skep run --repeat 0 return7.s", 2, "=", "--repeat"},
    {"usage_error_in_json", "skep run --fast x.o -j", 2, "\"code\":\"usage\"", "--fast"},
    {"stdout_full", "skep explain > /dev/full", 3, "=", "[file_unwritable]"},
    {"explain", "skep explain bad_access", 0, "exit code 1"},
    {"explain_brackets", "skep explain '[bad_access]'", 0, "bad_access"},
    {"explain_nearly", "skep explain bad_acess", 2, "=",
     "did you mean 'bad_access'? [unknown_code]"},
    {"explain_all_in_json", "skep explain -j", 0, "\"code\":\"no_memory\""},
    {"completion", "skep completion bash", 0, "complete -o filenames -F _skep skep"},
    {"completion_of_a_strange_shell", "skep completion csh", 2, "=", "csh"},
};

const Case kPrograms[] = {
    {"asm", "skep asm return7.s", 0, "=b7 00 00 00 07 00 00 00\n95 00 00 00 00 00 00 00\n"},
    {"asm_from_stdin", "printf 'r0 = 7\\nexit\\n' | skep asm -", 0,
     "=b7 00 00 00 07 00 00 00\n95 00 00 00 00 00 00 00\n"},
    {"asm_to_bytes", "skep asm return7.s -f bin -o return7.bin && wc -c < return7.bin", 0, "16"},
    {"asm_to_c", "skep asm return7.s -f c", 0, "0xb7"},
    {"asm_in_json", "skep asm return7.s -j", 0, "\"slots\":2"},
    {"asm_syntax", "skep asm syntax.s", 3, "=", "syntax.s:2"},
    {"asm_refuses", "skep asm falls_off.s", 1, "=", "[falls_off_end]"},
    {"asm_unchecked", "skep asm --no-check falls_off.s", 0, "b7"},
    {"asm_missing_file", "skep asm missing.s", 3, "=",
     "missing.s: No such file or directory [file_unreadable]"},
    {"dis_hex", "echo 'b7000000 07000000 9500000000000000' | skep dis -", 0, "r0 = 7"},
    {"dis_bytes", "skep asm return7.s -f bin | skep dis - --prefix none", 0, "r0 = 7"},
    {"dis_no_code", "printf 'ff00000000000000' | skep dis -", 0, ".quad"},
    {"dis_object", "skep dis counter.o --prog count", 0, "call bpf_map_lookup_elem#1"},
    {"dis_source", "skep dis counter.o --prog mark", 0, "bpf_printk"},
    {"dis_bare", "skep dis counter.o --prog bounce --bare", 0, "r0 = 3"},
    {"dis_unknown_program", "skep dis counter.o --prog nobody", 2, "=", "nobody"},
    {"dis_object_in_json", "skep dis counter.o -j", 0, "\"name\":\"bounce\""},
    {"info", "skep info counter.o", 0, "percpu_array"},
    {"info_licence", "skep info counter.o", 0, "license 'GPL'"},
    {"info_from_stdin", "skep info - < counter.o", 0, "count"},
    {"info_in_json", "skep info counter.o -j", 0, "\"value_type\":\"struct limits\""},
    {"info_pretty", "skep info counter.o -p", 0, "\n  \"license\": \"GPL\""},
    {"missing_object", "skep info missing.o", 3, "=",
     "missing.o: No such file or directory [file_unreadable]"},
    {"folder", "skep info folder", 3, "=", "folder: Is a directory [file_unreadable]"},
    {"empty_object", "skep info empty", 3, "=", "empty"},
    {"garbage", "skep info garbage.o", 3, "=", "[not_an_object]"},
    {"garbage_in_json", "skep info garbage.o -j", 3, "\"kind\":\"unreadable\"", "[not_an_object]"},
    {"elf_garbage", "skep run elf.o", 3, "=", "elf.o: "},
    {"other_byte_order", "skep run eb.o --prog bounce", 4, "=", "[foreign_byte_order]"},
    {"other_byte_order_info", "skep info eb.o", 0, "big-endian"},
    {"other_byte_order_dis", "skep dis eb.o --prog bounce --bare", 0, "r0 = 3"},
    {"half_an_object", "skep run half.o", 3, "=", "half.o: "},
    {"missing_btf", "skep info counter.o --btf missing.btf", 3, "=", "missing.btf"},
    {"garbage_as_btf", "skep info counter.o --btf garbage.o", 3, "=", "garbage.o"},
    {"strange_kernel", "skep info counter.o --kernel six", 2, "=", "--kernel 'six'"},
    {"link_to_text", "skep run return7.s --link counter.o", 2, "=", "--link"},
    {"stdin_twice", "skep run - --data - < counter.o", 2, "=", "stdin"},
};

const Case kRuns[] = {
    {"text", "skep run return7.s", 0, "r0 = 7\n2 insns"},
    {"text_from_stdin", "skep run --asm - < return7.s", 0, "r0 = 7"},
    {"hex_from_stdin", "skep asm return7.s | skep run -", 0, "r0 = 7"},
    {"bytes", "skep asm return7.s -f bin | skep run -", 0, "r0 = 7"},
    {"memory", "skep run sum.s --data '03 04'", 0, "r0 = 7\n"},
    {"memory_changed", "skep run sum.s --data 0x0304", 0,
     "memory changed, 2 bytes now:\n  0000: ff 04"},
    {"memory_out",
     "skep run sum.s --data 0304 --data-out - > /dev/null; skep run sum.s --data 0304 --data-out "
     "m; od -An -tx1 m",
     0, "ff 04"},
    {"data_from_stdin", "printf '\\001\\002' | skep run sum.s --data -", 0, "r0 = 3"},
    {"data_no_file", "skep run sum.s --data ./none.bin", 3, "=", "./none.bin"},
    {"data_no_hex", "skep run sum.s --data xyz", 2, "=", "no such file, nor hex"},
    {"fault", "skep run beyond.s --data 01", 1, "insns", "[bad_access]"},
    {"fault_in_json", "skep run beyond.s --data 01 -j", 1, "\"code\":\"bad_access\"",
     "[bad_access]"},
    {"budget", "skep run forever.s --budget 1000", 1, "insns", "the budget of 1000 insns is spent"},
    {"rejected", "skep run falls_off.s", 1, "=", "[falls_off_end]"},
    {"trace", "skep run return7.s --trace", 0,
     "   0: r0 = 7                                   ; r0=0x7\n   1: exit"},
    {"trace_in_json", "skep run return7.s --trace -j", 0, "\"changed\":{\"r0\":7}"},
    {"text_with_map", "skep run with_map.s --dump-maps", 0,
     "h (array), 2 entries\n  1: 0500000000000000\n  and 1 of zeros"},
    {"text_without_map", "skep run no_map.s", 1, "=", "not defined"},
    {"several_programs", "skep run counter.o", 2, "=", "[several_programs]"},
    {"unknown_program", "skep run counter.o --prog nobody", 2, "=", "nobody"},
    {"unknown_type", "skep run return7.s --type nothing", 2, "=", "no such program type"},
    {"type_not_emulated", "skep run counter.o --prog traced --type sock_ops", 4, "=",
     "[type_not_emulated]"},
    {"xdp", "skep run counter.o --prog count --data 01020304", 0, "r0 = 2  XDP_PASS"},
    {"xdp_packet", "skep run counter.o --prog count --data 01020304", 0,
     "packet changed, 4 bytes now:\n  0000: 01 02 03 ff"},
    {"xdp_no_data", "skep run counter.o --prog bounce", 0, "XDP_TX"},
    {"xdp_trusted", "skep run counter.o --prog count --data 01020304 --mode trusted", 0,
     "XDP_PASS"},
    {"tc_context", "skep run counter.o --prog mark --ctx mark=7", 0,
     "printk: mark 7\nr0 = 2  TC_ACT_SHOT"},
    {"tc_context_after", "skep run counter.o --prog mark --ctx mark=7", 0, "context: mark = 8"},
    {"context_unknown", "skep run counter.o --prog mark --ctx colour=7", 2, "=", "--ctx colour=7"},
    {"context_no_number", "skep run counter.o --prog mark --ctx mark=red", 2, "=",
     "'red' is neither a number nor"},
    {"context_form", "skep run counter.o --prog mark --ctx mark", 2, "=", "NAME=VALUE"},
    {"kprobe_data", "skep run counter.o --prog probe --data 00", 2, "=", "[no_packet]"},
    {"kprobe_argument_beyond", "skep run counter.o --prog probe --machine x86-64 --ctx arg7=1", 2,
     "=", "arg7"},
    {"traced_words", "skep run words.s --type tracing --ctx arg2=7 --ctx ret=5", 0, "r0 = 12"},
    {"traced_raw", "skep run words.s --type raw_tracepoint --ctx arg3=5 --ctx arg2=7", 0,
     "r0 = 12"},
    {"traced_memory", "skep run follows.s --type tracing --ctx arg1=@kernel:hex:0102", 0,
     "r0 = 513"},
    {"traced_argument_beyond", "skep run words.s --type tracing --ctx arg13=1", 2, "=", "arg13"},
    {"sampled", "skep run words.s --type perf_event --machine x86-64 --ctx r14=3 --ctx r13=4", 0,
     "r0 = 7"},
    {"socket_filter", "skep run counter.o --prog head --data 0102", 0, "keep 8 bytes"},
    {"repeat", "skep run counter.o --prog bounce --repeat 10", 0, "20 insns in 10 runs"},
    {"deterministic",
     "skep run counter.o --prog count --seed 3 -j > a; skep run counter.o --prog count --seed 3 -j "
     "> b; "
     "sed -i 's/\"nanoseconds\":[0-9]*//' a b; cmp a b",
     0, "="},
    {"task", "skep run return7.s --task pid=7 --task comm=bash", 0, "r0 = 7"},
    {"task_unknown", "skep run return7.s --task name=bash", 2, "=", "--task name=bash"},
    {"cpu_beyond_cpus", "skep run return7.s --cpu 4 --cpus 2", 2, "=", "--cpus of 5"},
};

const Case kMaps[] = {
    {"fill", "skep run counter.o --prog count --data 61620000 --map blocked=blocked.json", 0,
     "XDP_DROP"},
    {"fill_from_stdin",
     "skep run counter.o --prog count --data 61620000 --map blocked=- < blocked.json", 0,
     "XDP_DROP"},
    {"fill_several", "skep run counter.o --prog count --data 01020304 --maps nets.json", 0,
     "XDP_TX"},
    {"dump_typed",
     "skep run counter.o --prog count --data 61620000 --map blocked=blocked.json --dump-map "
     "blocked",
     0, "blocked (hash), 1 entries\n  25185: {rate: 3, color: GREEN}"},
    {"dump_global",
     "skep run counter.o --prog count --data 61620000 --map blocked=blocked.json --dump-maps", 0,
     "{last_limits: {rate: 3, color: GREEN}"},
    {"dump_prefix", "skep run counter.o --prog count --maps nets.json --dump-map nets", 0,
     "10.0.0.0/8: 07000000"},
    {"dump_per_cpu",
     "skep run counter.o --prog count --data 01020304 --cpus 3 --cpu 1 --dump-map totals", 0,
     "  0: cpu 1 {packets: 1, bytes: 4}"},
    {"dump_in_json", "skep run counter.o --prog count --data 01020304 --cpu 1 --dump-map totals -j",
     0,
     R"({"key":0,"values":[{"cpu":0,"value":{"packets":0,"bytes":0}},{"cpu":1,"value":{"packets":1,"bytes":4}}]})"},
    {"dump_and_fill_again",
     "skep run counter.o --prog count --data 61620000 --map blocked=blocked.json --dump-map "
     "blocked -j | "
     "sed 's/.*\"maps\"://;s/}$//' > again.json; skep run counter.o --prog count --data 61620000 "
     "--maps again.json",
     0, "XDP_DROP"},
    {"records",
     "skep run counter.o --prog count --data 01020304 --dump-map events --records events=event", 0,
     "events (ringbuf), 1 records\n  {length: 4, first: [1, 2, 3, 4]}"},
    {"records_untyped", "skep run counter.o --prog count --data 01020304 --dump-map events", 0,
     "  0400000001020304\n"},
    {"records_strange_type", "skep run counter.o --prog count --records events=nothing", 2, "=",
     "no type 'nothing'"},
    {"set_global", "skep run counter.o --prog count --set verdict=1", 0, "XDP_DROP"},
    {"set_member", "skep run counter.o --prog count --set last_limits.color=RED --dump-map .bss", 0,
     "color: RED"},
    {"set_unknown", "skep run counter.o --prog count --set nothing=1", 2, "=",
     "no global variable 'nothing'"},
    {"set_wrong", "skep run counter.o --prog count --set verdict=red", 2, "=", "verdict"},
    {"unknown_map", "skep run counter.o --prog count --map nothing=blocked.json", 2, "=",
     "no such map; there are: totals, blocked"},
    {"unknown_dump", "skep run counter.o --prog count --dump-map nothing", 2, "=", "no such map"},
    {"not_json", "skep run counter.o --prog count --map blocked=syntax.json", 3, "=", "[bad_json]"},
    {"wrong_type", "skep run counter.o --prog count --map blocked=wrong.json", 3, "=",
     "wrong.json: map 'blocked', entry 1, value: "},
    {"not_a_list", "skep run counter.o --prog count --map blocked=object.json", 3, "=",
     "not a list of entries [bad_map_data]"},
    {"full", "skep run counter.o --prog count --map blocked=full.json", 1, "=",
     "map 'blocked': key 5: E2BIG"},
    {"missing_map_file", "skep run counter.o --prog count --map blocked=missing.json", 3, "=",
     "missing.json"},
};

const Case kCaptures[] = {
    {"microseconds", "skep run counter.o --prog count --pcap micro.pcap", 0,
     "truncated        2         2"},
    {"nanoseconds", "skep run counter.o --prog count --pcap nano.pcap", 0,
     "total            2         2"},
    {"from_stdin", "skep run counter.o --prog count --pcap - < micro.pcap", 0, "2 packets of -"},
    {"each", "skep run counter.o --prog count --pcap micro.pcap --packets", 0,
     "     2  truncated              4 bytes  XDP_PASS"},
    {"in_json", "skep run counter.o --prog count --pcap micro.pcap --packets -j", 0,
     R"("verdicts":{"XDP_PASS":2})"},
    {"survivors",
     "skep run counter.o --prog count --pcap nano.pcap --pcap-out out.pcap > /dev/null; skep run "
     "counter.o --prog count --pcap out.pcap "
     "--dump-map events --records events=event",
     0, "{length: 4, first: [97, 98, 99, 255]}"},
    {"survivors_cut",
     "skep run counter.o --prog head --pcap raw.pcap --pcap-out out.pcap > /dev/null; skep run "
     "counter.o --prog count --pcap out.pcap --packets",
     0, " 8 bytes"},
    {"none_survives",
     "skep run counter.o --prog count --set verdict=1 --pcap micro.pcap --pcap-out out.pcap > "
     "/dev/null; wc -c < out.pcap",
     0, "24"},
    {"raw_ip", "skep run counter.o --prog count --pcap raw.pcap --packets", 0, " 18 bytes"},
    {"raw_ip_as_it_is", "skep run counter.o --prog count --pcap raw.pcap --packets --no-ethernet",
     0, " 4 bytes"},
    {"measured", "skep run counter.o --prog count --pcap micro.pcap --repeat 5", 0,
     "10 packets in "},
    {"counts_one_pass",
     "skep run counter.o --prog count --pcap micro.pcap --repeat 5 --dump-map totals", 0,
     "{packets: 2, bytes: 8}"},
    {"turns_of_cpus",
     "skep run counter.o --prog count --pcap micro.pcap --cpus 2 --dump-map totals", 0,
     "cpu 0 {packets: 1, bytes: 4}   cpu 1 {packets: 1, bytes: 4}"},
    {"faults", "skep run beyond.s --type xdp --pcap micro.pcap", 1, "fault", "packet 1: "},
    {"other_link", "skep run counter.o --prog count --pcap wifi.pcap", 4, "=",
     "[capture_link_type]"},
    {"cut", "skep run counter.o --prog count --pcap cut.pcap", 3, "=", "[bad_capture]"},
    {"not_a_capture", "skep run counter.o --prog count --pcap garbage.o", 3, "=", "[bad_capture]"},
    {"empty_file", "skep run counter.o --prog count --pcap empty", 3, "=", "[bad_capture]"},
    {"missing", "skep run counter.o --prog count --pcap missing.pcap", 3, "=", "[file_unreadable]"},
    {"no_packets", "skep run counter.o --prog probe --pcap micro.pcap", 2, "=", "[no_packet]"},
    {"with_data", "skep run counter.o --prog count --pcap micro.pcap --data 00", 2, "=", "--data"},
    {"out_alone", "skep run counter.o --prog count --pcap-out x.pcap", 2, "=", "--pcap"},
    {"out_to_nowhere",
     "skep run counter.o --prog count --pcap micro.pcap --pcap-out folder/none/x.pcap", 3, "=",
     "[file_unwritable]"},
};

const Case kConformance[] = {
    {"plugin",
     "echo 'b7  00  00  00  2a  00  00  00  95  00  00  00  00  00  00  00  ' | skep conformance "
     "--plugin",
     0, "=2a\n"},
    {"plugin_memory",
     "echo '71 10 01 00 00 00 00 00 95 00 00 00 00 00 00 00' | skep conformance --plugin 'aa  bb  "
     "'",
     0, "=bb\n"},
    {"plugin_program_option",
     "skep conformance --plugin --program 'b7000000010000009500000000000000'", 0, "=1\n"},
    {"plugin_fails", "echo 'b7 00 00 00 2a 00 00 00' | skep conformance --plugin", 1, "=",
     "[falls_off_end]"},
    {"plugin_no_hex", "echo 'zz' | skep conformance --plugin", 3, "=", "[bad_hex]"},
    {"folder", "skep conformance suite", 1,
     "=FAILED  wrong.data: r0 = 0x7, but 0x8 is expected\n1 passed of 2, 1 failed, 0 skipped\n"},
    {"folder_in_json", "skep conformance suite -j", 1, "\"passed\":1,\"failed\":1"},
    {"empty_folder", "skep conformance folder", 3, "=", "no folder with .data files"},
    {"nothing", "skep conformance", 2, "=", "[usage]"},
};

const auto kNames = [](const auto& test) { return std::string(test.param.name); };
INSTANTIATE_TEST_SUITE_P(General, CommandLine, testing::ValuesIn(kGeneral), kNames);
INSTANTIATE_TEST_SUITE_P(Programs, CommandLine, testing::ValuesIn(kPrograms), kNames);
INSTANTIATE_TEST_SUITE_P(Runs, CommandLine, testing::ValuesIn(kRuns), kNames);
INSTANTIATE_TEST_SUITE_P(Maps, CommandLine, testing::ValuesIn(kMaps), kNames);
INSTANTIATE_TEST_SUITE_P(Captures, CommandLine, testing::ValuesIn(kCaptures), kNames);
INSTANTIATE_TEST_SUITE_P(Conformance, CommandLine, testing::ValuesIn(kConformance), kNames);

// ---- what a table can't say ---------------------------------------------------------------------

TEST(CommandLineColors, FollowTheEnvironment) {
  write_inputs();
  const auto colored = [](const char* command) {
    return run_shell(command).out.find('\033') != std::string::npos;
  };
  EXPECT_FALSE(colored("skep explain no_memory"));  // no terminal
  EXPECT_TRUE(colored("CLICOLOR_FORCE=1 skep explain no_memory"));
  EXPECT_FALSE(colored("NO_COLOR=1 CLICOLOR_FORCE=1 skep explain no_memory"));
  EXPECT_TRUE(colored("NO_COLOR= CLICOLOR_FORCE=1 skep explain no_memory"));
  EXPECT_TRUE(colored("NO_COLOR=1 skep explain no_memory --color always"));
  EXPECT_FALSE(colored("CLICOLOR_FORCE=1 skep explain no_memory --color never"));
  EXPECT_FALSE(colored("CLICOLOR_FORCE=1 skep explain no_memory -j"));
}

TEST(CommandLineCompletion, KnowsEveryVerbAndOption) {
  const std::string script = run_shell("skep completion bash").out;
  const std::string help = run_shell("skep --help").out;
  for (const char* verb : {"run", "info", "dis", "asm", "conformance", "explain", "completion"}) {
    EXPECT_NE(help.find(std::string("\n  ") + verb), std::string::npos) << verb;
    const Ran ran =
        run_shell(std::string("skep ") + verb +
                  " --help | grep -oE '^ +(-[a-z],)?--[a-z-]+' | grep -o -e '--.*' | sort -u");
    EXPECT_NE(ran.out.find("--json\n"), std::string::npos) << verb;
    for (std::size_t at = 0, end; (end = ran.out.find('\n', at)) != std::string::npos;
         at = end + 1) {
      const std::string option = ran.out.substr(at, end - at);
      EXPECT_NE(script.find(option), std::string::npos) << verb << " " << option;
    }
  }
  EXPECT_EQ(run_shell("source <(skep completion bash); COMP_WORDS=(skep ex); COMP_CWORD=1; _skep; "
                      "echo \"${COMPREPLY[@]}\"")
                .out,
            "explain\n");
  EXPECT_EQ(run_shell("source <(skep completion bash); COMP_WORDS=(skep run --pcap-); "
                      "COMP_CWORD=2; _skep; echo \"${COMPREPLY[@]}\"")
                .out,
            "--pcap-out\n");
  EXPECT_EQ(run_shell("source <(skep completion bash); COMP_WORDS=(skep explain misaligned_); "
                      "COMP_CWORD=2; _skep; echo \"${COMPREPLY[@]}\"")
                .out,
            "misaligned_atomic\n");
}

TEST(CommandLineExplain, KnowsEveryRow) {
  const std::string all = run_shell("skep explain -j").out;
  const Json rows = Json::parse(all);
  EXPECT_EQ(rows.size(), std::size(kDiagnostics));
}

// Whatever is cut off or changed in an object, the answer is one of the documented exit codes.
TEST(CommandLineHostile, ObjectsNeverCrash) {
  write_inputs();
  const std::string object = read_file(kObject);
  for (std::size_t i = 0; i < 40; ++i) {
    std::string changed = object;
    if (i % 2 == 0) {
      changed.resize(object.size() * i / 40);
    } else {
      for (std::size_t at = i * 7; at < changed.size(); at += 131 + i * 17)
        changed[at] = static_cast<char>(changed[at] ^ (1 << (i % 8)));
    }
    write_file("hostile.o", changed);
    for (const char* verb : {"info", "dis", "run --prog count"}) {
      const Ran ran =
          run_shell(std::string("skep ") + verb +
                    " hostile.o -j --budget 1000 2>/dev/null || skep " + verb + " hostile.o");
      EXPECT_LE(ran.code, 4) << i << " " << verb << " " << ran.err;
    }
  }
}

// A section's name in text says all that it says in an object.
TEST(Cli, TextNamesASection) {
  write_file("section.s", "; run: section=fentry.s/do_unlinkat\nr0 = 0\nexit\n");
  const Ran ran = run_shell("skep info section.s -j");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json program = Json::parse(ran.out)["programs"][0];
  EXPECT_EQ(program["type"], "tracing");
  EXPECT_EQ(program["attach_type"], "trace_fentry");
  EXPECT_EQ(program["attach_to"], "do_unlinkat");
  EXPECT_EQ(program["sleepable"], true);
  write_file("section.s", "; run: section=nothing/do_unlinkat\nr0 = 0\nexit\n");
  const Ran wrong = run_shell("skep info section.s");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("section.s:1: no section name 'nothing/do_unlinkat'"), std::string::npos)
      << wrong.err;
}

}  // namespace
}  // namespace skep
