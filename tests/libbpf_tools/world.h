// A small kernel for tracing programs: structures laid out by the BTF of Linux 6.1, filled in by
// path, and the memory of a process. Each object has its own place, with nothing behind it.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "helpers/bodies/env.h"
#include "isa/btf.h"

namespace skep::test {

class World {
 public:
  static constexpr u64 kZeros = 1 << 16;

  explicit World(std::shared_ptr<const Btf> types) : types_(std::move(types)) {
    names["zeros"] = put(std::vector<u8>(kZeros), false);
  }

  // A structure of the kernel, all zeros, known to events by `name`.
  u64 make(const std::string& name, std::string_view structure) {
    const u32 type = types_->find(BtfKind::Struct, structure);
    EXPECT_NE(type, 0u) << structure;
    const u64 address = put(std::vector<u8>(types_->size(type) + 8), false);
    type_at_[address] = type;
    names[name] = address;
    return address;
  }
  // Writes a member, named by its path: "nsproxy.pid_ns". Others than numbers and pointers by text.
  void set(const std::string& name, std::string_view path, u64 value) {
    const Place place = find(name, path);
    std::memcpy(place.bytes, &value, std::min<u64>(place.size, sizeof value));
  }
  void set_text(const std::string& name, std::string_view path, std::string_view text) {
    const Place place = find(name, path);
    std::memcpy(place.bytes, text.data(), std::min<u64>(place.size, text.size()));
  }
  // Makes one object's member point to another.
  void link(const std::string& name, std::string_view path, const std::string& to) {
    set(name, path, names.at(to));
  }

  u64 put(std::vector<u8> bytes, bool user) {
    u64& next = user ? next_user_ : next_kernel_;
    const u64 address = next;
    next += (bytes.size() | 0xfff) + 1 + 0x1000;
    bytes_.push_back(std::move(bytes));
    mappings_.push_back({address, bytes_.back().data(), bytes_.back().size(), user, user});
    return address;
  }
  u64 put_text(std::string_view text, bool user) {
    std::vector<u8> bytes(text.begin(), text.end());
    bytes.push_back(0);
    return put(std::move(bytes), user);
  }
  u64 put_words(const std::vector<u64>& words, bool user) {
    std::vector<u8> bytes(words.size() * sizeof(u64));
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return put(std::move(bytes), user);
  }

  std::span<const MappedMemory> memory() const { return mappings_; }
  std::span<u8> bytes_at(u64 address) {
    for (const MappedMemory& memory : mappings_) {
      if (memory.address == address) return {memory.bytes, memory.size};
    }
    return {};
  }

  std::map<std::string, u64> names;

 private:
  struct Place {
    u8* bytes;
    u64 size;
  };

  bool find_member(u32 type, std::string_view name, u32& member_type, u32& offset) const {
    for (u32 i = 0; i < types_->vlen(type); ++i) {
      const BtfMember member = types_->member(type, i);
      const u32 inner = types_->resolve(member.type);
      if (member.name == name) {
        member_type = inner;
        offset += member.bit_offset / 8;
        return true;
      }
      if (!member.name.empty() || !types_->is_composite(inner)) continue;
      u32 within = 0;
      if (!find_member(inner, name, member_type, within)) continue;
      offset += member.bit_offset / 8 + within;
      return true;
    }
    return false;
  }

  Place find(const std::string& name, std::string_view path) {
    const u64 address = names.at(name);
    u32 type = type_at_.at(address), offset = 0;
    while (!path.empty()) {
      const std::size_t dot = path.find('.');
      const std::string_view member = path.substr(0, dot);
      path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
      if (!find_member(type, member, type, offset)) {
        ADD_FAILURE() << "no member " << member << " of " << name;
        return {scratch_, 0};
      }
    }
    return {bytes_at(address).data() + offset, types_->size_of(type).value_or(0)};
  }

  std::shared_ptr<const Btf> types_;
  std::map<u64, u32> type_at_;
  std::deque<std::vector<u8>> bytes_;
  std::vector<MappedMemory> mappings_;
  u64 next_user_ = 0x7f00'0000'1000;
  u64 next_kernel_ = 0xffff'8880'0000'1000;
  u8 scratch_[8] = {};
};

}  // namespace skep::test
