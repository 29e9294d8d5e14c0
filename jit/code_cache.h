// CodeCache: memory for machine code. Never writable and executable at one address: each piece is
// mapped twice, once to be written, once to be run (W^X).
//
// Programs share chunks, and places in a chunk are given out in rising order only. A chunk is
// unmapped when the last code in it is gone. So no address is handed out again before its mapping
// was unmapped, which is when processors and emulators forget what they know of the code there
// (qemu-user 7.2 goes on running old code after a write through the other mapping).
// Tested by tests/jit/code_cache_test.cpp.
#pragma once

#include <span>

#include "isa/result.h"

namespace skep::jit {

class CodePool;

// A piece of code memory; gives it back when destroyed. Empty when made by default.
class Code {
 public:
  Code() = default;
  Code(Code&& other) noexcept { *this = std::move(other); }
  Code& operator=(Code&& other) noexcept;
  ~Code();

  // Where the code runs. 0 while empty.
  u64 address() const { return run_; }
  u32 size() const { return size_; }
  // Writes all of it, through the other mapping, and makes it visible to instruction fetches.
  // `bytes` must have size() bytes, and nobody runs the code yet.
  void write(std::span<const u8> bytes);

 private:
  friend class CodeCache;
  friend class CodePool;
  CodePool* pool_ = nullptr;
  void* chunk_ = nullptr;
  u64 run_ = 0;
  u8* writable_ = nullptr;
  u32 size_ = 0;
};

// Safe for many threads at once. Code may outlive its cache.
class CodeCache {
 public:
  CodeCache();
  CodeCache(CodeCache&&) = delete;
  ~CodeCache();

  // `size` bytes, aligned to 64. Fails with no_memory, or with no_executable_memory where the host
  // forbids such memory.
  Result<Code> reserve(u32 size);
  // Bytes that are mapped for this cache's code, once.
  u64 mapped() const;

 private:
  CodePool* pool_;  // null: there was no memory for it
};

}  // namespace skep::jit
