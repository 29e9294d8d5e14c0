/* skep: an embeddable eBPF virtual machine; its C interface.
 *
 *   skep_vm *vm;            skep_vm_new(NULL, &vm);
 *   skep_object *object;    skep_object_open(vm, bytes, size, NULL, &object);
 *                           skep_object_load(object, NULL);
 *   skep_program *program = skep_object_find_program(object, "xdp_firewall");
 *   skep_frame *frame;      skep_frame_new(vm, "xdp", &frame);
 *                           skep_frame_set_packet(frame, packet, length);
 *   struct skep_result result = {.sz = sizeof result};
 *   int code = skep_program_run(program, frame, NULL, &result);
 *
 * Nouns are libbpf's: objects hold programs and maps; opening reads, loading brings to life. A
 * frame is what the host gives to one run, and an env the world that helpers ask about.
 *
 * Errors: a function that can fail returns SKEP_OK or a negative code, one of SKEP_E_* or, from
 * maps, a negative Linux error number, as bpf(2) gives it. The text is on the handle that failed:
 * skep_vm_message() and its like copy it. Nothing is printed, thrown, or kept in globals, and
 * nothing ends the process. A null handle is SKEP_E_USAGE, or does nothing where there is no
 * result.
 *
 * Options: each struct begins with its size, `sz`; set it, and zero the rest: zero is the default
 * of every member. Structs may grow; a member that this library does not know must be zero. NULL
 * options are all defaults.
 *
 * Memory: what is passed in is copied, unless it says "borrowed". Strings that are returned live as
 * long as their handle.
 *
 * Threads: each function says who may call it at once. "Any" is any threads at once; "one a frame":
 * any, but no two at once on one frame (or env).
 */
#ifndef SKEP_H
#define SKEP_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SKEP_API __attribute__((visibility("default")))
#else
#define SKEP_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SKEP_VERSION_MAJOR 0
#define SKEP_VERSION_MINOR 1
#define SKEP_VERSION_PATCH 0

typedef struct skep_vm skep_vm;
typedef struct skep_object skep_object;
typedef struct skep_program skep_program;
typedef struct skep_map skep_map;
typedef struct skep_env skep_env;
typedef struct skep_frame skep_frame;
typedef struct skep_call skep_call;

enum {
  SKEP_OK = 0,
  SKEP_E_REJECTED = -10001,    /* a program or map breaks a rule */
  SKEP_E_FAULT = -10002,       /* a run was ended */
  SKEP_E_USAGE = -10003,       /* the caller asked for something that makes no sense */
  SKEP_E_UNREADABLE = -10004,  /* the input can't be read */
  SKEP_E_UNSUPPORTED = -10005, /* well formed, but not something that skep does */
  SKEP_E_INTERNAL = -10006,    /* out of memory, or a bug of skep */
  SKEP_E_BUSY = -10007         /* all CPUs of the vm are taken by runs under way */
};

/* "0.1.0" of the library that is linked. Any. */
SKEP_API const char* skep_version(void);
/* "usage" of SKEP_E_USAGE; "" for a number that is no code of skep's. Any. */
SKEP_API const char* skep_code_name(int code);

/* ---- vm ---------------------------------------------------------------------------------- */

enum { SKEP_LOG_ERROR = 0, SKEP_LOG_WARNING = 1, SKEP_LOG_INFO = 2 };

