// Scripts: what is done to a map and what it answers, as text, one operation a line. The same
// scripts run on skep's maps (map_script_test.cpp) and, where permitted, on the kernel's
// (map_kernel_test.cpp), so what skep answers is what Linux answers.
//
//   write KEY VALUE[,VALUE...] [FLAGS]   by the host: bpf(2); a value for each CPU in per-CPU maps
//   read KEY [FLAGS] | take KEY [FLAGS] | erase KEY | next KEY|null
//   update KEY VALUE [FLAGS]             by a program: helpers, on CPU 0
//   lookup KEY | remove KEY
//   push VALUE [FLAGS] | pop | peek      by a program, where there are no keys
//   keys                                 all keys, by next, sorted
//   order                                all keys, by next, in the order given
//   output SIZE [FLAGS]                  by a program: a record whose bytes are all SIZE's lowest
//   records SIZE[d],SIZE[d],... FLAGS    by one program: reserves up to three records, then submits
//                                        or, with d, discards them, the last first; 1 or 0 for each
//                                        that was reserved
//   query WHAT                           by a program
//   consume                              by the host: sizes of the records, first byte checked
//
// each followed by `-> ANSWER`: an error name, 0, a value, `null`, keys. KEY is a number, or for
// LPM tries PREFIXLEN/HEX. The values of maps of maps: 1 is a map of the inner maps' shape, 2
// another one, all else no map. A map without keys has the key `-`. `take` is to read and erase at
// once.
#pragma once

#include <algorithm>
#include <sstream>
#include <vector>

#include "tests/helpers/map_support.h"

namespace skep {

using ByteString = std::vector<u8>;

struct Reservation {
  u32 size;
  bool discard;
};

// A map that scripts run on. Functions give 0 or a negative error, lookup() null by `found`.
class ScriptedMap {
 public:
  virtual ~ScriptedMap() = default;
  virtual int write(const ByteString& key, const ByteString& value, u64 flags) = 0;
  virtual int read(const ByteString& key, ByteString& value, u64 flags) = 0;
  virtual int take(const ByteString& key, ByteString& value, u64 flags) = 0;
  virtual int erase(const ByteString& key) = 0;
  virtual int next(const ByteString* key, ByteString& next) = 0;
  virtual int update(const ByteString& key, const ByteString& value, u64 flags) = 0;
  virtual int lookup(const ByteString& key, bool& found, u32& value) = 0;
  virtual int remove(const ByteString& key) = 0;
  virtual int push(const ByteString& value, u64 flags) = 0;
  virtual int pop(u32& value) = 0;
  virtual int peek(u32& value) = 0;
  virtual int output(u32 size, u64 flags) = 0;
  virtual int records(const std::vector<Reservation>& records, u64 flags, u32& reserved) = 0;
  virtual u32 query(u64 what) = 0;
  virtual std::vector<ByteString> consume() = 0;
};

// Maps of maps of scripts: their inner maps, and the second map that does not fit.
inline MapSpec of_maps(MapSpec spec) {
  spec.inner = std::make_shared<MapSpec>(map_spec(MapType::array, 4, 8, 1));
  return spec;
}
inline MapSpec unfit_inner() {
  return map_spec(MapType::array, 4, 8, 2);
}

struct Script {
  const char* name;
  MapSpec spec;
  const char* text;
};

inline constexpr u32 kScriptCpus = 2;  // values of per-CPU maps in scripts

class ScriptRunner {
 public:
  ScriptRunner(const MapSpec& spec, ScriptedMap& map) : spec_(spec), map_(map) {
    per_cpu_ = spec.type == MapType::percpu_array || spec.type == MapType::percpu_hash ||
               spec.type == MapType::lru_percpu_hash;
  }

  void run(const char* text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      line.erase(0, line.find_first_not_of(' '));
      if (line.empty() || line[0] == '#') continue;
      const auto arrow = line.find(" -> ");
      ASSERT_NE(arrow, std::string::npos) << line;
      EXPECT_EQ(answer(line.substr(0, arrow)), line.substr(arrow + 4)) << line;
    }
  }

 private:
  std::string answer(const std::string& line) {
    std::istringstream words(line);
    std::string op, key, value, flags = "0";
    words >> op >> key >> value >> flags;
    const u64 flag_bits = std::stoull(flags, nullptr, 0);
    if (op == "output")
      return text(map_.output(parse_size(key), value.empty() ? 0 : parse_size(value)));
    if (op == "records") return records(key, value.empty() ? 0 : parse_size(value));
    if (op == "query") return std::to_string(map_.query(parse_size(key)));
    if (op == "consume") return consume();
    if (op == "write") return text(map_.write(parse_key(key), parse_values(value), flag_bits));
    if (op == "erase") return text(map_.erase(parse_key(key)));
    if (op == "update") return text(map_.update(parse_key(key), parse_value(value), flag_bits));
    if (op == "remove") return text(map_.remove(parse_key(key)));
    if (op == "read" || op == "take") {
      return read(parse_key(key), value.empty() ? 0 : std::stoull(value, nullptr, 0), op == "take");
    }
    if (op == "push")
      return text(map_.push(parse_value(key), value.empty() ? 0 : parse_size(value)));
    if (op == "pop" || op == "peek") {
      u32 number = 0;
      const int error = op == "pop" ? map_.pop(number) : map_.peek(number);
      return error != 0 ? text(error) : std::to_string(number);
    }
    if (op == "lookup") return lookup(parse_key(key));
    if (op == "next") return next(key);
    if (op == "keys" || op == "order") return keys(op == "keys");
    ADD_FAILURE() << "no such operation: " << line;
    return "";
  }

