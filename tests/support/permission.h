// Less permission for a while: the kernel's verifier without its leniency to those who may see
// addresses (CAP_PERFMON). It then refuses to let addresses out, and reads of stack that the
// program did not write.
#pragma once

namespace skep::test {

class WithoutPermissionToLeak {
 public:
  // Does nothing where `wanted` is false.
  explicit WithoutPermissionToLeak(bool wanted);
  ~WithoutPermissionToLeak();
  WithoutPermissionToLeak(const WithoutPermissionToLeak&) = delete;
  WithoutPermissionToLeak& operator=(const WithoutPermissionToLeak&) = delete;

 private:
  unsigned before_[2] = {};
  bool changed_ = false;
};

}  // namespace skep::test