struct skep_vm_options {
  size_t sz;
  uint32_t cpus;     /* values of per-CPU maps, and how many runs there can be at once;
                        0: as many as this machine has. At most 1024 */
  uint32_t max_maps; /* 0: 4096 */
  /* Memory of handles, of packets, and of what maps hold: elements, indexes, rings. Zeroed, aligned
     to 16 bytes; NULL if there is none, and what needed it fails with SKEP_E_INTERNAL, or an update
     of a map with -ENOMEM. Both or neither. All else is in containers of the C++ standard library,
     whose allocators may not refuse, and comes from operator new of the process: what is read of an
     object and made of its programs, in proportion to its file; messages; what keeps each map, and
     each program or map in a slot; copies that helpers make while they run. Called by any thread
     that calls into skep, with locks held: must not call into skep. */
  void* (*alloc)(void* user, size_t size);
  void (*free)(void* user, void* memory, size_t size);
  void* alloc_user;
  /* Every message that is put on a handle (ERROR), and what else is worth knowing (WARNING, INFO).
     Called by the thread that it happens in; must not call into skep. */
  void (*log)(void* user, int level, const char* text);
  void* log_user;
};

/* Makes a vm. Any. */
SKEP_API int skep_vm_new(const struct skep_vm_options* options, skep_vm** vm);
/* Lets go of a vm; it ends when its objects, frames and envs are gone too. Once, after all other
   calls with this handle. */
SKEP_API void skep_vm_free(skep_vm* vm);
/* Copies the last message of the vm, cut to `size` bytes with its zero; gives its length. Any. */
SKEP_API size_t skep_vm_message(const skep_vm* vm, char* buffer, size_t size);

/* ---- helpers and program types of the host -------------------------------------------------- */

/* Kinds of arguments. Pointers are checked before the helper is called: it can read or write what
   the kind says. `detail` is 0 where none is named. */
enum {
  SKEP_ARG_NONE = 0,
  SKEP_ARG_ANYTHING,         /* a number */
  SKEP_ARG_MAP,              /* a handle: skep_call_map() */
  SKEP_ARG_MAP_KEY,          /* key_size bytes of the map before, read */
  SKEP_ARG_MAP_VALUE,        /* value_size bytes, read */
  SKEP_ARG_UNINIT_MAP_VALUE, /* value_size bytes, written */
  SKEP_ARG_MEM,              /* memory, read; its size is the next argument */
  SKEP_ARG_MEM_OR_NULL,
  SKEP_ARG_WRITE_MEM, /* read and written */
  SKEP_ARG_WRITE_MEM_OR_NULL,
  SKEP_ARG_UNINIT_MEM,       /* written */
  SKEP_ARG_FIXED_MEM,        /* `detail` bytes, read */
  SKEP_ARG_WRITE_FIXED_MEM,  /* read and written */
  SKEP_ARG_UNINIT_FIXED_MEM, /* written */
  SKEP_ARG_SIZE,             /* of the memory before, at least 1 */
  SKEP_ARG_SIZE_OR_ZERO,
  SKEP_ARG_CONTEXT, /* r1 as it was at entry */
  SKEP_ARG_CONTEXT_OR_NULL,
  SKEP_ARG_FUNCTION,      /* a callback: skep_call_invoke(); needs SKEP_HELPER_MAY_CALL */
  SKEP_ARG_STACK_OR_NULL, /* handed to the callback */
  SKEP_ARG_CONST_STRING   /* text with its terminating zero */
};

enum {
  SKEP_RETURNS_INTEGER = 0,
  SKEP_RETURNS_VOID,
  SKEP_RETURNS_MAP_VALUE_OR_NULL /* of the map argument */
};

enum { SKEP_HELPER_GPL = 1, SKEP_HELPER_INVALIDATES_PACKET = 4, SKEP_HELPER_MAY_CALL = 8 };

struct skep_arg {
  uint32_t kind;
  uint32_t detail;
};

/* `args` are r1 to r5, checked; the result goes to r0. Called by the thread that runs the program;
   must not throw or longjmp. */
typedef uint64_t (*skep_helper_fn)(void* user, skep_call* call, const uint64_t args[5]);

struct skep_helper {
  size_t sz;
  uint32_t id;      /* from 65536 on */
  uint32_t returns; /* SKEP_RETURNS_* */
  const char* name;
  uint32_t flags; /* SKEP_HELPER_* */
  uint32_t reserved;
  struct skep_arg args[5];
  skep_helper_fn call;
  void* user; /* borrowed, for as long as programs may call the helper */
};

