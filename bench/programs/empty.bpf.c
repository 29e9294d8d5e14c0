// Does nothing: what entering a program costs.
#include "program.h"

PROGRAM(empty, 8) {
  (void)memory;
  return 0;
}
