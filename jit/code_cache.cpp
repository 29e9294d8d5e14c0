// Code memory from asmjit's dual mappings. Tested by tests/jit/code_cache_test.cpp.

#include "jit/code_cache.h"

#include <asmjit/core.h>

#include <cstring>
#include <mutex>
#include <new>

#include "isa/diagnostic.h"

namespace skep::jit {
namespace {

using asmjit::VirtMem::DualMapping;

constexpr u32 kChunkSize = 64 << 10;
constexpr u32 kAlignment = 64;

struct Chunk {
  DualMapping mapping{};
  u32 size = 0;
  u32 used = 0;  // from the start; never goes back
  u32 users = 0;
};

constexpr u64 round_up(u64 value, u64 to) {
  return (value + to - 1) / to * to;
}

Result<Chunk*> map_chunk(u32 size) {
  Chunk* chunk = new (std::nothrow) Chunk;
  if (chunk == nullptr) return fail<skep::Code::no_memory>("code");
  chunk->size = size;
  const asmjit::Error error = asmjit::VirtMem::allocDualMapping(
      &chunk->mapping, size, asmjit::VirtMem::MemoryFlags::kAccessRWX);
  if (error == asmjit::kErrorOk) return chunk;
  delete chunk;
  if (error == asmjit::kErrorOutOfMemory) return fail<skep::Code::no_memory>("code");
  return fail<skep::Code::no_executable_memory>(asmjit::DebugUtils::errorAsString(error));
}

void unmap_chunk(Chunk* chunk) {
  asmjit::VirtMem::releaseDualMapping(&chunk->mapping, chunk->size);
  delete chunk;
}

}  // namespace

// What a cache and the code out of it share, until the last of them is gone.
class CodePool {
 public:
  Result<Code> reserve(u32 size) {
    const std::lock_guard lock(mutex_);
    const u64 needed = round_up(size, kAlignment);
    Chunk* chunk = current_;
    if (chunk == nullptr || chunk->size - chunk->used < needed) {
      const u64 bytes = round_up(needed, kChunkSize);
      chunk = SKEP_TRY(map_chunk(static_cast<u32>(bytes)));
      mapped_ += bytes;
      current_ = chunk;  // the one before is kept by its users
    }
    Code code;
    code.pool_ = this;
    code.chunk_ = chunk;
    code.run_ = reinterpret_cast<u64>(chunk->mapping.rx) + chunk->used;
    code.writable_ = static_cast<u8*>(chunk->mapping.rw) + chunk->used;
    code.size_ = size;
    chunk->used += static_cast<u32>(needed);
    ++chunk->users;
    ++users_;
    return code;
  }

  void release(Code& code) {
    {
      const std::lock_guard lock(mutex_);
      Chunk* chunk = static_cast<Chunk*>(code.chunk_);
      if (--chunk->users == 0) {
        if (current_ == chunk) current_ = nullptr;
        mapped_ -= chunk->size;
        unmap_chunk(chunk);
      }
    }
    drop();
  }

  // One user less; the last one takes the pool with it.
  void drop() {
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      last = --users_ == 0;
    }
    if (last) delete this;
  }

  u64 mapped() {
    const std::lock_guard lock(mutex_);
    return mapped_;
  }

 private:
  std::mutex mutex_;
  u64 users_ = 1;  // the cache, and each piece of code
  u64 mapped_ = 0;
  Chunk* current_ = nullptr;  // has users, or is null
};

Code& Code::operator=(Code&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(chunk_, other.chunk_);
  std::swap(run_, other.run_);
  std::swap(writable_, other.writable_);
  std::swap(size_, other.size_);
  return *this;
}

Code::~Code() {
  if (pool_ != nullptr) pool_->release(*this);
}

void Code::write(std::span<const u8> bytes) {
  std::memcpy(writable_, bytes.data(), size_);
  asmjit::VirtMem::flushInstructionCache(reinterpret_cast<void*>(run_), size_);
}

CodeCache::CodeCache() : pool_(new(std::nothrow) CodePool) {}

CodeCache::~CodeCache() {
  if (pool_ != nullptr) pool_->drop();
}

Result<Code> CodeCache::reserve(u32 size) {
  constexpr u32 kMaxCode = 1u << 30;
  if (pool_ == nullptr || size > kMaxCode) return fail<skep::Code::no_memory>("code");
  return pool_->reserve(size);
}

u64 CodeCache::mapped() const {
  return pool_ == nullptr ? 0 : pool_->mapped();
}

}  // namespace skep::jit