/* Adds a helper, which objects that are opened from then on may call. Any. */
SKEP_API int skep_vm_add_helper(skep_vm* vm, const struct skep_helper* helper);

/* For helpers, while they are called, by the thread that calls them. The map of a SKEP_ARG_MAP
   argument. */
SKEP_API skep_map* skep_call_map(skep_call* call, uint64_t handle);
/* The CPU that the run holds, below skep_vm_options::cpus. */
SKEP_API uint32_t skep_call_cpu(const skep_call* call);
/* What skep_frame_set_user() set. */
SKEP_API void* skep_call_user(const skep_call* call);
/* Runs a callback of the program on r1 to r5 = args. Not SKEP_OK: the run is over, so return. */
SKEP_API int skep_call_invoke(skep_call* call, uint64_t function, const uint64_t args[5],
                              uint64_t* r0);
/* Ends the run, with this text in its result. */
SKEP_API void skep_call_fail(skep_call* call, const char* text);

/* How programs see a context: not at all; through fields; or as the memory that it is. */
enum { SKEP_CONTEXT_NONE = 0, SKEP_CONTEXT_FIELDS, SKEP_CONTEXT_FLAT };

enum {
  SKEP_FIELD_SCALAR = 0,
  SKEP_FIELD_PACKET_START, /* pointers to the frame's packet; 4 bytes wide as in the kernel, or 8 */
  SKEP_FIELD_PACKET_END,
  SKEP_FIELD_PACKET_META,
  SKEP_FIELD_LENGTH /* of the packet */
};

enum {
  SKEP_WIDTH_WHOLE = 0, /* accessed whole */
  SKEP_WIDTH_NARROW,    /* parts can be read */
  SKEP_WIDTH_BYTES      /* an array, accessed at any width up to 8 */
};

struct skep_field {
  const char* name;
  uint32_t offset;  /* as programs see it */
  uint32_t size;    /* bytes; an array has several elements */
  uint32_t element; /* bytes of an element: 1, 2, 4 or 8; 0: `size` */
  uint32_t is;      /* SKEP_FIELD_* */
  uint32_t widths;  /* SKEP_WIDTH_* */
  uint32_t writable;
  uint32_t native;      /* scalars: offset in the structure of skep_frame_set_memory() */
  uint32_t native_size; /* bytes of an element there; 0: as programs see it */
};

struct skep_program_type {
  size_t sz;
  const char* name;
  uint32_t context;  /* SKEP_CONTEXT_* */
  uint32_t size;     /* bytes of the context; FLAT and 0: any, and r2 is how many */
  uint32_t writable; /* FLAT: programs may write it */
  uint32_t field_count;
  uint32_t section_count;
  uint32_t helper_count;
  const struct skep_field* fields;
  const char* const* sections; /* SEC() names, "hook" or "hook+" for "hook/anything" too;
                                  none: "<name>+" */
  const uint32_t* helpers;     /* ids that its programs may call; none: those of general use */
};

/* Adds a program type, which objects that are opened from then on may have. Any. */
SKEP_API int skep_vm_add_program_type(skep_vm* vm, const struct skep_program_type* type);

/* ---- objects and programs ------------------------------------------------------------------- */

struct skep_open_options {
  size_t sz;
  const char* name;    /* of the object; its first eight characters name the data maps */
  const char* program; /* only this one */
  const char* kconfig; /* text of a kernel configuration, for __kconfig externs */
  const void* btf;     /* the kernel's types, for CO-RE: a BTF blob or an ELF file with .BTF */
  size_t btf_size;
  uint32_t kernel_version; /* LINUX_KERNEL_VERSION; 0: 6.12 */
};

/* Reads a BPF object file. Programs and maps can be looked at, nothing runs yet. A program that
   can't be made is there, with its status. The message of a failure is on the vm. Any. */
