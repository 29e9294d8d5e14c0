// Names that the kernel and its configuration provide. For tests/loader/kconfig_test.cpp.
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF __kconfig;
extern bool CONFIG_ABSENT __kconfig __weak;
extern enum libbpf_tristate CONFIG_MODULE __kconfig;
extern char CONFIG_LETTER __kconfig;
extern unsigned long CONFIG_HZ __kconfig;
extern signed char CONFIG_SMALL __kconfig __weak;
extern short CONFIG_SIGNED __kconfig __weak;
extern const char CONFIG_TEXT[8] __kconfig;

// A typed kernel variable and function, a typeless one, each strong and weak.
struct rq;
extern const struct rq runqueues __ksym;
extern const int absent_variable __ksym __weak;
extern const void jiffies_address __ksym;
void bpf_task_release(struct rq* p) __ksym;
void absent_function(void) __ksym __weak;

SEC("raw_tp/sys_enter")
int values(void* ctx) {
  __u64 sum = CONFIG_HZ + CONFIG_BPF + CONFIG_ABSENT + CONFIG_MODULE + CONFIG_LETTER +
              CONFIG_SMALL + CONFIG_SIGNED;
  if (LINUX_KERNEL_VERSION > 0x060000) sum += CONFIG_TEXT[1];
  return (int)sum;
}

SEC("raw_tp/sys_exit")
int symbols(void* ctx) {
  __u64 sum = (__u64)&runqueues + (__u64)&jiffies_address;
  if (&absent_variable) sum += absent_variable;
  if (absent_function) absent_function();
  bpf_task_release((void*)sum);
  return 0;
}

char _license[] SEC("license") = "GPL";
