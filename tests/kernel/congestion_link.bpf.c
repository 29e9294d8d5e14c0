// The operations of congestion.bpf.c with a link of their own, as kernels have them from 6.4 on.
#define OPERATIONS ".struct_ops.link"
#include "congestion.bpf.c"