SKEP_API int skep_object_open(skep_vm* vm, const void* bytes, size_t size,
                              const struct skep_open_options* options, skep_object** object);
/* Ends the object and its programs; its maps stay with the vm. Once, after all other calls with
   this handle, its programs, and frames whose result may name them. */
SKEP_API void skep_object_close(skep_object* object);
/* As skep_vm_message(). Any. */
SKEP_API size_t skep_object_message(const skep_object* object, char* buffer, size_t size);

/* Any, but for skep_object_load() at once. NULL for an index or name that is not there. */
SKEP_API size_t skep_object_program_count(const skep_object* object);
SKEP_API skep_program* skep_object_program_at(skep_object* object, size_t index);
SKEP_API skep_program* skep_object_find_program(skep_object* object, const char* name);

enum {
  SKEP_MODE_CHECKED = 0, /* each memory access of a program is checked */
  SKEP_MODE_TRUSTED      /* none is: the host vouches for the programs */
};

struct skep_load_options {
  size_t sz;
  uint32_t mode; /* SKEP_MODE_* */
};

/* Has the object use an existing map instead of making its own of that name; type, sizes and flags
   must be the same. Before skep_object_load(). One an object. */
SKEP_API int skep_object_reuse_map(skep_object* object, const char* name, skep_map* map);
/* Makes the maps and brings the programs to life. Fails if a map can't be made, or, after doing all
   that can be done, with the status of the first program that could not be loaded: the others run.
   Once, one an object. */
SKEP_API int skep_object_load(skep_object* object, const struct skep_load_options* options);

/* Any. */
SKEP_API const char* skep_program_name(const skep_program* program);
SKEP_API const char* skep_program_section(const skep_program* program);
SKEP_API const char* skep_program_type_name(const skep_program* program); /* "" if unknown */
SKEP_API const char* skep_program_attach_to(const skep_program* program); /* as its SEC() says */
SKEP_API size_t skep_program_insn_count(const skep_program* program);
/* SKEP_OK if nothing speaks against running it: before loading, that it could be made; after, that
   it was loaded. */
SKEP_API int skep_program_status(const skep_program* program);
SKEP_API size_t skep_program_message(const skep_program* program, char* buffer, size_t size);
/* The instructions as text, with the names of helpers and maps. */
SKEP_API size_t skep_program_disassemble(const skep_program* program, char* buffer, size_t size);

/* ---- maps ----------------------------------------------------------------------------------- */

/* Maps belong to their vm, until they are released. All functions on a map: any, beside programs
   that run on it. Keys and values are checked by their size: -EINVAL for another one. Errors are
   Linux's. */
struct skep_map_info {
  size_t sz;
  const char* name;
  uint32_t type; /* enum bpf_map_type */
  uint32_t key_size;
  uint32_t value_size;
  uint32_t max_entries;
  uint32_t flags;
  uint32_t host_value_size; /* of a value to the host: per-CPU maps give those of all CPUs, each
                               padded to 8 bytes */
};

/* The maps of an object: declared, and once loaded there; NULL before. Any, but for
   skep_object_load() at once. */
SKEP_API size_t skep_object_map_count(const skep_object* object);
SKEP_API int skep_object_map_info(const skep_object* object, size_t index,
                                  struct skep_map_info* info);
SKEP_API skep_map* skep_object_map_at(skep_object* object, size_t index);
SKEP_API skep_map* skep_object_find_map(skep_object* object, const char* name);

/* Makes a map from name, type, key_size, value_size, max_entries and flags. Its message is on the
   vm. Any. */
SKEP_API int skep_vm_create_map(skep_vm* vm, const struct skep_map_info* info, skep_map** map);
/* The newest map of that name. Any. */
SKEP_API skep_map* skep_vm_find_map(skep_vm* vm, const char* name);