  static std::string text(int error) { return errno_name(error); }

  static u32 parse_size(const std::string& text) {
    return static_cast<u32>(std::stoull(text, nullptr, 0));
  }

  std::string records(const std::string& sizes, u64 flags) {
    std::vector<Reservation> wanted;
    std::istringstream list(sizes);
    for (std::string size; std::getline(list, size, ',');) {
      wanted.push_back({parse_size(size), size.back() == 'd'});
    }
    u32 reserved = 0;
    if (const int error = map_.records(wanted, flags, reserved); error != 0) return text(error);
    std::string bits;
    for (u64 i = 0; i < wanted.size(); ++i) bits += (reserved >> i & 1) != 0 ? '1' : '0';
    return bits;
  }

  std::string consume() {
    std::string sizes;
    for (const ByteString& record : map_.consume()) {
      sizes += (sizes.empty() ? "" : " ") + std::to_string(record.size());
      const u8 fill = static_cast<u8>(record.size());
      EXPECT_TRUE(record.empty() || (record.front() == fill && record.back() == fill)) << sizes;
    }
    return sizes.empty() ? "none" : sizes;
  }

  ByteString parse_key(const std::string& text) const {
    ByteString key(spec_.key_size);
    if (text == "-") return key;
    const auto slash = text.find('/');
    if (slash == std::string::npos) {
      put(key, 0, std::stoull(text, nullptr, 0), spec_.key_size);
      return key;
    }
    put(key, 0, std::stoull(text.substr(0, slash)), 4);
    for (u64 i = 0; i + slash + 1 < text.size(); i += 2) {
      key.at(4 + i / 2) = static_cast<u8>(std::stoul(text.substr(slash + 1 + i, 2), nullptr, 16));
    }
    return key;
  }

  std::string key_text(const ByteString& key) const {
    if (spec_.type != MapType::lpm_trie)
      return std::to_string(number_at(key.data(), spec_.key_size));
    std::string text = std::to_string(number_at(key.data(), 4)) + "/";
    for (u64 i = 4; i < key.size(); ++i) text += fmt::format("{:02x}", key[i]);
    return text;
  }

  static void put(ByteString& bytes, u64 at, u64 number, u64 size) {
    for (u64 i = 0; i < std::min<u64>(size, 8); ++i)
      bytes.at(at + i) = static_cast<u8>(number >> 8 * i);
  }

  ByteString parse_value(const std::string& text) const {
    ByteString value(spec_.value_size);
    put(value, 0, std::stoull(text, nullptr, 0), spec_.value_size);
    return value;
  }

  u64 stride() const { return value_stride(spec_); }

  // One number, or one for each CPU.
  ByteString parse_values(const std::string& text) const {
    if (!per_cpu_) return parse_value(text);
    ByteString values(stride() * kScriptCpus);
    std::istringstream numbers(text);
    u64 at = 0;
    for (std::string number; std::getline(numbers, number, ','); at += stride()) {
      put(values, at, std::stoull(number, nullptr, 0), stride());
    }
    return values;
  }

  std::string read(const ByteString& key, u64 flags, bool take) {
    ByteString value(per_cpu_ ? stride() * kScriptCpus : spec_.value_size);
    const int error = take ? map_.take(key, value, flags) : map_.read(key, value, flags);
    if (error != 0) return text(error);
    std::string numbers;
    const u64 step = per_cpu_ ? stride() : value.size();
    for (u64 at = 0; at < value.size(); at += step) {
      numbers +=
          (at != 0 ? "," : "") + std::to_string(number_at(&value[at], std::min<u64>(step, 8)));
    }
    return numbers;
  }

  std::string lookup(const ByteString& key) {
    bool found = false;
    u32 value = 0;
    if (const int error = map_.lookup(key, found, value); error != 0) return text(error);
    return found ? std::to_string(value) : "null";
  }

  std::string next(const std::string& key) {
    ByteString from, to(spec_.key_size);
    if (key != "null") from = parse_key(key);
    const int error = map_.next(key == "null" ? nullptr : &from, to);
    return error != 0 ? text(error) : key_text(to);
  }

  std::string keys(bool sorted) {
    std::vector<std::string> all;
    ByteString key(spec_.key_size), next(spec_.key_size);
    for (int error = map_.next(nullptr, next); error == 0 && all.size() < 1000;) {
      all.push_back(key_text(next));
      key = next;
      error = map_.next(&key, next);
    }
    if (sorted) std::ranges::sort(all);
    std::string joined;
    for (const std::string& one : all) joined += (joined.empty() ? "" : " ") + one;
    return joined.empty() ? "none" : joined;
  }

  const MapSpec& spec_;
  ScriptedMap& map_;
  bool per_cpu_;
};

}  // namespace skep
