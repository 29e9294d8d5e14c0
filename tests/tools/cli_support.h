// Runs the skep command as a shell does, in a folder of its own with the inputs that cases name.
#pragma once

#include <string>

namespace skep {

struct Ran {
  int code = -1;  // exit code; 128 + signal if it was killed
  std::string out;
  std::string err;
};

// `command` is shell text in which `skep` stands for the command under test.
Ran run_shell(const std::string& command);

// Why the kernel can't be asked, as a test says that it skips; "" if it can. Another failure than a
// lack of permission, of the kernel or of the backend in this build fails the test.
std::string kernel_missing();

// The folder that commands run in, made at the first call.
const std::string& work_folder();
void write_file(const std::string& name, const std::string& content);
std::string read_file(const std::string& name);

}  // namespace skep