SKEP_API int skep_map_get_info(const skep_map* map, struct skep_map_info* info);
/* Maps without keys (queues, stacks, bloom filters) take NULL and 0: lookup shows what would come
   out next, or asks whether `value` was put in; update puts in; lookup_and_delete takes out.
   `flags`: BPF_F_LOCK, and of an update BPF_ANY, BPF_NOEXIST, BPF_EXIST. */
SKEP_API int skep_map_lookup(skep_map* map, const void* key, size_t key_size, void* value,
                             size_t value_size, uint64_t flags);
SKEP_API int skep_map_lookup_and_delete(skep_map* map, const void* key, size_t key_size,
                                        void* value, size_t value_size, uint64_t flags);
SKEP_API int skep_map_update(skep_map* map, const void* key, size_t key_size, const void* value,
                             size_t value_size, uint64_t flags);
SKEP_API int skep_map_delete(skep_map* map, const void* key, size_t key_size);
/* The key after `key`, or the first for NULL or for one that is gone; -ENOENT after the last. */
SKEP_API int skep_map_next_key(skep_map* map, const void* key, void* next, size_t key_size);
/* Takes the records of a ring buffer, oldest first, and gives their number. One consumer at a time:
   another one is given none. */
typedef void (*skep_record_fn)(void* user, const void* record, size_t size);
SKEP_API uint64_t skep_map_consume(skep_map* map, skep_record_fn record, void* user);
/* Puts a loaded program into a slot of a prog array; NULL takes it out. It stays there though its
   object is closed. -EBUSY if too many replaced ones wait for runs that go on: try again later. */
SKEP_API int skep_map_set_program(skep_map* map, uint32_t index, skep_program* program);
/* Puts a map of the same vm into a map of maps. */
SKEP_API int skep_map_set_inner(skep_map* map, const void* key, size_t key_size, skep_map* inner,
                                uint64_t flags);
/* Lets the vm forget a map, which goes when no object and no map of maps has it any more. Once,
   after all other calls with this handle. */
SKEP_API int skep_vm_release_map(skep_vm* vm, skep_map* map);

/* ---- the world of a run --------------------------------------------------------------------- */

enum { SKEP_CLOCK_MONOTONIC = 0, SKEP_CLOCK_BOOT, SKEP_CLOCK_COARSE, SKEP_CLOCK_TAI };

struct skep_env_options {
  size_t sz;
  /* Hooks; each may be NULL, and is called by any thread that runs programs with this env. */
  uint64_t (*clock)(void* user, int clock); /* nanoseconds, SKEP_CLOCK_* */
  uint32_t (*random)(void* user);
  void (*print)(void* user, const char* line, size_t length); /* bpf_printk; NULL: discarded */
  void* user;
  uint32_t deterministic; /* not 0: the same clock and random numbers in each run, from `seed` */
  uint32_t has_task;      /* not 0: the members below are the task; 0: this process */
  uint64_t seed;
  uint32_t pid; /* of the thread */
  uint32_t tgid;
  uint32_t uid;
  uint32_t gid;
  const char* comm;
  uint64_t task_address; /* what bpf_get_current_task gives, an address of mapped memory */
  uint32_t numa_node;
};

/* Makes an env. Any. */
SKEP_API int skep_env_new(skep_vm* vm, const struct skep_env_options* options, skep_env** env);
/* Once, after all other calls with this handle and runs with it. */
SKEP_API void skep_env_free(skep_env* env);
/* Lets the probe_read helpers see `bytes` at `address`, as user memory or as the kernel's. Borrowed
   for as long as the env lives. Before runs, one an env. */
SKEP_API int skep_env_map_memory(skep_env* env, uint64_t address, const void* bytes, size_t size,
                                 int user_memory);

/* ---- runs ----------------------------------------------------------------------------------- */

/* A frame for programs of a type, by name: "xdp", "sched_cls", "kprobe", "tracepoint", "raw", or
   one that the host has added. It can be used for one run after the other. The message of a failure
   is on the vm. Any. */
