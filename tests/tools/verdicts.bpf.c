// For tests/tools/verify_test.cpp: a program that the verifier must reject, at a line that can be
// named, and two that it accepts, one of which the object does not want loaded.
#define SEC(name) __attribute__((section(name), used))

struct {
  int (*type)[2];
  int (*max_entries)[4];
  unsigned (*key)[1];
  unsigned long long* value;
} counts SEC(".maps");

static unsigned long long* (*const lookup)(void* map, const void* key) = (void*)1;

SEC("xdp") int unchecked(void* context) {
  unsigned key = 9;
  (void)context;
  return (int)*lookup(&counts, &key);
}

SEC("xdp") int checked(void* context) {
  unsigned key = 1;
  (void)context;
  const unsigned long long* count = lookup(&counts, &key);
  return count != (void*)0 ? (int)*count : 0;
}

SEC("?tc") int unwanted(void* context) {
  (void)context;
  return 0;
}

char license_text[] SEC("license") = "GPL";
