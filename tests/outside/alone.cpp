// The whole of one library and what it says it needs, linked into this: an undefined reference
// means that a library uses what is not below it. Linking is the test; see tests/CMakeLists.txt.
int main() {}