SKEP_API int skep_frame_new(skep_vm* vm, const char* program_type, skep_frame** frame);
/* The functions on a frame: one a frame. */
SKEP_API void skep_frame_free(skep_frame* frame);
SKEP_API size_t skep_frame_message(const skep_frame* frame, char* buffer, size_t size);
/* A packet, with the room around it that the kernel leaves, and the fields that follow from a
   packet as if new. */
SKEP_API int skep_frame_set_packet(skep_frame* frame, const void* bytes, size_t size);
/* The memory that is the context: "raw", tracepoints, and a host's types, for which it is the
   structure behind the fields. Borrowed while the frame runs; written where programs may write. */
SKEP_API int skep_frame_set_memory(skep_frame* frame, void* memory, size_t size);
/* A field of the context, "mark", "cb[2]", "di": what the reference page of contexts has, or what
   the host's type has. */
SKEP_API int skep_frame_set_field(skep_frame* frame, const char* field, uint64_t value);
SKEP_API int skep_frame_get_field(const skep_frame* frame, const char* field, uint64_t* value);
/* kprobes: the function's argument `index`, where the machine's calling convention has it; its
   result; its address. */
SKEP_API int skep_frame_set_argument(skep_frame* frame, uint32_t index, uint64_t value);
SKEP_API int skep_frame_set_return(skep_frame* frame, uint64_t value);
SKEP_API int skep_frame_set_ip(skep_frame* frame, uint64_t value);
/* For skep_call_user(). Borrowed. */
SKEP_API void skep_frame_set_user(skep_frame* frame, void* user);
/* The packet as the run left it; until the next run or packet. */
SKEP_API int skep_frame_packet(const skep_frame* frame, const void** bytes, size_t* size);

enum {
  SKEP_REDIRECT_NONE = 0,
  SKEP_REDIRECT_INTERFACE,
  SKEP_REDIRECT_PEER,
  SKEP_REDIRECT_NEIGHBOUR,
  SKEP_REDIRECT_MAP
};

struct skep_redirect {
  size_t sz;
  uint32_t kind; /* SKEP_REDIRECT_* */
  uint32_t ifindex;
  uint64_t flags;
  skep_map* map; /* MAP: this entry of it */
  uint64_t key;
};

/* Where the last run sent the packet, by the redirect helpers. */
SKEP_API int skep_frame_redirect(const skep_frame* frame, struct skep_redirect* redirect);

struct skep_run_options {
  size_t sz;
  skep_env* env;   /* NULL: this machine's clocks and randomness, printk discarded */
  uint64_t budget; /* insns, charged a basic block at a time; 0: no limit */
  uint32_t repeat; /* runs over the same frame, 0: 1 */
  uint32_t on_cpu; /* not 0: the run holds `cpu`, and SKEP_E_BUSY if another run does; 0: any */
  uint32_t cpu;
};

struct skep_result {
  size_t sz;
  int32_t code; /* what skep_program_run() returned */
  uint32_t pc;  /* of the fault: number of the insn slot */
  uint64_t r0;
  uint64_t insns;       /* executed */
  uint64_t nanoseconds; /* of all repeats */
  uint64_t fault_address;
  uint64_t fault_size;
  uint32_t source_line; /* of the fault; 0 if not known */
  uint32_t source_column;
  /* Until the frame's next run; "" where there is none. */
  const char* fault_name;  /* "bad_access": `skep explain bad_access` says more */
  const char* message;     /* complete: the insn, the source line, what was wrong */
  const char* source_file; /* until the object is closed */
  const char* source_text;
};

/* Runs a program on a frame of its type, which is changed in place. SKEP_E_FAULT if the run was
   ended; SKEP_E_USAGE if the frame lacks what the type needs. `result` may be NULL. Any, one a
   frame; as many at once as the vm has CPUs, then SKEP_E_BUSY. */
SKEP_API int skep_program_run(skep_program* program, skep_frame* frame,
                              const struct skep_run_options* options, struct skep_result* result);

#ifdef __cplusplus
}
#endif

#endif
