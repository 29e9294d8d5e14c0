// Less permission for a while: capabilities of the calling thread taken out of effect.
#pragma once

namespace skep::test {

class WithoutCapabilities {
 public:
  // `capabilities`: a bit each, as in kernel/permission.h. Does nothing for none.
  explicit WithoutCapabilities(unsigned long long capabilities);
  ~WithoutCapabilities();
  WithoutCapabilities(const WithoutCapabilities&) = delete;
  WithoutCapabilities& operator=(const WithoutCapabilities&) = delete;

 private:
  unsigned before_[2] = {};
  bool changed_ = false;
};

// The kernel's verifier without its leniency to those who may see addresses (CAP_PERFMON). It then
// refuses to let addresses out, and reads of stack that the program did not write.
class WithoutPermissionToLeak : public WithoutCapabilities {
 public:
  // Does nothing where `wanted` is false.
  explicit WithoutPermissionToLeak(bool wanted);
};

}  // namespace skep::test
