// What a program asks about the function that it traces. Semantics: Linux 6.12
// kernel/trace/bpf_trace.c. Tested by tests/helpers/tracing_test.cpp.

#include "helpers/bodies/bodies.h"
#include "helpers/spec/image.h"

namespace skep::body {
namespace {

i64 give_word(const Frame& frame, u64 index, Out<u64> value) {
  if (index >= frame.size / sizeof(u64)) return kEINVAL;
  value.set(load_bytes(frame.memory + index * sizeof(u64), sizeof(u64)));
  return 0;
}

// Programs that run when the function has a result.
bool sees_result(const Run& run) {
  if (run.image == nullptr) return false;
  const auto attach = static_cast<AttachType>(run.image->attach_type);
  return attach == AttachType::trace_fexit || attach == AttachType::modify_return;
}

}  // namespace

i64 get_func_arg(Run&, Frame* frame, u32 index, Out<u64> value) {
  return index < frame->arguments ? give_word(*frame, index, value) : kEINVAL;
}

i64 get_func_ret(Run& run, Frame* frame, Out<u64> value) {
  return sees_result(run) ? give_word(*frame, frame->arguments, value) : kEOPNOTSUPP;
}

u64 get_func_arg_cnt(Run&, Frame* frame) {
  return frame->arguments;
}

u64 get_func_ip(Run&, Frame* frame) {
  return frame->function;
}
u64 get_attach_cookie(Run&, Frame* frame) {
  return frame->cookie;
}

i64 override_return(Run& run, Frame* frame, u64 value) {
  frame->regs.set_result(value);
  run.env->effect(run.env->user, {Effect::Kind::OverrideReturn, value});
  return 0;
}

}  // namespace skep::body
