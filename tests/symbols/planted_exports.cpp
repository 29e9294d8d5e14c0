// A shared library that shows one function of skep.h and one that is nobody's: exports_test wants
// both what is too much and what is missing found.
extern "C" {
int skep_version() {
  return 0;
}
int leaked_from_within() {
  return 1;
}
}
