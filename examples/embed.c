/* The least C program that embeds skep: loads an XDP program from an object file and asks it about
 * one packet.
 *
 *   embed_c xdp_firewall.bpf.o
 */
#include <skep.h>

#include <stdio.h>
#include <stdlib.h>

static unsigned char* read_file(const char* path, size_t* size) {
  unsigned char* bytes = NULL;
  FILE* file = fopen(path, "rb");
  if (file == NULL) return NULL;
  if (fseek(file, 0, SEEK_END) == 0 && ftell(file) > 0) {
    *size = (size_t)ftell(file);
    rewind(file);
    bytes = malloc(*size);
    if (bytes != NULL && fread(bytes, 1, *size, file) != *size) {
      free(bytes);
      bytes = NULL;
    }
  }
  fclose(file);
  return bytes;
}

/* What the first program of the object says of the packet; 0 if it could be asked. */
static int ask(skep_object* object, skep_frame* frame, const void* packet, size_t size) {
  struct skep_result result = {sizeof result};
  char text[512];
  if (skep_object_load(object, NULL) != SKEP_OK) {
    skep_object_message(object, text, sizeof text);
    puts(text);
    return 1;
  }
  skep_frame_set_packet(frame, packet, size);
  if (skep_program_run(skep_object_program_at(object, 0), frame, NULL, &result) != SKEP_OK) {
    skep_frame_message(frame, text, sizeof text);
    puts(text);
    return 1;
  }
  printf("verdict %d\n", (int)result.r0);
  return 0;
}

int main(int argc, char** argv) {
  static const unsigned char arp[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06};
  skep_vm* vm = NULL;
  skep_object* object = NULL;
  skep_frame* frame = NULL;
  size_t size = 0;
  unsigned char* bytes = argc > 1 ? read_file(argv[1], &size) : NULL;
  int failed = 1;
  if (bytes == NULL) {
    puts("usage: embed_c OBJECT");
  } else if (skep_vm_new(NULL, &vm) == SKEP_OK &&
             skep_object_open(vm, bytes, size, NULL, &object) == SKEP_OK &&
             skep_frame_new(vm, "xdp", &frame) == SKEP_OK) {
    failed = ask(object, frame, arp, sizeof arp);
  } else {
    char text[512];
    skep_vm_message(vm, text, sizeof text);
    puts(text);
  }
  skep_frame_free(frame);
  skep_object_close(object);
  skep_vm_free(vm);
  free(bytes);
  return failed;
}
